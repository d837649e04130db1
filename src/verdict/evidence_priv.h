// SPDX-License-Identifier: Apache-2.0
// The parts that evidence_gather works in: the heap by stack, the goroutines by kind.
#pragma once

#include "verdict/evidence.h"

static const double GROWTH_SHARE_MIN = 0.05;     // of the memory: less is the usual back and forth
static const int64_t GROWTH_BYTES_MIN = 8 << 20; // likewise

// A file may hold any values: sums stay at the end of the range.
static inline void evidence_add_up(int64_t *sum, int64_t value)
{
	if (__builtin_add_overflow(*sum, value, sum))
		*sum = value < 0 ? INT64_MIN / 4 : INT64_MAX / 4;
}

// What every stack holds, and of it what will be kept; then, when it is known what grew, whether
// that of the heap decides.
void evidence_gather_heap(struct evidence *evidence, const struct profile *before);
void evidence_judge_heap(struct evidence *evidence);
// Where the heap was seen to go up and down between the looks.
void evidence_lower_waves(struct evidence *evidence);
// Of a rise of the heap of so many bytes, what will not be garbage at the next collection.
int64_t evidence_bound_by_marked(const struct evidence *evidence, int64_t rise);

void evidence_gather_groups(struct evidence *evidence);
