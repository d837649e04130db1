// SPDX-License-Identifier: Apache-2.0
// Pseudo-random numbers (splitmix64) that are the same everywhere for one seed, so that a test that
// failed fails again.
#pragma once

#include <stddef.h>
#include <stdint.h>

static inline uint64_t random_next(uint64_t *state)
{
	uint64_t value = *state += 0x9e3779b97f4a7c15u;
	value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9u;
	value = (value ^ value >> 27) * 0x94d049bb133111ebu;
	return value ^ value >> 31;
}

// Flips one bit in each of `count` random bytes.
static inline void random_damage(uint64_t *state, uint8_t *bytes, size_t size, size_t count)
{
	for (size_t i = 0; size && i < count; i++) {
		uint64_t dice = random_next(state);
		bytes[dice % size] ^= (uint8_t)(1 << (dice >> 60) % 8);
	}
}
