// SPDX-License-Identifier: Apache-2.0
// How a watched process ended: put together from the kernel's log and tracepoints, the cgroup's
// counters, what systemd-oomd says, and the process's exit status. Nothing is guessed: what nobody
// said stays unknown.
#pragma once

#include "snapshot/kill.h"
#include "system/cgroup.h"
#include "system/kernel_oom.h"
#include "system/kernel_trace.h"
#include "system/kmsg.h"
#include "system/oomd.h"
#include "system/process.h"

enum { ENDING_VICTIMS_MAX = 64 };

// Of the newest block in the kernel's log.
struct ending_victims {
	int count; // may be more than are kept
	bool is_group;
	pid_t pids[ENDING_VICTIMS_MAX];
};

struct ending {
	struct cgroup *cgroup;               // borrowed
	const struct process_files *process; // borrowed
	bool has_log;
	struct kmsg log;
	struct kernel_oom_collector collector;
	struct ending_victims victims;
	int64_t oom_kills_before; // the counter when it had not moved for a while; -1: not known
	int64_t oom_kills_now, moved_ns;
	struct oomd_marks oomd;     // when the watch began
	struct kernel_trace *trace; // NULL: not allowed here
	bool traced_victim;
	int64_t patience_ns; // how long to wait for what is not there yet
};

// Opens the kernel's log and its tracepoints where that is allowed; without them the others have to
// do.
void ending_begin(struct ending *ending, struct cgroup *cgroup,
		  const struct process_files *process);
// The same for one of many: without the tracepoints, and without waiting in the end.
void ending_begin_calm(struct ending *ending, struct cgroup *cgroup,
		       const struct process_files *process);
void ending_deinit(struct ending *ending);
// The cgroup's counter of kills, whenever it was sampled; -1: not known.
void ending_update(struct ending *ending, int64_t oom_kills);
// Call once the process has ended (or, for KILL_NONE, when the watch ends before). Waits a moment
// for the log and the exit status, never longer than its patience.
void ending_find(struct ending *ending, bool ended, struct kill_facts *facts);
