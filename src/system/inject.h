// SPDX-License-Identifier: Apache-2.0
/*
 * A system call made by a stopped thread of the target in our stead. amd64 only.
 *
 * The thread must be one that waits in a system call which the kernel begins again: it makes our
 * call with its own `syscall` instruction, gets back every register, and the kernel begins the old
 * call again. Nothing is written to the target's memory, no signal mask changes, and a signal on
 * its way to the thread is not lost: the call is given up then.
 *
 * Should the tracer be killed in the middle, the old call seems to the thread to have ended early.
 * So a thread in one whose result Go's runtime does not look at is taken first: a futex wait
 * (runtime.futexsleep allows for spurious wake-ups) or a sleep (runtime.usleep), made by the
 * program's own code.
 *
 * Follows Linux arch/x86/kernel/signal.c (arch_do_signal_or_restart) and kernel/signal.c
 * (get_signal); Go runtime/os_linux.go and sys_linux_amd64.s.
 */
#pragma once

#include "system/tracer.h"

struct inject_call {
	long number;
	uint64_t arguments[6];
	// For a call that makes a process: it is stopped before its first instruction and dies
	// when its tracer ends. Filled as early as possible; 0 before.
	volatile pid_t *child;
};

// ERROR_UNSUPPORTED where there is no injecting on this machine.
bool inject_supported(struct error *error) must_check;

// Which of the stopped threads suits best. NULL when none does at the moment; another stop may find
// one. `files->mem` is read for the instruction.
struct tracer_thread *inject_choose(struct tracer *tracer, const struct process_files *files);

// *result is what the kernel returned, a negative errno included. *done is false when the call was
// not made because the thread had something more urgent to do. The thread is stopped afterwards.
bool inject_call(struct tracer_thread *thread, const struct inject_call *call, bool *done,
		 long *result, struct error *error) must_check;
