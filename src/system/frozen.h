// SPDX-License-Identifier: Apache-2.0
/*
 * A frozen copy of a process: a child that shares its memory copy-on-write, made by a clone() that
 * one of its threads is made to call, and that never runs an instruction. The process goes on as
 * soon as the copy is there.
 *
 * What the copy is not: it has no descriptors of its own (it shares the table, so that what the
 * process closes is closed), sends no signal when it ends, is the first that an OOM killer takes,
 * and is killed by the kernel when the tracer ends. Should it ever be let run, by a tracer killed
 * before that was arranged, its stack pointer and thread pointer lead nowhere: it dies at its first
 * instructions, without a word from the Go runtime's signal handlers.
 *
 * Read it through its /proc/PID/mem only. process_vm_readv would make the kernel copy each page
 * that is looked at, at the cost of the process's cgroup.
 *
 * An ended copy stays in the process table until its parent, the process, takes it out of there:
 * a thread is made to call wait4() for it, which stops that thread for a moment and no other.
 */
#pragma once

#include "system/cgroup.h"
#include "system/inject.h"

// That there is room for what the process will write while its copy exists: a quarter of what is
// resident, below the cgroup's limit, on the machine, and under strict overcommit (CommitLimit) for
// the whole. And that the process is not in the hands of job control or a seccomp filter, which
// could answer a clone() by killing. `cgroup` NULL: the process is in none. The message has the
// numbers.
bool frozen_check(const struct process_files *files, struct cgroup *cgroup,
		  struct error *error) must_check;

struct frozen {
	pid_t copy; // 0: there is none
	int memory_fd, maps_fd;
};

// Stops the process, makes the copy, and lets the process go. *pause_ns is for how long it was
// stopped, *threads (of TRACER_THREADS_MAX) what its threads did then.
bool frozen_make(const struct process_files *files, int64_t stop_limit_ns, struct frozen *frozen,
		 struct target_thread *threads, size_t *thread_count, int64_t *pause_ns,
		 struct error *error) must_check;
// False when the copy was ended by somebody else. By the process that made it.
bool frozen_is_whole(const struct frozen *frozen);
// Ends the copy and takes it out of the process table. By the process that made it.
bool frozen_end(const struct process_files *files, struct frozen *frozen,
		struct error *error) must_check;

// For who outlives the process that made a copy, or was about to: takes out what it left, copies
// made since `since_ticks` (of process_stat, since boot), waiting up to `wait_ns` for one to
// appear. By any process that may trace.
bool frozen_clean_up(const struct process_files *files, uint64_t since_ticks, int64_t wait_ns,
		     struct error *error) must_check;

// ---- for tests ----

// The call that makes a copy; with `child` NULL one that nobody traces.
struct inject_call frozen_call(volatile pid_t *child);
