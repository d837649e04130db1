// SPDX-License-Identifier: Apache-2.0
// In: a profile and one of its sample types. Out: its stacks by what they hold.
#include "profile/top.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "profile/profile.h"
#include "profile/profile_sums.h"

static int compare_rows(const void *left, const void *right)
{
	const struct profile_stack_row *a = left, *b = right;
	int order = compare_magnitudes(a->value, b->value);
	return order ? order : profile_stack_compare(&a->stack, &b->stack);
}

static void add_row(struct profile_top_stacks *stacks, uint32_t stack, const int64_t *values,
		    size_t types, uint32_t sample_type)
{
	struct profile_stack_row row = {
		.stack = stacks->table.stacks.items[stack],
		.value = values[sample_type],
		.values = values,
	};
	if (profile_any_value(values, types))
		vec_push(&stacks->rows, row);
}

static void sort_rows(struct profile_top_stacks *stacks)
{
	if (stacks->rows.count)
		qsort(stacks->rows.items, stacks->rows.count, sizeof *stacks->rows.items,
		      compare_rows);
}

static bool fill_by_stack(struct profile_top_stacks *stacks, const struct profile *profile,
			  const uint32_t *stack_of_sample, uint32_t sample_type)
{
	size_t types = profile->sample_types.count;
	int64_t *values = arena_array(&stacks->table.arena, stacks->table.stacks.count * types,
				      sizeof *values);
	if (!values)
		return false;
	uint32_t every_type[PROFILE_MAX_SAMPLE_TYPES];
	for (uint32_t i = 0; i < types; i++)
		every_type[i] = i;
	profile_sum_stacks(profile, stack_of_sample, every_type, types, values);
	for (uint32_t i = 0; i < stacks->table.stacks.count; i++)
		add_row(stacks, i, values + i * types, types, sample_type);
	return true;
}

static bool fill_by_sample(struct profile_top_stacks *stacks, const struct profile *profile,
			   const uint32_t *stack_of_sample, uint32_t sample_type)
{
	size_t types = profile->sample_types.count;
	int64_t *values =
		arena_array(&stacks->table.arena, profile->samples.count * types, sizeof *values);
	if (!values && profile->samples.count)
		return false;
	for (size_t i = 0; i < profile->samples.count; i++) {
		int64_t *own = values + i * types;
		memcpy(own, profile->samples.items[i].values, types * sizeof *own);
		add_row(stacks, stack_of_sample[i], own, types, sample_type);
	}
	return true;
}

static bool fill(struct profile_top_stacks *stacks, const struct profile *profile,
		 uint32_t sample_type, bool by_sample, struct error *error)
{
	_cleanup_free_ uint32_t *stack_of_sample =
		alloc_try_array(profile->samples.count + 1, sizeof *stack_of_sample);
	if (!stack_of_sample)
		return error_set(error, ERROR_LIMIT, "profile: no memory for its stacks");
	if (!stack_table_add_stacks(&stacks->table, profile, stack_of_sample, error))
		return false;
	bool filled = by_sample ? fill_by_sample(stacks, profile, stack_of_sample, sample_type)
				: fill_by_stack(stacks, profile, stack_of_sample, sample_type);
	if (!filled)
		return error_set(error, ERROR_LIMIT, "profile: no memory for its stacks");
	stacks->total = profile_total(profile, sample_type);
	sort_rows(stacks);
	return true;
}

static bool make(const struct profile *profile, uint32_t sample_type, bool by_sample,
		 struct profile_top_stacks **stacks, struct error *error)
{
	if (!profile_check_sample_type(profile, sample_type, error))
		return false;
	_cleanup_(profile_top_stacks_freep) struct profile_top_stacks *made =
		alloc_zero(sizeof *made);
	stack_table_init(&made->table);
	if (!fill(made, profile, sample_type, by_sample, error))
		return false;
	*stacks = take_ptr(made);
	return true;
}

bool profile_top_stacks_new(const struct profile *profile, uint32_t sample_type,
			    struct profile_top_stacks **stacks, struct error *error)
{
	return make(profile, sample_type, false, stacks, error);
}

bool profile_top_samples_new(const struct profile *profile, uint32_t sample_type,
			     struct profile_top_stacks **stacks, struct error *error)
{
	return make(profile, sample_type, true, stacks, error);
}

void profile_top_stacks_free(struct profile_top_stacks *stacks)
{
	if (!stacks)
		return;
	vec_deinit(&stacks->rows);
	stack_table_deinit(&stacks->table);
	free(stacks);
}
