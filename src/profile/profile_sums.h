// SPDX-License-Identifier: Apache-2.0
// Adding up samples whose values may be anything: sums stay at the end of the range instead of
// overflowing. Private to profile/.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct profile;

// ERROR_USAGE, with the types there are, unless `sample_type` is the index of one.
bool profile_check_sample_type(const struct profile *profile, uint32_t sample_type,
			       struct error *error) must_check;
// The sum of the magnitudes of all samples: what pprof's percentages refer to.
int64_t profile_total(const struct profile *profile, uint32_t sample_type);
// Adds every sample's values of `types` to those of its stack, which has `type_count` of them.
void profile_sum_stacks(const struct profile *profile, const uint32_t *stack_of_sample,
			const uint32_t *types, size_t type_count, int64_t *values);
bool profile_any_value(const int64_t *values, size_t count); // one of them is not 0

static inline int64_t add_saturated(int64_t left, int64_t right)
{
	int64_t sum;
	if (!__builtin_add_overflow(left, right, &sum))
		return sum;
	return left < 0 ? INT64_MIN : INT64_MAX;
}

static inline int64_t subtract_saturated(int64_t left, int64_t right)
{
	int64_t difference;
	if (!__builtin_sub_overflow(left, right, &difference))
		return difference;
	return left < 0 ? INT64_MIN : INT64_MAX;
}

static inline uint64_t magnitude(int64_t value)
{
	return value < 0 ? -(uint64_t)value : (uint64_t)value;
}

// For qsort: the larger magnitude first.
static inline int compare_magnitudes(int64_t left, int64_t right)
{
	uint64_t a = magnitude(left), b = magnitude(right);
	return (a < b) - (a > b);
}
