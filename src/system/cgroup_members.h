// SPDX-License-Identifier: Apache-2.0
/*
 * The processes of a cgroup with what the kernel says of each (/proc/PID/status).
 *
 * Privileged only where /proc is mounted with hidepid; looks at the kernel's own numbers, and at
 * the process's name as the kernel escapes it. Belongs to the phase before sandbox_enter: it opens.
 */
#pragma once

#include "base/vec.h"
#include "system/cgroup.h"
#include "system/process.h"

#define CGROUP_MEMBERS_MAX 16384

struct cgroup_member {
	pid_t pid;
	char name[PROCESS_NAME_MAX]; // untrusted
	int64_t anon_bytes;          // resident
	int64_t shmem_bytes, file_bytes, swap_bytes;
	int64_t page_table_bytes;
	int64_t threads;
};

struct cgroup_members {
	VEC(struct cgroup_member) list; // with the most anonymous memory first
	// Sums over the list; not known where nothing in it was told.
	struct known_u64 threads, page_table_bytes, swap_bytes;
	size_t unseen; // ended meanwhile, hidden (hidepid), of another pid namespace, or too many
};

void cgroup_members_read(const char *proc_root, const struct cgroup_pids *pids,
			 struct cgroup_members *members);
void cgroup_members_deinit(struct cgroup_members *members);
