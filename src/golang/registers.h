// SPDX-License-Identifier: Apache-2.0
/*
 * Where the stack of one goroutine begins: what the runtime saved when it left the processor, or,
 * while it runs, the registers of its thread, which are known in a core and while the target is
 * stopped.
 *
 * A thread that runs a goroutine may be on another stack: on the thread's own (runtime.systemstack,
 * runtime.mcall), then the runtime saved where the goroutine left its own; on the signal stack,
 * then the kernel saved what was interrupted; in the vDSO, then the runtime saved who called it.
 *
 * Source: runtime/traceback.go (initAt, traceback1), runtime2.go (g, gobuf, m), asm_*.s
 * (systemstack, gogo, sigtramp), the kernel's struct rt_sigframe.
 */
#pragma once

#include "golang/unwind.h"

// What is kept of a runtime.g between reading it and walking its stack.
struct go_saved {
	taddr_t low, high;    // its stack
	taddr_t sp, pc, link; // g.sched
	taddr_t syscall_sp, syscall_pc;
	taddr_t thread;   // g.m: the runtime.m that it runs on; 0: none
	uint64_t stopped; // g.trackingSeq: counts, modulo 256, how often it stopped to run
};

// What is read of a runtime.m; 0 where it is not there.
struct go_thread {
	uint64_t id; // the kernel's, or 0
	taddr_t signal_g, vdso_sp, vdso_pc;
};

bool go_thread_read(const struct go_runtime *runtime, taddr_t m,
		    struct go_thread *thread) must_check;

// For a goroutine that does not run, or is in a system call.
void go_start_saved(const struct go_saved *saved, struct unwind_start *start);
// For one that runs. False when its thread's registers are not known, or lead nowhere.
bool go_start_running(const struct go_runtime *runtime, struct unwinder *unwinder,
		      const struct go_saved *saved, const struct go_thread *thread,
		      struct unwind_start *start) must_check;
