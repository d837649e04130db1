// SPDX-License-Identifier: Apache-2.0
/*
 * The account of a cgroup or of one process: where every byte is. A cgroup's holds the ledger of
 * its charge and, of each process that matters, the process's own ledger; the first process is also
 * shown as each tool shows it.
 *
 * account_open needs privileges and looks at the kernel's own numbers only; account_take works on
 * the open descriptors, after the privileges are gone.
 */
#pragma once

#include "ledger/views.h"
#include "snapshot/capture.h"

enum { ACCOUNT_PROCESSES_MAX = 8 }; // looked into; the others are a row each, or one for all

struct account {
	struct arena arena;
	bool of_process;                  // it was asked for a process, which is the first one
	VEC(struct snapshot *) processes; // the one that was asked for, then the largest
	struct error cgroup_absent;
	struct snapshot_cgroup cgroup;
	struct ledger cgroup_ledger;
	bool has_files;
	struct snapshot_files files;
	struct views views;        // of processes[0]; none without one
	uint64_t unread_processes; // that ended, or could not be read, before they were
	struct error unread_why;   // of one of them
	int64_t taken_unix_ns, duration_ns;
};

struct account_source;

// The process of `capture`, which is borrowed, and its cgroup.
bool account_open_process(struct capture *capture, const char *proc_root,
			  struct account_source **source, struct error *error) must_check;
// A cgroup, with the processes in it and below it.
bool account_open_cgroup(const char *path, const char *proc_root, struct account_source **source,
			 struct error *error) must_check;
void account_close(struct account_source *source);

bool account_take(struct account_source *source, struct account **account,
		  struct error *error) must_check;
void account_free(struct account *account);
static inline void account_freep(struct account **account)
{
	account_free(*account);
}
