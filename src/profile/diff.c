// SPDX-License-Identifier: Apache-2.0
// In: two profiles. Out: their stacks and functions by growth.
#include "profile/diff.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/strbuf.h"
#include "profile/profile.h"
#include "profile/profile_sums.h"
#include "profile/top.h"

// The types both profiles have: their indexes in each.
struct common_types {
	uint32_t before[PROFILE_MAX_SAMPLE_TYPES], after[PROFILE_MAX_SAMPLE_TYPES];
	size_t count;
};

// Where a profile has a type twice, the first goes with the first and the second with the second.
static uint32_t find_same_type(const struct profile *profile,
			       const struct profile_value_type *wanted, bool *taken)
{
	for (uint32_t i = 0; i < profile->sample_types.count; i++) {
		const struct profile_value_type *known = &profile->sample_types.items[i];
		if (taken[i] || strcmp(known->type, wanted->type) ||
		    strcmp(known->unit, wanted->unit))
			continue;
		taken[i] = true;
		return i;
	}
	return PROFILE_NONE;
}

static void find_common_types(const struct profile *before, const struct profile *after,
			      struct common_types *common)
{
	bool taken[PROFILE_MAX_SAMPLE_TYPES] = {0};
	for (uint32_t i = 0; i < after->sample_types.count; i++) {
		uint32_t index = find_same_type(before, &after->sample_types.items[i], taken);
		if (index == PROFILE_NONE)
			continue;
		common->before[common->count] = index;
		common->after[common->count++] = i;
	}
}

static bool add_types(struct profile_diff *diff, const struct profile *before,
		      const struct profile *after, const struct common_types *common,
		      struct error *error)
{
	for (size_t i = 0; i < common->count; i++) {
		const struct profile_value_type *type =
			&after->sample_types.items[common->after[i]];
		struct profile_diff_type added = {
			.type = stack_table_add_text(&diff->table, type->type),
			.unit = stack_table_add_text(&diff->table, type->unit),
			.total_before = profile_total(before, common->before[i]),
			.total_after = profile_total(after, common->after[i]),
		};
		if (!added.type || !added.unit)
			return error_set(error, ERROR_LIMIT, "diff: no memory");
		vec_push(&diff->types, added);
	}
	return true;
}

static bool no_types(const struct profile *before, const struct profile *after, struct error *error)
{
	_cleanup_free_ char *left = profile_format_sample_types(before);
	_cleanup_free_ char *right = profile_format_sample_types(after);
	return error_set(error, ERROR_NOT_FOUND,
			 "diff: no sample type is in both profiles; before: %s; after: %s",
			 left[0] ? left : "none", right[0] ? right : "none");
}

static bool type_missing(const struct profile_diff *diff, const char *type, struct error *error)
{
	struct strbuf types = {0};
	for (size_t i = 0; i < diff->types.count; i++) {
		strbuf_add(&types, i ? ", " : "");
		strbuf_add_safe(&types, diff->types.items[i].type);
	}
	error_set(error, ERROR_NOT_FOUND, "diff: sample type %s is not in both profiles", type);
	error_hint(error, "both have: %s", types.text);
	strbuf_deinit(&types);
	return false;
}

static bool choose_type(struct profile_diff *diff, const struct profile *after, const char *type,
			struct error *error)
{
	const char *wanted = type ? type : after->default_sample_type;
	diff->type = (uint32_t)diff->types.count - 1;
	for (uint32_t i = 0; i < diff->types.count; i++) {
		if (strcmp(diff->types.items[i].type, wanted))
			continue;
		diff->type = i;
		return true;
	}
	return !type || type_missing(diff, type, error);
}

static bool map_stacks(struct profile_diff *diff, const struct profile *profile, uint32_t **stacks,
		       struct error *error)
{
	*stacks = alloc_try_array(profile->samples.count + 1, sizeof **stacks);
	if (!*stacks)
		return error_set(error, ERROR_LIMIT, "diff: no memory for the stacks");
	return stack_table_add_stacks(&diff->table, profile, *stacks, error);
}

// Sorting needs to know the type, and qsort has no room for it.
static int compare_rows(const void *left, const void *right, void *type)
{
	const struct profile_diff_row *a = left, *b = right;
	uint32_t i = *(const uint32_t *)type;
	if (a->delta[i] != b->delta[i])
		return a->delta[i] > b->delta[i] ? -1 : 1;
	if (a->after[i] != b->after[i])
		return a->after[i] > b->after[i] ? -1 : 1;
	return profile_stack_compare(&a->stack, &b->stack);
}

// `values` holds before, after and delta, each for every stack and type.
static void fill_rows(struct profile_diff *diff, int64_t *values)
{
	size_t types = diff->types.count, stacks = diff->table.stacks.count;
	int64_t *before = values, *after = values + stacks * types, *delta = after + stacks * types;
	for (size_t i = 0; i < stacks * types; i++)
		delta[i] = subtract_saturated(after[i], before[i]);
	for (size_t i = 0; i < stacks; i++) {
		struct profile_diff_row row = {
			.stack = diff->table.stacks.items[i],
			.before = before + i * types,
			.after = after + i * types,
			.delta = delta + i * types,
		};
		if (profile_any_value(row.before, types) || profile_any_value(row.after, types))
			vec_push(&diff->rows, row);
	}
	if (diff->rows.count)
		qsort_r(diff->rows.items, diff->rows.count, sizeof *diff->rows.items, compare_rows,
			&diff->type);
}

