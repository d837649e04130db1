// SPDX-License-Identifier: Apache-2.0
/*
 * The collector's pacer: what decides when the next collection starts and how large the heap may
 * be by its end. Source: runtime/mgcpacer.go (gcControllerState: heapGoalInternal,
 * memoryLimitHeapGoal, trigger); before Go 1.17 the same numbers are in runtime/mstats.go.
 *
 * Bytes, but for the ratio cons_mark. What a version does not have is UINT64_MAX ("none") for the
 * limits and goals, 0 for the rest; `has_limit` and `has_accounts` say so.
 */
#pragma once

#include "golang/mcaches.h"

#define GO_NO_GOAL UINT64_MAX // GOGC=off, no limit

struct go_pacer {
	int32_t gc_percent;   // GOGC in force; -1: off
	int64_t memory_limit; // GOMEMLIMIT in force; INT64_MAX: none
	bool has_limit;       // Go 1.19 and later: a memory limit, a runway, the trigger computed
	bool has_accounts;    // Go 1.19 and later: the pacer has its own sums of the heap
	uint64_t heap_minimum;
	uint64_t heap_live; // what it takes for live: marked, and allocated or cached since
	uint64_t heap_marked;
	uint64_t heap_scan, last_heap_scan, last_stack_scan, max_stack_scan, globals_scan;
	uint64_t gc_percent_goal, last_heap_goal, sweep_dist_min_trigger;
	uint64_t triggered;         // heap_live when the cycle began; UINT64_MAX outside of one
	uint64_t runway;            // allocated during a cycle, it expects
	double cons_mark;           // bytes allocated for each byte marked, each second of CPU
	uint64_t heap_goal_kept;    // before Go 1.19, which computes it
	uint64_t heap_trigger_kept; // before Go 1.19
	// Sums that ReadMemStats checks against the heap counters (`has_accounts`).
	uint64_t heap_in_use, heap_released, heap_free, total_alloc, total_free, mapped_ready;
	int headroom_percent; // of the goal that a memory limit gives
};

// `mstats` is the runtime.mstats of the same moment.
bool go_pacer_read(const struct go_runtime *runtime, const struct go_record *mstats,
		   struct go_pacer *out, struct error *error) must_check;
// The heap size that the current or next collection is to end at. `held` NULL: as the runtime has
// it now (runtime/metrics); else as after a flush of the caches (ReadMemStats).
uint64_t go_pacer_goal(const struct go_pacer *pacer, const struct go_held_back *held);
// heap_live at which the next collection starts.
uint64_t go_pacer_trigger(const struct go_pacer *pacer);
// Whether the memory limit, not GOGC, sets the goal.
bool go_pacer_is_limited(const struct go_pacer *pacer);
