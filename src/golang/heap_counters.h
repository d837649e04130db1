// SPDX-License-Identifier: Apache-2.0
/*
 * What the runtime has counted of its heap so far, as runtime/metrics publishes it: the sum of
 * three rotating deltas. Source: runtime/mstats.go (heapStatsDelta, consistentHeapStats), Go 1.16
 * and later. What the processors' caches hold back is not in it (mcaches.h).
 */
#pragma once

#include "golang/size_classes.h"
#include "golang/structs.h"

struct go_heap_counters {
	uint64_t committed, released, in_heap, in_stacks, in_work_bufs, in_ptr_scalar_bits;
	uint64_t tiny_allocs;
	uint64_t large_alloc_bytes, large_allocs, large_free_bytes, large_frees;
	uint64_t small_allocs[GO_SIZE_CLASSES], small_frees[GO_SIZE_CLASSES];
};

struct go_heap_sums {
	uint64_t alloc_bytes, free_bytes, allocs, frees; // tiny ones are in neither count
};

// `mstats` is a runtime.mstats. ERROR_UNSUPPORTED before Go 1.16.
bool go_heap_counters_get(const struct go_record *mstats, struct go_heap_counters *out,
			  struct error *error) must_check;
struct go_heap_sums go_heap_counters_sum(const struct go_heap_counters *counters);
