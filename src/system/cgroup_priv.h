// SPDX-License-Identifier: Apache-2.0
// What the two versions share: the open files of a cgroup, and what a version has to say.
#pragma once

#include "system/cgroup.h"
#include "system/text_priv.h"

#define CGROUP_TEXT_MAX 32768

enum cgroup_file {
	FILE_USAGE,
	FILE_STAT,
	FILE_LIMIT,
	FILE_PEAK,
	FILE_EVENTS, // v1: memory.oom_control
	FILE_LIMIT_HITS,
	FILE_KERNEL,
	FILE_SOCK,
	FILE_HIGH,
	FILE_SWAP,
	FILE_SWAP_LIMIT,
	FILE_SOCK_LIMIT,
	FILE_SOFT_LIMIT,
	FILE_MEMSW_USAGE,
	FILE_MEMSW_LIMIT,
	FILE_SLABINFO,
	FILE_LOCAL_EVENTS,
	FILE_OOM_GROUP,
	FILE_COUNT,
};

// One a version; see cgroup_v1.c and cgroup_v2.c.
struct cgroup_kind {
	enum cgroup_version version;
	const char *files[FILE_COUNT]; // NULL where the version has none
	const struct text_row *stat_rows;
	size_t stat_row_count;
	const struct text_row *event_rows; // into struct cgroup_sample
	size_t event_row_count;
	// What the version has beyond the common files.
	bool (*stat_more)(struct cgroup *cgroup, struct cgroup_stat *stat, struct error *error);
};

extern const struct cgroup_kind cgroup_kind_v1, cgroup_kind_v2;

struct cgroup {
	const struct cgroup_kind *kind;
	char *path;
	int dir;
	int fds[FILE_COUNT];
	// From the parent upwards. They have no ancestors of their own, and of their files only
	// those that say how far their limit is.
	VEC(struct cgroup *) ancestors;
};

// Untouched where the file is not there.
bool cgroup_read_number(struct cgroup *cgroup, enum cgroup_file file, struct known_u64 *value,
			struct error *error) must_check;
bool cgroup_read_limit(struct cgroup *cgroup, enum cgroup_file file, struct cgroup_limit *limit,
		       struct error *error) must_check;
// The text of a file, into CGROUP_TEXT_MAX bytes; "" where the file is not there.
bool cgroup_read_text(struct cgroup *cgroup, enum cgroup_file file, char *text,
		      struct error *error) must_check;
