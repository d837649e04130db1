// SPDX-License-Identifier: Apache-2.0
// Objects that were allocated and not touched so far (a ballast, a buffer or a channel made too
// large, a large copy under way, an array that stays empty): the heap profile counts them, the
// memory does not.
#pragma once

#include "verdict/evidence.h"

enum { UNTOUCHED_SIZES_MAX = 128 };

struct untouched {
	size_t count;
	struct {
		int64_t object_size;
		double share; // of what the profile has of that size
	} sizes[UNTOUCHED_SIZES_MAX];
};

// `facts` may be NULL: then nothing is known to be untouched.
void untouched_gather(const struct facts *facts, const struct heap_view *view,
		      struct untouched *untouched);
// What of a row is in memory.
double touched_share(const struct untouched *untouched, const struct heap_view *view,
		     const struct profile_stack_row *row);
