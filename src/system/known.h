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

// For sums, where what is not known adds nothing. A few dozen of these stay in bounds, whatever a
// file says.
static inline int64_t known_or_zero(struct known_u64 number)
{
	const uint64_t most = INT64_MAX / 64;
	if (!number.known)
		return 0;
	return (int64_t)(number.value < most ? number.value : most);
}
