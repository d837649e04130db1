// SPDX-License-Identifier: Apache-2.0
/*
 * The cgroup's part of a snapshot: its members, its figures, its ledger. Members are read with
 * privileges; the kernel's own numbers only. The part is taken from open descriptors.
 */
#pragma once

#include "snapshot/snapshot.h"
#include "system/cgroup.h"
#include "system/process.h"

struct cgroup_member {
	pid_t pid;
	char name[PROCESS_NAME_MAX]; // untrusted
	int64_t anon_bytes;          // resident anonymous memory
	const struct ledger *ledger; // its own account, or NULL
};

typedef VEC(struct cgroup_member) cgroup_members;

// The processes of the cgroup, the one with most anonymous memory first; without `except` (0:
// nobody), and bounded. Those that end meanwhile are left out.
void cgroup_members_read(struct cgroup *cgroup, const char *proc_root, pid_t except,
			 cgroup_members *members);
// Texts of `facts` live as long as `arena`.
bool cgroup_part_take(struct cgroup *cgroup, const struct cgroup_member *members, size_t count,
		      struct arena *arena, struct snapshot_cgroup *facts, struct ledger *ledger,
		      struct error *error) must_check;
