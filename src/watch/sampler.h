// SPDX-License-Identifier: Apache-2.0
/*
 * The memory of the cgroup whose limit will bite, sampled: the watched one, or the one above it
 * that has the smallest limit, with all that others below it use.
 */
#pragma once

#include "base/error.h"
#include "snapshot/kill.h"
#include "system/cgroup.h"

struct sampler {
	struct cgroup *cgroup; // the watched one; borrowed
	struct cgroup *above;  // whose limit will bite, where that is another; else NULL
	int64_t limit_bytes;
	char limit_path[PATH_MAX];
	int64_t usage_bytes, anon_bytes, file_bytes;
	int64_t reclaimable_bytes;           // the kernel takes it back before it kills
	int64_t oom_kills;                   // of the watched cgroup; -1: not known
	int64_t limit_hits, high_hits, ooms; // counted since ever; -1: not known
	int64_t last_stat_ns;
	struct kill_timeline timeline;
};

// ERROR_NOT_FOUND where no limit bites. `above_error` says why the cgroup above cannot be seen
// (its code is ERROR_NONE when it can, or need not).
bool sampler_begin(struct cgroup *cgroup, struct sampler *sampler, struct error *above_error,
		   struct error *error) must_check;
void sampler_end(struct sampler *sampler);
// The usage alone, by one read: what cannot be reclaimed is no more than that.
bool sampler_glance(struct sampler *sampler, int64_t *usage_bytes) must_check;
bool sampler_take(struct sampler *sampler, struct error *error) must_check;
// Puts the sample into the timeline even where it moved little.
void sampler_mark(struct sampler *sampler);
// What cannot be reclaimed.
int64_t sampler_pinned_bytes(const struct sampler *sampler);
