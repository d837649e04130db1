// SPDX-License-Identifier: Apache-2.0
/*
 * The account of one process: sums to its resident memory as smaps states it.
 *
 * The Go heap is split by the residency of the actual pages (pagemap), not by the runtime's
 * counters: a large array that was never touched costs nothing, and shows as nothing.
 */
#pragma once

#include "base/error.h"
#include "golang/memstats.h"
#include "golang/spans.h"
#include "ledger/ledger.h"
#include "system/maps.h"

struct process_ledger_input {
	const struct maps *maps;         // from smaps
	int pagemap_fd;                  // -1: the heap is split by the runtime's counts alone
	const char *exe_path;            // "" when not known
	const struct go_spans *spans;    // NULL: not Go, or not readable
	const struct go_memstats *stats; // NULL likewise
};

// Rows: "go" (with "go.heap.objects", "go.heap.free_slots", "go.heap.idle", "go.stacks",
// "go.metadata"), "anon" (not Go's), "files", "shmem".
bool process_ledger_build(const struct process_ledger_input *input, struct ledger *ledger,
			  struct error *error) must_check;