static bool diff_stacks(struct profile_diff *diff, const struct profile *before,
			const struct profile *after, const struct common_types *common,
			struct error *error)
{
	_cleanup_free_ uint32_t *stacks_before = NULL, *stacks_after = NULL;
	if (!map_stacks(diff, before, &stacks_before, error) ||
	    !map_stacks(diff, after, &stacks_after, error))
		return false;
	size_t count = diff->table.stacks.count * common->count;
	int64_t *values = arena_array(&diff->table.arena, count, 3 * sizeof *values);
	if (!values)
		return error_set(error, ERROR_LIMIT, "diff: no memory for %zu stacks",
				 diff->table.stacks.count);
	profile_sum_stacks(before, stacks_before, common->before, common->count, values);
	profile_sum_stacks(after, stacks_after, common->after, common->count, values + count);
	fill_rows(diff, values);
	return true;
}

// The row of `row`'s function, made when it is new. NULL when the table is full.
static struct profile_diff_function *
put_function(struct profile_diff *diff, struct map *row_of_name, const struct profile_top_row *row)
{
	struct profile_diff_function added = {
		.function = stack_table_add_text(&diff->table, row->function),
		.file = stack_table_add_text(&diff->table, row->file),
		.line = row->line,
	};
	if (!added.function || !added.file)
		return NULL;
	bool is_new;
	uint64_t key = (uintptr_t)added.function;
	const uint64_t *index = map_put(row_of_name, key, diff->functions.count, &is_new);
	if (is_new)
		vec_push(&diff->functions, added);
	return &diff->functions.items[*index];
}

// `after` comes first, so that the place of a function is the one it has then.
static bool join_functions(struct profile_diff *diff, struct map *row_of_name,
			   const struct profile_top *top, bool is_after, struct error *error)
{
	VEC_FOREACH (row, &top->rows) {
		struct profile_diff_function *function = put_function(diff, row_of_name, row);
		if (!function)
			return error_set(error, ERROR_LIMIT, "diff: no memory for the functions");
		*(is_after ? &function->flat_after : &function->flat_before) = row->flat;
		*(is_after ? &function->cum_after : &function->cum_before) = row->cum;
	}
	return true;
}

static int compare_functions(const void *left, const void *right)
{
	const struct profile_diff_function *a = left, *b = right;
	if (a->flat_delta != b->flat_delta)
		return a->flat_delta > b->flat_delta ? -1 : 1;
	if (a->cum_delta != b->cum_delta)
		return a->cum_delta > b->cum_delta ? -1 : 1;
	return strcmp(a->function, b->function);
}

static void sort_functions(struct profile_diff *diff)
{
	VEC_FOREACH (row, &diff->functions) {
		row->flat_delta = subtract_saturated(row->flat_after, row->flat_before);
		row->cum_delta = subtract_saturated(row->cum_after, row->cum_before);
	}
	if (diff->functions.count)
		qsort(diff->functions.items, diff->functions.count, sizeof *diff->functions.items,
		      compare_functions);
}

static bool diff_functions(struct profile_diff *diff, const struct profile *before,
			   const struct profile *after, const struct common_types *common,
			   struct error *error)
{
	_cleanup_(profile_top_freep) struct profile_top *top_before = NULL, *top_after = NULL;
	_cleanup_(map_deinit) struct map row_of_name = {0};
	if (!profile_top_new(before, common->before[diff->type], PROFILE_TOP_FLAT, &top_before,
			     error) ||
	    !profile_top_new(after, common->after[diff->type], PROFILE_TOP_FLAT, &top_after,
			     error) ||
	    !join_functions(diff, &row_of_name, top_after, true, error) ||
	    !join_functions(diff, &row_of_name, top_before, false, error))
		return false;
	sort_functions(diff);
	return true;
}

bool profile_diff_new(const struct profile *before, const struct profile *after, const char *type,
		      struct profile_diff **diff, struct error *error)
{
	struct common_types common = {.count = 0};
	find_common_types(before, after, &common);
	if (!common.count)
		return no_types(before, after, error);
	_cleanup_(profile_diff_freep) struct profile_diff *made = alloc_zero(sizeof *made);
	stack_table_init(&made->table);
	if (!add_types(made, before, after, &common, error) ||
	    !choose_type(made, after, type, error) ||
	    !diff_stacks(made, before, after, &common, error) ||
	    !diff_functions(made, before, after, &common, error))
		return false;
	*diff = take_ptr(made);
	return true;
}

void profile_diff_free(struct profile_diff *diff)
{
	if (!diff)
		return;
	vec_deinit(&diff->rows);
	vec_deinit(&diff->types);
	vec_deinit(&diff->functions);
	stack_table_deinit(&diff->table);
	free(diff);
}
