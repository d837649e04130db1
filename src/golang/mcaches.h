// SPDX-License-Identifier: Apache-2.0
/*
 * What the processors' allocation caches hold back from the runtime's counters. ReadMemStats stops
 * the world and flushes them; here it is computed what that flush would give. Source:
 * runtime/mcache.go (refill, releaseAll), runtime/mstats.go (flushmcache), runtime/stack.go
 * (stackcache_clear, stackpoolfree).
 *
 * Up to Go 1.15, which counts another way, only the stacks are computed. Not computed: a cached
 * span from before the last sweep (`stale_spans`) is swept by the flush, which frees its garbage.
 * Caches are flushed right after each collection, so such spans exist for a moment only.
 */
#pragma once

#include "golang/flush_cost.h"
#include "golang/heap_counters.h"
#include "golang/spans.h"

struct go_held_back {
	// By size class. Before Go 1.19 the whole span is counted when it is cached, and the flush
	// takes back what is still free: then the numbers are negative, as unsigned numbers wrap.
	uint64_t small_allocs[GO_SIZE_CLASSES];
	uint64_t alloc_bytes;
	uint64_t tiny_allocs;
	uint64_t unused_bytes; // counted as live, but free slots: the flush takes them off heapLive
	uint64_t scan_bytes;   // allocated with pointers, not in heapScan yet
	uint64_t stack_bytes;  // spans of stacks that nothing but the caches keeps
	uint64_t cached_stack_bytes; // free stacks in the caches, wherever they are
	struct go_flush_cost cost;
	bool cost_known;
	uint64_t caches, cached_spans, stale_spans;
	uint64_t failed; // caches, spans and stacks that could not be read or made no sense
};

// `spans` may be NULL: then stack_bytes is not known and 0. While a collection marks
// (`collecting`), a flush frees no spans of stacks.
bool go_held_back_read(const struct go_runtime *runtime, const struct go_spans *spans,
		       bool collecting, struct go_held_back *out, struct error *error) must_check;
