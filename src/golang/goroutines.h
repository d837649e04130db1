// SPDX-License-Identifier: Apache-2.0
/*
 * Goroutines, read without stopping the target: who they are, what they wait for, and the stacks of
 * those that wait. A goroutine that runs while it is read has no stack here, and one that moves
 * meanwhile may show a torn one: such a stack is dropped and counted.
 *
 * Source: runtime/runtime2.go (g, gobuf, waitReason), runtime/traceback.go (isSystemGoroutine).
 */
#pragma once

#include "base/arena.h"
#include "base/vec.h"
#include "golang/runtime.h"

enum go_status {
	GO_STATUS_IDLE = 0,
	GO_STATUS_RUNNABLE = 1,
	GO_STATUS_RUNNING = 2,
	GO_STATUS_SYSCALL = 3,
	GO_STATUS_WAITING = 4,
	GO_STATUS_DEAD = 6,
	GO_STATUS_COPYSTACK = 8,
	GO_STATUS_PREEMPTED = 9,
	GO_STATUS_LEAKED = 10,     // Go 1.26 and later: found by the leak detector
	GO_STATUS_DEAD_EXTRA = 11, // Go 1.26 and later: belongs to a C thread
};

struct go_goroutine {
	uint64_t id;
	enum go_status status;
	const char *wait_reason; // "chan receive", ...; NULL unless waiting
	int64_t wait_since_ns;   // target's monotonic clock; 0: the runtime has not noticed yet
	taddr_t start_pc, created_by_pc;
	uint64_t stack_bytes;
	const taddr_t *stack; // return addresses, innermost first, one a logical frame
	size_t depth;
	bool system; // one of the runtime's own; runtime.NumGoroutine leaves it out
};

struct go_goroutines {
	struct arena arena;
	VEC(struct go_goroutine) list; // dead ones left out
	uint64_t dead;
	uint64_t user;          // of the list, those that are not the runtime's own
	uint64_t stacks_failed; // waiting, but the stack could not be walked to its end
};

bool go_goroutines_read(const struct go_runtime *runtime, struct go_goroutines *goroutines,
			struct error *error) must_check;
void go_goroutines_deinit(struct go_goroutines *goroutines);
// "running", "runnable", "syscall", "waiting", ...: the runtime's words.
const char *go_status_name(enum go_status status);
