// SPDX-License-Identifier: Apache-2.0
/*
 * The runtime's memory statistics, as runtime.ReadMemStats computes them, without stopping the
 * world: names and meaning are those of runtime.MemStats. Source: runtime/mstats.go
 * (readmemstats_m), Go 1.11 to 1.27.
 *
 * Up to Go 1.15 (`has_counters` is not set) only the stacks are flushed, total_alloc, mallocs,
 * frees and the classes are not known and 0, and heap_alloc and heap_objects come from the spans.
 *
 * ReadMemStats flushes the processors' caches first; what that changes is computed (mcaches.h), so
 * at rest every number is the one that the process would get. While it runs, the pieces are read
 * one after the other: `consistent` says that the runtime's own cross-checks between them hold
 * (doubleCheckReadMemStats), and it is read again, a few times, where they do not.
 *
 * Not exact: Sys, OtherSys and MSpanInuse, and NextGC where a memory limit sets it, where the flush
 * itself needs memory and it depends on the processor that does it (flush_cost.h says when); and
 * see mcaches.h for spans that are stale.
 */
#pragma once

#include "golang/pacer.h"

enum { GO_PAUSES = 256 };

struct go_memstats {
	uint64_t heap_alloc, total_alloc, sys, mallocs, frees;
	uint64_t heap_sys, heap_idle, heap_inuse, heap_released, heap_objects;
	uint64_t stack_inuse, stack_sys, mspan_inuse, mspan_sys, mcache_inuse, mcache_sys;
	uint64_t buckhash_sys, gc_sys, other_sys;
	uint64_t next_gc;        // UINT64_MAX: never, GOGC=off
	int64_t last_gc_unix_ns; // 0: none yet
	int64_t last_gc_monotonic_ns;
	uint64_t pause_total_ns, pause_ns[GO_PAUSES], pause_end_unix_ns[GO_PAUSES];
	uint64_t num_gc, num_forced_gc;
	double gc_cpu_fraction; // of the CPU that GOMAXPROCS gives, since the start of the program
	bool enable_gc;
	uint64_t class_mallocs[GO_SIZE_CLASSES], class_frees[GO_SIZE_CLASSES]; // BySize

	uint64_t heap_live;       // bytes the pacer takes for live now, garbage since the last mark
				  // included
	uint64_t heap_marked;     // bytes marked live by the last collection
	uint64_t gc_percent_goal; // the heap size at which GOGC alone would start the next
				  // collection
	int32_t gc_percent;       // GOGC in force; -1: off
	int64_t memory_limit;     // GOMEMLIMIT in force; INT64_MAX: none
	int32_t gomaxprocs;

	// What the numbers above were made of; not flushed.
	struct go_heap_counters counters;
	struct go_held_back held;
	struct go_pacer pacer;
	uint64_t stacks_sys, gc_misc_sys; // as the runtime counts them, without the heap's part
	uint64_t other_sys_now, mspan_inuse_now;
	bool has_counters;
	int attempts;
	bool consistent;
};

// `spans` of the same runtime; NULL: stacks in the processors' caches count as in use.
bool go_memstats_read(const struct go_runtime *runtime, const struct go_spans *spans,
		      struct go_memstats *stats, struct error *error) must_check;
