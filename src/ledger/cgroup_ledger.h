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
	// Of all its processes together, for v1, which does not tell the parts of the kernel's
	// memory: struct cgroup_members has them. Not known: the parts stay together.
	struct known_u64 thread_count, page_table_bytes;
	size_t unseen_count; // processes that nothing is known of
};

// Rows: "anon" (with "anon.process.PID" and, of a Go process, its rows; "anon.processes" for the
// last of many), "cache" (page cache; by file: file_ledger.h), "shmem", "kernel", "sock" (v2),
// "hugetlb", "swapcache"; "unexplained" is the rest. The root of v2 has no total of its own: there
// it is the sum of what is told.
// Beside: what is known of limits, swap, the peak, sockets (v1), parts that cut across the rows.
void cgroup_ledger_build(const struct cgroup_ledger_input *input, struct ledger *ledger);
