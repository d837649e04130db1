// SPDX-License-Identifier: Apache-2.0
/*
 * Relief of a cgroup: raising its memory limit, within what the cgroups above it and the node have.
 * The kernel's own numbers alone. Where swap is counted as well (v1), its limit rises by as much,
 * so that as much swap is allowed as before. memory.high of v2 is left alone.
 *
 * "What they have" is asked as if the cgroup filled its new limit: each ancestor has to have that
 * much besides what it cannot take back, and the node that much of MemAvailable.
 */
#pragma once

#include "relief/record.h"
#include "system/cgroup_write.h"

enum relief_size_kind { RELIEF_SIZE_BYTES, RELIEF_SIZE_MORE_BYTES, RELIEF_SIZE_MORE_PERCENT };

// "2GiB", "+512MiB", "+25%".
struct relief_size {
	enum relief_size_kind kind;
	int64_t amount;
};

bool relief_size_parse(const char *text, struct relief_size *size);

struct relief_cgroup_plan {
	struct cgroup_limits from, to;
	int64_t usage_bytes;
	int64_t most_bytes;       // the largest limit that the rest has room for
	char tightest[PATH_MAX];  // who sets that: a cgroup above, or "" for the node
	struct cgroup_limit high; // v2: where it slows down already; not changed
	bool with_swap;
};

// Fails with the largest limit that fits where the new one does not; where the cgroup has no limit;
// where it would not be raised.
bool relief_cgroup_plan(const struct cgroup *cgroup, const char *proc_root,
			const struct relief_size *size, struct relief_cgroup_plan *plan,
			struct error *error) must_check;
// Notes and writes. `record_path` may be NULL.
bool relief_cgroup_apply(const struct cgroup *cgroup, const struct relief_cgroup_plan *plan,
			 const char *state_path, char record_path[PATH_MAX + 64],
			 struct error *error) must_check;

struct relief_cgroup_undo {
	bool nothing;  // whyoom changed nothing here
	bool not_ours; // somebody else has changed it since: left alone
	struct cgroup_limits found, before, written;
};

// ERROR_UNSUPPORTED, and nothing changed, where what the cgroup holds does not fit the old limit:
// the kernel would kill for it.
bool relief_cgroup_undo(struct cgroup *cgroup, const char *state_path,
			struct relief_cgroup_undo *undo, struct error *error) must_check;
