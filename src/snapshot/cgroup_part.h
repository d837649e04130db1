// SPDX-License-Identifier: Apache-2.0
/*
 * The cgroup's part of a snapshot: its figures, its ledgers, how far the kill is.
 *
 * cgroup_survey_take needs privileges: it opens what belongs to the processes of the cgroup, and
 * looks at names and the kernel's own numbers. The part is then taken from open descriptors.
 */
#pragma once

#include "snapshot/snapshot.h"
#include "system/cgroup.h"
#include "system/cgroup_members.h"
#include "system/file_cache.h"

struct cgroup_survey {
	struct cgroup_members members;
	bool has_files;
	struct file_cache files;
};

// `with_files`: also which files the page cache consists of, which takes up to a second.
void cgroup_survey_take(struct cgroup *cgroup, const char *proc_root, bool with_files,
			struct cgroup_survey *survey);
void cgroup_survey_deinit(struct cgroup_survey *survey);

// What is known of one process better than the kernel's counters tell. Borrowed.
struct cgroup_process_account {
	pid_t pid;
	int64_t anon_bytes;
	const struct ledger *ledger;
};

struct cgroup_part {
	struct snapshot_cgroup facts; // its texts live as long as `arena`
	struct ledger ledger;
	struct snapshot_files files; // with a survey of files
};

struct cgroup_part_source {
	struct cgroup *cgroup;
	const struct cgroup_survey *survey;
	const struct cgroup_process_account *accounts; // the first of them is shown first
	size_t account_count;
	struct arena *arena;
};

// The ledgers of files that were found, with the totals of `stat`.
void cgroup_files_build(const struct file_cache *found, const struct cgroup_stat *stat,
			struct snapshot_files *files);
void snapshot_files_deinit(struct snapshot_files *files);

bool cgroup_part_take(const struct cgroup_part_source *source, struct cgroup_part *part,
		      struct error *error) must_check;
