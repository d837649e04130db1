// SPDX-License-Identifier: Apache-2.0
/*
 * Kills by the kernel for want of memory, put together from the lines of its log.
 *
 * The kernel prints one such block at a time (it holds a lock), but other lines may come between;
 * a collector takes them all and gives one struct for each killed process. Where a whole cgroup is
 * killed, the block names the first victim, and the others follow with `group_kill` set and the
 * facts of the block. Only lines of the kernel itself count: anybody with /dev/kmsg could write
 * the same words.
 *
 * Follows Linux mm/oom_kill.c and mm/memcontrol.c, 5.0 to 6.18.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/strbuf.h"
#include "system/kmsg.h"
#include "system/known.h"

#define KERNEL_OOM_NAME_MAX   32
#define KERNEL_OOM_CGROUP_MAX 1024
#define KERNEL_OOM_RAW_MAX    65536

enum oom_constraint {
	OOM_CONSTRAINT_UNKNOWN,
	OOM_CONSTRAINT_NONE, // the machine as a whole
	OOM_CONSTRAINT_MEMCG,
	OOM_CONSTRAINT_CPUSET,
	OOM_CONSTRAINT_MEMORY_POLICY,
};

// A row of the table that the kernel prints of those who could have been chosen.
struct kernel_oom_task {
	pid_t pid; // 0: none
	int64_t rss_bytes;
	int oom_score_adj;
	char name[KERNEL_OOM_NAME_MAX]; // untrusted
};

struct kernel_oom {
	enum oom_constraint constraint;
	char oom_memcg[KERNEL_OOM_CGROUP_MAX];  // whose limit was hit; "" where the machine's
	char task_memcg[KERNEL_OOM_CGROUP_MAX]; // where the victim was
	char invoker[KERNEL_OOM_NAME_MAX];      // who wanted one page too many; untrusted
	struct known_u64 invoker_pid;
	struct known_u64 usage_bytes, limit_bytes, limit_hits; // limit not known: there is none
	struct known_u64 kernel_bytes;
	pid_t victim_pid;                 // as the host counts
	char victim[KERNEL_OOM_NAME_MAX]; // untrusted
	struct known_u64 victim_uid;
	struct known_u64 total_vm_bytes, anon_rss_bytes, file_rss_bytes, shmem_rss_bytes;
	struct known_u64 pagetables_bytes;
	bool oom_score_known;
	int oom_score_adj; // of the victim
	bool group_kill;   // killed with its cgroup, not chosen itself
	// A thread of a process that is told as well: the kernel names one that has memory still.
	bool is_thread;
	struct kernel_oom_task largest; // of the table: not always the victim
	int64_t monotonic_us;
	int64_t unix_ns;   // estimated: the log's clock drifts
	struct strbuf raw; // the lines of the block, as printed
};

void kernel_oom_deinit(struct kernel_oom *oom);

enum { KERNEL_OOM_TASKS_MAX = 256 };

// The table of tasks: where it has what, counted behind the pid; and who is in it.
struct kernel_oom_table {
	bool known;
	int count, tgid, rss, score;
	int pid_count; // may be more than are kept
	pid_t pids[KERNEL_OOM_TASKS_MAX];
};

struct kernel_oom_collector {
	struct kernel_oom_table table; // of the current block
	struct kernel_oom block;       // what is known of the current block
	bool collecting;               // between its first line and the victim's
	bool group;                    // its victims still come
};

void kernel_oom_collector_deinit(struct kernel_oom_collector *collector);
// True when `record` completes a kill: the caller then owns *oom. `unix_offset_ns` is
// kmsg_unix_offset_ns(), or what a test says.
bool kernel_oom_collect(struct kernel_oom_collector *collector, const struct kmsg_record *record,
			int64_t unix_offset_ns, struct kernel_oom *oom);
// Takes one line of the log into *oom; false when it is none of ours. For text from elsewhere.
bool kernel_oom_parse(const char *line, struct kernel_oom *oom);
