// SPDX-License-Identifier: Apache-2.0
// In: samples. Out: sums of their values.
#include "profile/profile_sums.h"

#include "base/cleanup.h"
#include "profile/profile.h"

bool profile_check_sample_type(const struct profile *profile, uint32_t sample_type,
			       struct error *error)
{
	if (sample_type < profile->sample_types.count)
		return true;
	_cleanup_free_ char *types = profile_format_sample_types(profile);
	return error_set(error, ERROR_USAGE, "profile: no such sample type; it has: %s",
			 types[0] ? types : "none");
}

int64_t profile_total(const struct profile *profile, uint32_t sample_type)
{
	uint64_t total = 0;
	VEC_FOREACH (sample, &profile->samples) {
		if (__builtin_add_overflow(total, magnitude(sample->values[sample_type]), &total))
			return INT64_MAX;
	}
	return total > INT64_MAX ? INT64_MAX : (int64_t)total;
}

void profile_sum_stacks(const struct profile *profile, const uint32_t *stack_of_sample,
			const uint32_t *types, size_t type_count, int64_t *values)
{
	for (size_t i = 0; i < profile->samples.count; i++) {
		int64_t *sums = values + stack_of_sample[i] * type_count;
		for (size_t j = 0; j < type_count; j++)
			sums[j] =
				add_saturated(sums[j], profile->samples.items[i].values[types[j]]);
	}
}

bool profile_any_value(const int64_t *values, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (values[i])
			return true;
	return false;
}
