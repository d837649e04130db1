// SPDX-License-Identifier: Apache-2.0
/*
 * Goroutines: who they are, what they wait for, who made them, their labels and their whole stacks.
 *
 * The target may run meanwhile. Each goroutine is then looked at twice, before and after its stack:
 * one that moved is read once more by itself, and loses its stack when it moves again. Nothing torn
 * is shown. A goroutine that runs has a stack only where its thread stands still (see registers.h).
 *
 * Source: runtime/runtime2.go (g, gobuf, waitReason), runtime/traceback.go (isSystemGoroutine).
 */
#pragma once

#include "base/arena.h"
#include "base/vec.h"
#include "golang/labels.h"
#include "golang/runtime.h"
#include "golang/unwind.h"

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

// Why a goroutine has no stack.
enum go_stack_state {
	GO_STACK_WHOLE,
	GO_STACK_RUNS,  // and its registers are not known
	GO_STACK_MOVED, // each time that it was read
	GO_STACK_TORN,  // it could not be walked to its end
};

struct go_goroutine {
	uint64_t id;
	uint64_t parent_id;      // who made it; 0: not known (before Go 1.21), or the runtime
	const char *wait_reason; // "chan receive", ...; NULL unless waiting
	int64_t wait_since_ns;   // target's monotonic clock; 0: no collection has noticed it yet
	taddr_t start_pc, created_by_pc;
	const struct go_call *start;    // where it began
	const struct go_call *creation; // the go statement; NULL: not known
	const struct go_stack *stack;   // NULL: see stack_state
	const struct go_labels *labels; // NULL: none
	taddr_t stack_low, stack_high;  // high is exclusive
	taddr_t address;                // of its runtime.g
	taddr_t stack_pointer;          // where it was left; meaningless while it runs
	taddr_t waiting;                // g.waiting: its places in channels' queues; 0: none
	taddr_t timer;                  // g.timer; 0: none
	int64_t sleep_until_ns;         // g.sleepWhen (Go 1.23 and later), else 0
	uint64_t thread_id;             // the kernel's id of the thread that it runs on; 0: none
	uint64_t locked_thread_id;      // of the thread that it is locked to; 0: none
	uint64_t bubble_id;             // of testing/synctest; 0: none
	uint32_t order;                 // in the runtime's list
	uint8_t status;                 // enum go_status
	uint8_t stack_state;            // enum go_stack_state
	bool is_locked;                 // to a thread
	bool system; // one of the runtime's own; runtime.NumGoroutine leaves it out
};

struct go_goroutines {
	struct arena arena;
	struct go_calls *calls;
	struct go_stacks stacks;
	struct go_label_sets label_sets;
	VEC(struct go_goroutine) list; // in the runtime's order; dead ones left out
	uint64_t dead;
	uint64_t user;           // of the list, those that are not the runtime's own
	uint64_t unreadable;     // not in the list: memory that could not be read
	uint64_t stacks_running; // GO_STACK_RUNS
	uint64_t stacks_failed;  // GO_STACK_MOVED and GO_STACK_TORN
	uint64_t moved;          // read a second time because they moved
	int64_t now_ns; // the target's monotonic clock at that time, set by the caller; 0: not
			// known
};

bool go_goroutines_read(const struct go_runtime *runtime, struct go_goroutines *goroutines,
			struct error *error) must_check;

// The same in steps, for a target that is stopped only while it has to be: most goroutines do not
// move between `look` and `settle`, and need not be read again.
struct go_goroutine_reading;
bool go_goroutines_look(const struct go_runtime *runtime, struct go_goroutine_reading **reading,
			struct error *error) must_check;
// Decides what is true now; reads the target for the last time.
bool go_goroutines_settle(struct go_goroutine_reading *reading, struct error *error) must_check;
// Frees `reading`.
void go_goroutines_finish(struct go_goroutine_reading *reading, struct go_goroutines *goroutines);
void go_goroutines_forget(struct go_goroutine_reading *reading); // instead; NULL is allowed
void go_goroutines_deinit(struct go_goroutines *goroutines);
// "running", "runnable", "syscall", "waiting", ...: the runtime's words.
const char *go_status_name(enum go_status status);
// How long it waits at least, seen from goroutines->now_ns; 0 when that is not known.
int64_t go_goroutine_waited_ns(const struct go_goroutines *goroutines,
			       const struct go_goroutine *goroutine);
static inline uint64_t go_goroutine_stack_bytes(const struct go_goroutine *goroutine)
{
	return goroutine->stack_high - goroutine->stack_low;
}
