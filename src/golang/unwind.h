// SPDX-License-Identifier: Apache-2.0
/*
 * From one place on a goroutine's stack to its end, by the runtime's tables of frame sizes; for
 * amd64 and for arm64, where a function may keep its return address in a register.
 *
 * A stack is whole when the walk came to a function that nothing calls (runtime.goexit, which is
 * left out). Very deep ones keep their ends: `elided` logical frames are left out in the middle.
 *
 * Source: runtime/traceback.go (unwinder).
 */
#pragma once

#include "base/arena.h"
#include "base/map.h"
#include "base/vec.h"
#include "golang/calls.h"
#include "golang/runtime.h"

enum { UNWIND_INNER = 1000, UNWIND_OUTER = 50 }; // physical frames that are kept of a deep stack

// Stacks that are the same are one.
struct go_stack {
	const struct go_call *const *calls; // innermost first
	size_t count;
	uint64_t elided; // so many are missing behind the first UNWIND_INNER; 0: none
	size_t index;    // in the list of all
};

struct go_stacks {
	struct arena arena;
	struct map map; // hash -> index in list
	VEC(const struct go_stack *) list;
	size_t frames; // kept, of all together
};

void go_stacks_deinit(struct go_stacks *stacks);

// Where a walk begins, and the stack that it may not leave.
struct unwind_start {
	taddr_t pc, sp, link; // link: 0 where it is not in a register
	bool trap;            // a signal came at `pc`, or the thread was stopped there
	bool syscall;         // what the runtime saved before a system call
	taddr_t low, high;    // high is exclusive
	const uint8_t *bytes; // of the stack from `sp` on, already read; NULL: none
	size_t byte_count;
};

struct unwinder; // reads through one target, and counts its steps

struct unwinder *unwinder_new(const struct go_runtime *runtime, struct go_calls *calls,
			      struct go_stacks *stacks);
void unwinder_free(struct unwinder *unwinder);
// NULL when the walk does not come to the end, or when there is a limit in its way.
const struct go_stack *unwind(struct unwinder *unwinder, const struct unwind_start *start);
// Only walks: the stack pointer that the outermost function was called with.
bool unwind_to_end(struct unwinder *unwinder, const struct unwind_start *start,
		   taddr_t *end) must_check;
