// SPDX-License-Identifier: Apache-2.0
// In: the ledger's rows of untouched objects by size, the heap profile. Out: what of each stack is
// in memory. The runtime keeps a record for each stack and size (runtime/mprof.go, stkbucket), so a
// row of a single size is of that size exactly.
#include "verdict/untouched.h"

#include <stdlib.h>
#include <string.h>

static const char PREFIX[] = "go.heap.untouched.";

static int64_t object_size_of(const struct heap_view *view, const struct profile_stack_row *row)
{
	int64_t objects = view->objects == PROFILE_NONE ? 0 : row->values[view->objects];
	return objects > 0 ? row->value / objects : 0;
}

// A scaled count is rounded, and so the size that comes of it is not exact.
static bool is_size(int64_t size, int64_t object_size)
{
	return llabs(size - object_size) <= object_size / 64;
}

static double profiled_of_size(const struct heap_view *view, int64_t object_size)
{
	double sum = 0;
	VEC_FOREACH (row, &view->stacks->rows)
		if (is_size(object_size_of(view, row), object_size))
			sum += (double)row->value;
	return sum;
}

void untouched_gather(const struct facts *facts, const struct heap_view *view,
		      struct untouched *untouched)
{
	untouched->count = 0;
	if (!facts)
		return;
	VEC_FOREACH (fact, &facts->list) {
		if (strncmp(fact->name, PREFIX, sizeof PREFIX - 1) != 0 ||
		    untouched->count == UNTOUCHED_SIZES_MAX)
			continue;
		int64_t size = strtoll(fact->name + sizeof PREFIX - 1, NULL, 10);
		double profiled = profiled_of_size(view, size);
		double share = profiled > 0 ? fact->value / profiled : 0;
		if (!(share > 0))
			continue;
		untouched->sizes[untouched->count].object_size = size;
		untouched->sizes[untouched->count++].share = share > 1 ? 1 : share;
	}
}

double touched_share(const struct untouched *untouched, const struct heap_view *view,
		     const struct profile_stack_row *row)
{
	int64_t size = object_size_of(view, row);
	for (size_t i = 0; i < untouched->count; i++)
		if (is_size(size, untouched->sizes[i].object_size))
			return 1 - untouched->sizes[i].share;
	return 1;
}
