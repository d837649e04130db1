// SPDX-License-Identifier: Apache-2.0
/*
 * What grew from one profile to the next, by stack and by function.
 *
 * Stacks are the same when their functions, files and lines are: addresses do not count, so two
 * runs and two builds compare. Sample types are the same when name and unit are. Linear in the size
 * of both, but for sorting the rows.
 *
 * Ownership: the result owns its texts and outlives both profiles.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "profile/stack_table.h"

struct profile;

struct profile_diff_type {
	const char *type, *unit;
	int64_t total_before, total_after; // sums of magnitudes
};

struct profile_diff_row {
	struct profile_stack stack;
	const int64_t *before, *after, *delta; // one for each of the diff's types
};

struct profile_diff_function {
	const char *function;
	const char *file; // with the line: where it holds most, after; before when it is gone
	int64_t line;
	int64_t flat_before, flat_after, flat_delta;
	int64_t cum_before, cum_after, cum_delta;
};

struct profile_diff {
	struct stack_table table;            // owns frames and texts
	VEC(struct profile_diff_type) types; // those both profiles have, in the order of `after`
	uint32_t type;                       // the one the rows are sorted by
	// The largest growth first, the largest shrinkage last; what is 0 in both is left out.
	VEC(struct profile_diff_row) rows;
	VEC(struct profile_diff_function) functions; // of that type only, by flat_delta
};

// `type` NULL: the default of `after` when both have it, else the last that both have.
// ERROR_NOT_FOUND, naming the types both have, when one of them lacks the type; ERROR_LIMIT.
bool profile_diff_new(const struct profile *before, const struct profile *after, const char *type,
		      struct profile_diff **diff, struct error *error) must_check;
void profile_diff_free(struct profile_diff *diff);
static inline void profile_diff_freep(struct profile_diff **diff)
{
	profile_diff_free(*diff);
}
