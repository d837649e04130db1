// SPDX-License-Identifier: Apache-2.0
/*
 * The runtime's lists of buckets: stacks with a record of counts behind each, of whatever kind of
 * profile. Lists only grow, and what a bucket is never changes, so they are read without a stop.
 *
 * Source: runtime/mprof.go (bucket, stkbucket).
 */
#pragma once

#include "base/arena.h"
#include "golang/runtime.h"

struct go_list_bucket {
	uint64_t size;        // of the objects; 0 in the profiles that have none
	const taddr_t *stack; // return addresses, innermost first
	size_t depth;
	bool hash_fits;        // the stored one is that of the stack
	const uint8_t *record; // its counts, as many bytes as the list's record_size
};

struct go_bucket_list {
	enum go_symbol head;
	uint64_t type;             // of all its buckets
	enum go_field record_size; // of the counts
	struct arena *arena;       // keeps the stacks
	bool (*visit)(void *context, const struct go_list_bucket *bucket, struct error *error);
	void *context;
};

bool go_bucket_list_walk(const struct go_runtime *runtime, const struct go_bucket_list *list,
			 struct error *error) must_check;

// As the runtime computes it for a bucket (stkbucket), of any kind of profile.
uint64_t go_stack_hash(const taddr_t *stack, size_t depth, uint64_t size);
