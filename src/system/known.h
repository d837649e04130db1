// SPDX-License-Identifier: Apache-2.0
// A number that may be missing. Absent is not zero: read `value` only where `known` is set.
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct known_u64 {
	uint64_t value;
	bool known;
};

static inline struct known_u64 known(uint64_t value)
{
	return (struct known_u64){.value = value, .known = true};
}
