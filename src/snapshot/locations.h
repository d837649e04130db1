// SPDX-License-Identifier: Apache-2.0
/*
 * Stacks of logical program counters as locations of a profile, grouped the way Go's own profiles
 * are: what is inlined at one place is one location.
 *
 * Source: runtime/pprof/proto.go (appendLocsForStack, pcDeck).
 */
#pragma once

#include "base/map.h"
#include "base/vec.h"
#include "golang/functab.h"
#include "profile/profile.h"

enum { LOCATIONS_STACK_MAX = 8192 };

// One location that was made for a run of program counters: the first and those inlined into it.
struct made_location {
	uint32_t index;
	size_t pc_count;
};

struct locations {
	uint32_t list[LOCATIONS_STACK_MAX]; // of the last stack, leaf first
	uint32_t count;

	// How they are made.
	struct profile *profile;
	struct functab *functab;
	uint32_t mapping;
	struct map by_pc; // first pc -> index in `made`
	VEC(struct made_location) made;
	// The deck: logical frames of one physical frame, innermost first, not made a location yet.
	const struct go_frame *deck[PROFILE_MAX_INLINE_DEPTH];
	taddr_t deck_pc;
	size_t deck_count;
	struct error *error;
};

// Adds the mapping of the executable first (file "": there is none). NULL where that fails.
struct locations *locations_new(struct profile *profile, struct functab *functab,
				const struct profile_mapping *executable, struct error *error);
void locations_free(struct locations *locations);
// Fills `list`.
bool locations_of_stack(struct locations *locations, const taddr_t *stack, size_t depth,
			struct error *error) must_check;
