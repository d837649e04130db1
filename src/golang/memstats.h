// SPDX-License-Identifier: Apache-2.0
/*
 * The runtime's memory statistics, as runtime.ReadMemStats computes them, without stopping the
 * world: names and meaning are those of runtime.MemStats. Source: runtime/mstats.go
 * (readmemstats_m), runtime/mgcpacer.go of Go 1.11 to 1.27.
 *
 * heap_alloc is what the runtime has counted so far: allocations that the processors' caches hold
 * back are missing, and 0 up to Go 1.18, which does not. The spans (spans.h) give the exact value.
 */
#pragma once

#include "golang/runtime.h"

struct go_memstats {
	uint64_t heap_alloc, heap_sys, heap_idle, heap_inuse, heap_released;
	uint64_t stack_inuse, stack_sys, mspan_sys, mcache_sys, buckhash_sys, gc_sys, other_sys,
		sys;
	uint64_t heap_live;       // bytes the pacer takes for live now, garbage since the last mark
				  // included
	uint64_t heap_marked;     // bytes marked live by the last collection
	uint64_t gc_percent_goal; // the heap size at which GOGC alone would start the next
				  // collection; up to Go 1.18 the goal itself
	uint64_t num_gc;
	int64_t last_gc_unix_ns; // 0: none yet
	uint64_t pause_total_ns;
	int32_t gc_percent;   // GOGC in force; -1: off
	int64_t memory_limit; // GOMEMLIMIT in force; INT64_MAX: none
	int32_t gomaxprocs;
};

bool go_memstats_read(const struct go_runtime *runtime, struct go_memstats *stats,
		      struct error *error) must_check;
