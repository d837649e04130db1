// SPDX-License-Identifier: Apache-2.0
/*
 * The memory of the cgroup whose limit will bite, sampled: the watched one, or the one above it
 * that has the smallest limit, with all that others below it use.
 *
 * Where no cgroup has a limit, the machine's memory is the limit of the process: what is in use and
 * how fast that grows is then the process's own, what is left is what the machine has left. Limits
 * come and go: it follows them.
 */
#pragma once

#include "base/error.h"
#include "snapshot/kill.h"
#include "system/cgroup.h"
#include "system/node_memory.h"

struct sampler {
	struct cgroup *cgroup;    // the watched one; borrowed
	struct cgroup *above;     // whose limit will bite, where that is another; else NULL
	struct node_memory *node; // borrowed; NULL: the machine's memory is no limit
	int statm;                // of the process; -1: likewise
	bool by_node;             // the machine's memory is the limit
	int64_t limit_bytes;
	char limit_path[PATH_MAX]; // "" by_node
	int64_t usage_bytes, anon_bytes, file_bytes;
	int64_t reclaimable_bytes;           // the kernel takes it back before it kills
	int64_t oom_kills;                   // of the watched cgroup; -1: not known
	int64_t limit_hits, high_hits, ooms; // counted since ever; -1: not known
	int64_t left_bytes,
		own_bytes; // by_node: what the machine has left; anonymous, of the process
	int64_t last_stat_ns, limit_due_ns;
	struct kill_timeline timeline;
};

// `node` and `statm` (/proc/PID/statm, which is duplicated) are for a process without a limit; NULL
// and -1: ERROR_NOT_FOUND where no limit bites. `above_error` says why the cgroup above cannot be
// seen (its code is ERROR_NONE when it can, or need not).
bool sampler_begin(struct cgroup *cgroup, struct node_memory *node, int statm,
		   struct sampler *sampler, struct error *above_error,
		   struct error *error) must_check;
void sampler_end(struct sampler *sampler);
// The usage alone, by one read or two: what cannot be reclaimed is no more than that.
bool sampler_glance(struct sampler *sampler, int64_t *usage_bytes) must_check;
bool sampler_take(struct sampler *sampler, struct error *error) must_check;
// Puts the sample into the timeline even where it moved little.
void sampler_mark(struct sampler *sampler);
// What cannot be reclaimed, of what the limit is about: with `by_node`, on the whole machine.
int64_t sampler_pinned_bytes(const struct sampler *sampler);
// What of that is about the target: with `by_node`, the process's own.
int64_t sampler_own_bytes(const struct sampler *sampler);
// False where the machine's memory is the limit and there is enough of it, or the process has next
// to nothing of it.
bool sampler_is_concerned(const struct sampler *sampler);
// What captures are decided by: the pinned; or its own, where it is not concerned.
int64_t sampler_pressing_bytes(const struct sampler *sampler);
// "limit 1.0 GiB of /sys/fs/cgroup/a", "limit 23.5 GiB, the machine's memory"
struct sampler_text {
	char text[PATH_MAX + 64];
};
struct sampler_text sampler_limit_text(const struct sampler *sampler);
