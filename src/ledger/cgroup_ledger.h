// SPDX-License-Identifier: Apache-2.0
// The account of one cgroup: sums to what the kernel charges it.
#pragma once

#include "ledger/ledger.h"
#include "system/cgroup.h"

struct cgroup_process {
	int pid;
	const char *name;
	int64_t anon_bytes;          // its resident anonymous memory
	const struct ledger *ledger; // its own account, or NULL
};

struct cgroup_ledger_input {
	enum cgroup_version version;
	const struct cgroup_stat *stat;
	const struct cgroup_process *processes; // the most important first: the last share a row
	size_t process_count;
};

// Rows: "anon" (with "anon.process.PID" and, of a Go process, its rows; "anon.processes" for the
// last of many), "cache" (page cache),
// "shmem", "kernel", "swapcache"; "unexplained" is the rest.
void cgroup_ledger_build(const struct cgroup_ledger_input *input, struct ledger *ledger);
