// SPDX-License-Identifier: Apache-2.0
/*
 * Stopping every thread of a process with ptrace, and letting all of them go as they were.
 *
 * Threads are seized (which sends no signal and disturbs no job control) and then interrupted. A
 * signal that a thread was about to take stays with it and is taken when it is let go; a process
 * that job control had stopped stays stopped. A system call that waits is begun again by the
 * kernel, as after any signal without a handler; only the few calls that Linux never begins again
 * (epoll_wait is one, see signal(7)) return EINTR, which Go's runtime and libraries expect.
 *
 * Whatever happens to the tracer: when it ends, the kernel lets its threads go. Only the thread
 * that stopped them may ask for anything here. Nothing of the target's memory is looked at.
 *
 * Follows ptrace(2) and Linux kernel/signal.c (ptrace_stop, do_jobctl_trap), kernel/ptrace.c.
 */
#pragma once

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/map.h"
#include "base/vec.h"
#include "system/process.h"
#include "target/target.h"

#define TRACER_THREADS_MAX 65536

enum tracer_state {
	TRACER_SEIZED,  // asked to stop at most
	TRACER_STOPPED, // runs nothing, and its registers can be read
	TRACER_GONE,    // ended, or let go
};

struct tracer_thread {
	pid_t id;
	pid_t own_id; // what gettid() tells the thread itself, in its own pid namespace
	enum tracer_state state;
	int signal;       // a signal that it was about to take, or 0
	bool job_stopped; // by SIGSTOP and its like, before us
	bool refused;     // not to be made to call anything (inject.h)
};

struct tracer {
	pid_t pid;
	int dir; // /proc/PID, borrowed
	VEC(struct tracer_thread) threads;
	struct map known;       // thread ids that are in the list
	int64_t interrupted_ns; // when the first thread was; 0: none yet
	int64_t deadline_ns;    // on the monotonic clock
	bool other_namespace;   // thread ids mean something else inside
	bool began;
	sigset_t mask_before; // SIGCHLD is blocked meanwhile, so that it can be waited for
};

// That the process is there, runs, and is traced by nobody: the kernel allows one tracer.
bool tracer_check(const struct process_files *files, struct error *error) must_check;

// Stops all threads, also those that appear meanwhile. Fails, and lets all of them go, where one
// may not be traced or does not stop before the deadline.
bool tracer_stop(struct tracer *tracer, const struct process_files *files, int64_t deadline_ns,
		 struct error *error) must_check;
// Stops one thread and leaves the others alone.
bool tracer_stop_one(struct tracer *tracer, const struct process_files *files, pid_t thread,
		     int64_t deadline_ns, struct error *error) must_check;
// Registers of up to `capacity` stopped threads. Returns how many.
size_t tracer_read_threads(const struct tracer *tracer, struct target_thread *threads,
			   size_t capacity);
// What /proc says of one thread. False when it ended.
bool tracer_read_status(const struct tracer *tracer, pid_t thread,
			struct process_status *status) must_check;
// Lets everything go and frees what the tracer holds. Returns for how long the threads were held,
// from the first that was interrupted to the last that was let go. Harmless the second time.
int64_t tracer_let_go(struct tracer *tracer);

// ---- for system calls made by a stopped thread (inject.h) ----

// Waits until `thread` has something to tell. False at the deadline. The thread's wait status is
// in *status; a thread that ended is marked as gone.
bool tracer_await(struct tracer_thread *thread, int64_t deadline_ns, int *status);
// Takes note of the stop that `status` tells.
void tracer_note_stop(struct tracer_thread *thread, int status);
