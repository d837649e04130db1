// SPDX-License-Identifier: Apache-2.0
/*
 * Threads (M), processors (P), and what waits in the runtime's queues: goroutines to run, timers,
 * finalizers, cleanups. Source: runtime/runtime2.go (m, p, schedt), runtime/proc.go (gcount),
 * runtime/time.go (timers), runtime/mfinal.go (allfin, fingStatus), runtime/mcleanup.go
 * (cleanupQueue).
 *
 * Read without a lock from a process that runs: counts that belong together may be off by what
 * happened in between. What a version does not have is not known.
 */
#pragma once

#include "golang/structs.h"

struct go_count {
	uint64_t value;
	bool known;
};

enum go_processor_status {
	GO_PROCESSOR_IDLE,
	GO_PROCESSOR_RUNNING,
	GO_PROCESSOR_SYSCALL,
	GO_PROCESSOR_GCSTOP,
	GO_PROCESSOR_DEAD,
	GO_PROCESSOR_STATUSES,
};

struct go_processor {
	int32_t id;
	enum go_processor_status status;
	uint32_t run_queue; // goroutines that wait for this processor
	uint32_t timers, deleted_timers;
	int64_t next_timer_ns; // monotonic clock; 0: none
};

// Each thread is in one of the first five.
struct go_threads {
	uint64_t running, in_c, in_syscall, parked, other;
	uint64_t total, spinning, locked, extra;
	struct go_count idle, created, ended; // as the scheduler counts them
	bool cut;                             // the list had no end within the budget
};

struct go_timers {
	bool known; // Go 1.14 and later, which keep them with the processors
	uint64_t total, deleted;
	int64_t next_ns; // monotonic clock; 0: none
};

struct go_finalizers {
	struct go_count waiting; // objects that are dead, their finalizer not yet run to its end
	struct go_count set;     // objects that have one and are not dead
	struct go_count queued, executed; // since the start; Go 1.25 and later
	bool running_known, running;      // one runs right now; Go 1.20 and later
};

struct go_cleanups {
	bool known; // Go 1.25 and later
	uint64_t queued, executed;
	uint32_t goroutines, running, asleep;
};

struct go_scheduler {
	VEC(struct go_processor) processors;
	uint64_t statuses[GO_PROCESSOR_STATUSES];
	uint64_t local_run_queues, global_run_queue;
	struct go_threads threads;
	struct go_timers timers;
	struct go_finalizers finalizers;
	struct go_cleanups cleanups;
	// As runtime.NumGoroutine counts, and with the runtime's own.
	struct go_count goroutines, goroutines_with_system;
	uint64_t failed; // structures that could not be read or made no sense
};

bool go_scheduler_read(const struct go_runtime *runtime, struct go_scheduler *out,
		       struct error *error) must_check;
void go_scheduler_deinit(struct go_scheduler *scheduler);
const char *go_processor_status_name(enum go_processor_status status);
