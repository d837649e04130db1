// SPDX-License-Identifier: Apache-2.0
/*
 * A hash map from a 64-bit key to a 64-bit value (an index, as a rule), and the hash that turns
 * strings and byte runs into keys. Open addressing; no removal, nobody needs it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct map_slot;

struct map {
	struct map_slot *slots;
	size_t count, capacity; // capacity is a power of two, or 0
	uint64_t seed;          // keys come from outside: nobody may choose collisions
};

void map_deinit(struct map *map);
// A pointer to the value of `key`, valid until the next map_put; NULL when it is not there.
uint64_t *map_find(const struct map *map, uint64_t key);
// The slot of `key`, made with `value` when it is new. Aborts when the machine has no memory.
uint64_t *map_put(struct map *map, uint64_t key, uint64_t value, bool *is_new);

uint64_t hash_bytes(const void *data, size_t size);
uint64_t hash_u64(uint64_t value);
// Folds `value` into a running hash.
uint64_t hash_mix(uint64_t hash, uint64_t value);
