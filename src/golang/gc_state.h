// SPDX-License-Identifier: Apache-2.0
/*
 * What the garbage collector does and has done: its phase, goal and trigger, pauses, share of the
 * CPU, the limiter of that share. Source: runtime/mgc.go (gcphase, work), runtime/mgcpacer.go,
 * runtime/mgclimit.go (gcCPULimiterState), runtime/mstats.go (cpuStats).
 *
 * CPU times are those of the last collection's end: the runtime sums them up only then.
 */
#pragma once

#include "golang/memstats.h"

enum go_gc_phase { GO_GC_OFF = 0, GO_GC_MARK = 1, GO_GC_MARK_TERMINATION = 2, GO_GC_UNKNOWN = 3 };

// Of the last 256 collections at most.
struct go_gc_pauses {
	size_t count;
	uint64_t last_ns, max_ns, median_ns;
	int64_t last_end_unix_ns;
};

// Nanoseconds, GOMAXPROCS for each one on the clock; overestimates, as the runtime says.
struct go_cpu_times {
	bool known; // Go 1.20 and later
	int64_t gc_assist, gc_dedicated, gc_idle, gc_pause, gc_total;
	int64_t scavenge_assist, scavenge_background, scavenge_total;
	int64_t idle, user, total;
};

// Above its capacity the runtime collects less and lets the heap grow past the memory limit.
struct go_gc_limiter {
	bool known; // Go 1.19 and later
	bool enabled;
	uint64_t fill_ns, capacity_ns, overflow_ns;
	uint32_t last_enabled_cycle; // 0: never
};

struct go_gc_state {
	enum go_gc_phase phase;
	uint64_t goal, trigger; // heap_live at the end and the start of the next collection
	bool limited;           // the memory limit sets the goal, not GOGC
	struct go_gc_pauses pauses;
	struct go_cpu_times cpu;
	struct go_gc_limiter limiter;
};

void go_gc_state_read(const struct go_runtime *runtime, const struct go_memstats *stats,
		      struct go_gc_state *out);
const char *go_gc_phase_name(enum go_gc_phase phase);
