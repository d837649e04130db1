// SPDX-License-Identifier: Apache-2.0
/*
 * Who holds the most: by function (flat and cum, as `go tool pprof -top` counts and sorts them) and
 * by whole stack.
 *
 * flat: what the function holds itself; cum: what it and everything it called hold; a sample counts
 * once for a function however often that recurs in its stack. Sums stay at the end of the range
 * instead of overflowing. Results own their texts and outlive the profile.
 *
 * Errors: ERROR_USAGE for a sample type that is not there; ERROR_LIMIT when there is no memory.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "profile/stack_table.h"

struct profile;

enum profile_top_order { PROFILE_TOP_FLAT, PROFILE_TOP_CUM };

struct profile_top_row {
	const char *function;
	// Where in the function: the line with the most flat, or, when none has any, the most cum.
	const char *file;
	int64_t line;
	int64_t flat, cum;
};

struct profile_top {
	struct stack_table table; // owns the texts
	VEC(struct profile_top_row) rows;
	int64_t total; // sum of the magnitudes of all samples: what percentages refer to
};

// Rows with neither flat nor cum are left out, as pprof does.
bool profile_top_new(const struct profile *profile, uint32_t sample_type,
		     enum profile_top_order order, struct profile_top **top,
		     struct error *error) must_check;
void profile_top_sort(struct profile_top *top, enum profile_top_order order);
void profile_top_free(struct profile_top *top);
static inline void profile_top_freep(struct profile_top **top)
{
	profile_top_free(*top);
}

struct profile_stack_row {
	struct profile_stack stack;
	int64_t value;         // of the sample type that was asked for
	const int64_t *values; // of every sample type of the profile
};

struct profile_top_stacks {
	struct stack_table table; // owns frames and texts
	VEC(struct profile_stack_row) rows;
	int64_t total;
};

// Samples with the same stack merged, the largest magnitude first. Stacks that hold nothing of any
// type are left out.
bool profile_top_stacks_new(const struct profile *profile, uint32_t sample_type,
			    struct profile_top_stacks **stacks, struct error *error) must_check;
// One row for each sample: those of one stack stay apart, as a heap profile's do by their size.
// Equal stacks have equal `frames`.
bool profile_top_samples_new(const struct profile *profile, uint32_t sample_type,
			     struct profile_top_stacks **stacks, struct error *error) must_check;
void profile_top_stacks_free(struct profile_top_stacks *stacks);
static inline void profile_top_stacks_freep(struct profile_top_stacks **stacks)
{
	profile_top_stacks_free(*stacks);
}
