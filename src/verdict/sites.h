// SPDX-License-Identifier: Apache-2.0
// The functions of the program's own code that allocated what the Go heap holds, now and at the
// baseline: each stack counts for the nearest own frame above its allocation.
#pragma once

#include "base/map.h"
#include "verdict/evidence.h"

struct site {
	struct verdict_frame frame;
	const char *callee; // "" when the frame allocates itself
	const char *entry;  // the program's own function that its goroutine came through first; ""
	int64_t bytes, before_bytes, largest_stack_bytes;
	int64_t largest_stack_object; // the size of one object of that stack
	int64_t objects, published, allocated, allocations;
	int64_t whole_bytes; // `bytes` with what was never written to
	int64_t part_bytes;  // of `bytes`, in stacks that the filter's `partly` matches
	uint64_t stacks;
	uint64_t
		during; // goroutines that are in it right now, and in what the rule's `during` says
};

struct sites {
	struct map by_function;
	VEC(struct site) list;
};

// Which stacks count: NULL patterns are all. Stacks without own code count for the function "" if
// `ownerless` is set. `without` and `partly` are of what the own function calls; so is `stack` if
// `called` is set: what calls the function says nothing of what it keeps.
struct sites_filter {
	const char *const *stack, *const *without, *const *partly;
	bool called, ownerless;
	bool chain; // own functions that call it directly have it, too; part_bytes: times how far
};

void sites_collect(const struct evidence *evidence, const struct sites_filter *filter,
		   struct sites *sites);
void sites_deinit(struct sites *sites);
int64_t site_grown_bytes(const struct site *site);
// What counts: growth, where growth decides, else size.
int64_t site_rise(const struct evidence *evidence, const struct site *site);
int64_t heap_rise(const struct evidence *evidence);
// NULL when no own code is in any stack.
const struct site *sites_largest(const struct sites *sites, bool by_growth);
// Of a chain: the one nearest to the allocations that explains `share` of what counts; NULL: none.
const struct site *sites_nearest(const struct evidence *evidence, const struct sites *sites,
				 double share);
// All that was ever allocated decides: for who calls something whose memory is held elsewhere.
const struct site *sites_busiest(const struct sites *sites);

// Frames below the nearest own one: what it calls.
size_t count_called(const struct heap_stack *stack);
const char *heap_frame_function(const void *stack, size_t index); // of a struct profile_stack
