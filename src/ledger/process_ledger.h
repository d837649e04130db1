// SPDX-License-Identifier: Apache-2.0
/*
 * The account of one process: sums to its resident memory as smaps states it.
 *
 * The Go heap is split by the residency of the actual pages (pagemap), not by the runtime's
 * counters: a large array that was never touched costs nothing, and shows as nothing. What is
 * garbage, and what was allocated since the last collection, is told by the marks of each span
 * (golang/span_marks.h). The runtime's own structures are found by its pointers
 * (golang/own_memory.h); its counters bound what lies between them.
 *
 * Where a span or a stretch of metadata is there in part only, it is not known which of its bytes
 * are: a row of which that is more than a hundredth is flagged as estimated. What changed between
 * the reading of smaps and of pagemap is the row "unexplained", which may be negative.
 */
#pragma once

#include "base/error.h"
#include "golang/memstats.h"
#include "golang/own_memory.h"
#include "golang/span_marks.h"
#include "golang/spans.h"
#include "ledger/ledger.h"
#include "native/native.h"
#include "system/maps.h"

struct process_ledger_input {
	const struct maps *maps;           // from smaps
	int pagemap_fd;                    // -1: the heap is split by the runtime's counts alone
	const char *exe_path;              // "" when not known
	struct known_u64 status_rss_bytes; // VmRSS of /proc/PID/status, read next to smaps
	// NULL: not Go, or not readable.
	const struct go_spans *spans;
	const struct go_memstats *stats;
	const struct go_span_marks *marks;  // NULL: objects are not told apart
	const struct go_own_memory *own;    // NULL: the counters alone say what is the runtime's
	const struct native_memory *native; // NULL: C heaps and stacks are told by their mappings
};

/*
 * Rows, each left out where it is 0:
 *
 *   go         .heap.objects (.live, .young, .garbage of "go.heap"), .heap.free_slots, .heap.idle,
 *              .heap.lazyfree, .stacks (.inuse, .free), .metadata (.spans, .caches, .buckets, .gc,
 *              .other)
 *   anon       not Go's: .malloc (.main and .arenas with .used, .free, .rest; .mmapped), .threads,
 * .stack, .vdso, .other (its largest mappings as .other.ADDRESS, .other.rest) files      .binary,
 * .libraries, .data: the last two with their largest files (.PATH, .rest); of each file .clean,
 * .dirty, .private shmem      .NAME, .rest unexplained
 *
 * Beside them: go.heap.returned; go.heap.untouched, what of the objects is on pages that are not
 * there and not swapped out, so that with go.heap.objects it is all that the runtime counts; and
 * the same for objects of one size, .SIZE; go.huge, huge, lazyfree, swap, locked, hugetlb, pss,
 * vmrss.
 */
bool process_ledger_build(const struct process_ledger_input *input, struct ledger *ledger,
			  struct error *error) must_check;
