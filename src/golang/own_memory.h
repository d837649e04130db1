// SPDX-License-Identifier: Apache-2.0
/*
 * Where the runtime keeps its own structures outside of the heap: what can be found by following
 * its pointers. The rest (profiler buckets, itabs, free bitmaps and the like) lies between them, in
 * the same mappings. Source: runtime/mheap.go (allspans, gcBits, heapArena), runtime/malloc.go
 * (persistentalloc, sysAlloc), runtime/mpagealloc.go (pageAlloc), runtime/runtime2.go (allm).
 */
#pragma once

#include "golang/spans.h"

enum go_own_kind {
	GO_OWN_SPANS,   // mspan
	GO_OWN_CACHES,  // mcache
	GO_OWN_BUCKETS, // of the profiles; known by the runtime's count alone
	GO_OWN_GC,      // bitmaps, arenas' headers, the page allocator
	GO_OWN_OTHER,
	GO_OWN_KINDS
};

struct go_own_range {
	taddr_t start, end;
	enum go_own_kind kind;
	bool uncounted; // the runtime's statistics leave it out
};

struct go_own_memory {
	VEC(struct go_own_range) ranges; // sorted, not overlapping
	VEC(taddr_t) thread_stacks;      // an address in the stack of each thread (M), sorted
	uint64_t failed;                 // tables that could not be read
};

// `spans` with their marks, of the same runtime. What cannot be read is left out, and counted.
void go_own_memory_read(const struct go_runtime *runtime, const struct go_spans *spans,
			struct go_own_memory *out);
void go_own_memory_deinit(struct go_own_memory *own);
