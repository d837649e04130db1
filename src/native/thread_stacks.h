// SPDX-License-Identifier: Apache-2.0
/*
 * The stacks of threads that pthread_create made, read from glibc's own lists.
 *
 * At the top of each such stack lies the thread's descriptor (struct pthread). It points to itself
 * twice, and says where its stack starts and how long it is: that, and not the shape of mappings,
 * is what a stack is known by, for mappings merge with their neighbours. One descriptor leads to
 * all others along the lists of glibc (stacks in use, cached stacks of threads that ended). Their
 * order in memory is not relied on.
 *
 * The main thread's stack is no mapping of malloc or of pthread ("[stack]") and is not in the list.
 * Stacks that the program brought itself are, when they are whole pages. Go makes its threads by
 * pthread_create when cgo is in use; else there are none, which is no error.
 *
 * Follows glibc nptl/descr.h (struct pthread), nptl/allocatestack.c, sysdeps/x86_64/nptl/tls.h
 * (tcbhead_t); the place of the stack's bounds is looked for, for it moves between versions.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/vec.h"
#include "system/maps.h"
#include "target/target.h"

enum {
	THREAD_STACKS_MAX = 65536,
	THREAD_STACKS_SCAN_BYTES = 64 << 20, // read while looking for descriptors
};

struct thread_stack {
	taddr_t start, end;   // without the guard; the descriptor and thread-local data are part
	uint64_t guard_bytes; // below `start`
	taddr_t descriptor;
	uint32_t thread_id; // in the target's own pid namespace; 0: the thread has ended
	bool cached;        // of a thread that has ended, kept for the next one
};

struct thread_stacks {
	VEC(struct thread_stack) list; // by address, not overlapping
	size_t live_count, cached_count;
	uint64_t live_bytes, cached_bytes; // address space, not what is resident
	bool complete;                     // else a list did not close: threads come and go
	struct error why_not;              // if not complete
};

// The caller owns *out after success. No threads is success.
bool thread_stacks_read(struct target *target, const struct maps *maps, struct thread_stacks *out,
			struct error *error) must_check;
void thread_stacks_deinit(struct thread_stacks *stacks);
// The stack that holds `address`, or NULL. Borrowed.
const struct thread_stack *thread_stacks_find(const struct thread_stacks *stacks, taddr_t address);
