// SPDX-License-Identifier: Apache-2.0
// A child process with threads that wait in system calls of different kinds, and one that computes:
// what stopping and injected calls must not disturb. The child writes down how each call ended.
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "system/process.h"

enum blocked_call {
	BLOCKED_READ,
	BLOCKED_RECV,
	BLOCKED_FUTEX,      // begun again as it was
	BLOCKED_FUTEX_TIME, // these three go on by restart_syscall
	BLOCKED_POLL,
	BLOCKED_SLEEP,
	BLOCKED_EPOLL, // which Linux never begins again: EINTR is expected of it
	BLOCKED_CALLS,
};

struct blocked_end {
	int ended;
	long result;
	int error;
	int interruptions; // EINTR of epoll_wait, which then waits again
};

struct blocked_shared {
	struct blocked_end ends[BLOCKED_CALLS];
	int futex, futex_time;
	int began;
	uint64_t turns;    // of the thread that computes
	int signals;       // SIGUSR1 that the child handled
	int other_signals; // SIGUSR2, which every thread takes
};

// As `turns`, in memory that the child shares with nobody.
extern uint64_t blocked_private_turns;

struct blocked {
	pid_t pid;
	struct process_files files;
	struct blocked_shared *shared;
	int pipes[BLOCKED_CALLS][2];
};

// Returns once every thread waits, or computes.
void blocked_start(struct blocked *blocked);
// Lets every call end and asserts that each ended as if nothing had happened.
void blocked_assert_undisturbed(struct blocked *blocked);
// That the computing thread goes on and nobody is stopped or traced.
void blocked_assert_running(struct blocked *blocked);
// The state of a thread as /proc tells it: 'S', 't', ...
char blocked_state(pid_t pid, pid_t thread);
void blocked_end(struct blocked *blocked);
