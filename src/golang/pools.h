// SPDX-License-Identifier: Apache-2.0
/*
 * What lies in the program's pools (sync.Pool) and waits to be taken out again: each object that
 * was put there, and the memory without pointers (buffers, strings) that it refers to, or that what
 * it refers to refers to. What else such an object leads to may be shared, so it does not count.
 *
 * A pool drops at the second collection what was not taken out meanwhile. One that was not used
 * since the last collection is in the list of old pools.
 *
 * Source: sync/pool.go (allPools, oldPools, poolLocal), sync/poolqueue.go (poolChain), Go 1.13 and
 * later. Read without a lock from a process that runs: objects that move meanwhile are counted or
 * not.
 */
#pragma once

#include "golang/spans.h"

struct go_pools {
	uint64_t pools, objects; // objects: that were put there
	uint64_t bytes;          // of them, with the buffers they hold
	uint64_t largest_bytes;  // of one object of the heap among these
	bool cut;                // there are more than the budget allows to look at
};

// `spans` of the same runtime. ERROR_NOT_FOUND where the program has no pools.
bool go_pools_read(const struct go_runtime *runtime, const struct go_spans *spans,
		   struct go_pools *out, struct error *error) must_check;
