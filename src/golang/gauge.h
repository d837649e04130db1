// SPDX-License-Identifier: Apache-2.0
/*
 * The few numbers of a Go runtime that are worth a look each second: the live heap, its goal and
 * the goroutines. Where they are is found once, by whoever has opened the runtime; reading them
 * then needs a descriptor of the target's memory and these addresses, nothing else. So a process
 * that does only this stays small.
 *
 * Source: runtime/mgcpacer.go (gcControllerState.heapLive, heapMarked; before Go 1.17
 * runtime/mstats.go), runtime/proc.go (gcount, which runtime.NumGoroutine gives).
 */
#pragma once

#include "golang/pacer.h"
#include "golang/runtime.h"

enum { GO_GAUGE_REUSABLE = 3 };

// What the goal follows from, since Go 1.19 (pacer.h).
enum go_gauge_goal {
	GO_GAUGE_PERCENT_GOAL,
	GO_GAUGE_MEMORY_LIMIT,
	GO_GAUGE_MAPPED_READY,
	GO_GAUGE_HEAP_FREE,
	GO_GAUGE_TOTAL_ALLOC,
	GO_GAUGE_TOTAL_FREE,
	GO_GAUGE_SWEEP_DIST,
	GO_GAUGE_TRIGGERED,
	GO_GAUGE_GOALS
};

// Plain data, to be handed to another process. Address 0: not there.
struct go_gauge_places {
	taddr_t heap_live, heap_marked;
	// What gcount adds and subtracts.
	taddr_t all_count, system_count, reusable_counts[GO_GAUGE_REUSABLE], processors;
	int32_t reusable_in_processor; // offset in a P
	taddr_t heap_goal;             // before Go 1.19, where it is kept
	taddr_t controller;            // since then; 0: not there
	int32_t goal_offsets[GO_GAUGE_GOALS], headroom_percent;
};

struct go_gauges {
	bool has_heap, has_goroutines, has_goal;
	uint64_t heap_live, heap_marked, goroutines;
	uint64_t heap_goal; // GO_NO_GOAL: the heap may grow without end
};

// What this runtime lacks is not there, in `places`.
void go_gauge_places_find(const struct go_runtime *runtime, struct go_gauge_places *places);
bool go_gauge_places_any(const struct go_gauge_places *places);
// `mem`: /proc/PID/mem. The target runs meanwhile: what does not fit together is not known.
void go_gauges_read(int mem, const struct go_gauge_places *places, struct go_gauges *out);
