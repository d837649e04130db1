// SPDX-License-Identifier: Apache-2.0
// In: a cgroup. Out: its usage, what of it is reclaimable, its limit, a timeline of them.
#include "watch/sampler.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "ledger/headroom.h"

static const int64_t STAT_EVERY_NS = 1000000000, TIMELINE_EVERY_NS = 1000000000;
enum { STAT_ALWAYS_PERCENT = 40, TIMELINE_STEP_PERCENT = 1 };

static bool set_limit(struct sampler *sampler, const struct cgroup_stat *stat)
{
	if (!stat->effective_limit.known || stat->effective_limit.unlimited)
		return false;
	sampler->limit_bytes = (int64_t)stat->effective_limit.bytes;
	snprintf(sampler->limit_path, sizeof sampler->limit_path, "%s",
		 stat->effective_limit_path ? stat->effective_limit_path
					    : cgroup_get_path(sampler->cgroup));
	return true;
}

bool sampler_begin(struct cgroup *cgroup, struct sampler *sampler, struct error *above_error,
		   struct error *error)
{
	struct cgroup_stat stat;
	*sampler = (struct sampler){
		.cgroup = cgroup, .oom_kills = -1, .limit_hits = -1, .high_hits = -1, .ooms = -1};
	*above_error = (struct error){0};
	if (!cgroup_stat(cgroup, &stat, error))
		return false;
	if (!set_limit(sampler, &stat)) {
		error_set(error, ERROR_NOT_FOUND,
			  "the memory cgroup %.200s has no limit, nor has one above it",
			  cgroup_get_path(cgroup));
		return error_hint(error,
				  "nothing will be killed there before the whole machine is "
				  "out of memory; whyoom PID shows the process as it is now");
	}
	if (strcmp(sampler->limit_path, cgroup_get_path(cgroup)) != 0)
		(void)!cgroup_open(sampler->limit_path, &sampler->above, above_error);
	return true;
}

void sampler_end(struct sampler *sampler)
{
	cgroup_close(sampler->above);
	sampler->above = NULL;
}

int64_t sampler_pinned_bytes(const struct sampler *sampler)
{
	return sampler->usage_bytes - sampler->reclaimable_bytes;
}

static void add_to_timeline(struct sampler *sampler, bool force)
{
	struct kill_timeline *timeline = &sampler->timeline;
	struct kill_sample sample = {clock_unix_ns(), sampler->usage_bytes, sampler->anon_bytes,
				     sampler->file_bytes};
	if (timeline->count && !force) {
		const struct kill_sample *last = &timeline->samples[timeline->count - 1];
		int64_t step = llabs(sample.usage_bytes - last->usage_bytes);
		int64_t anon_step = llabs(sample.anon_bytes - last->anon_bytes);
		int64_t enough = sampler->limit_bytes / 100 * TIMELINE_STEP_PERCENT;
		if (sample.unix_ns - last->unix_ns < TIMELINE_EVERY_NS && step < enough &&
		    anon_step < enough)
			return;
	}
	if (timeline->count == KILL_TIMELINE_MAX)
		memmove(timeline->samples, timeline->samples + 1,
			(size_t)--timeline->count * sizeof *timeline->samples);
	timeline->samples[timeline->count++] = sample;
}

void sampler_mark(struct sampler *sampler)
{
	add_to_timeline(sampler, true);
}

// Dearer than the usage alone. With page cache up to the limit the usage says nothing: anonymous
// memory takes its place, and the sum stays.
static bool take_details(struct sampler *sampler, struct error *error)
{
	struct cgroup_stat stat;
	int64_t now_ns = clock_monotonic_ns();
	bool near = sampler->usage_bytes > sampler->limit_bytes / 100 * STAT_ALWAYS_PERCENT;
	if (!near && now_ns - sampler->last_stat_ns < STAT_EVERY_NS)
		return true;
	if (!cgroup_stat(sampler->above ? sampler->above : sampler->cgroup, &stat, error))
		return false;
	set_limit(sampler, &stat);
	sampler->anon_bytes = known_or_zero(stat.anon_bytes);
	sampler->file_bytes = known_or_zero(stat.file_bytes);
	sampler->reclaimable_bytes = headroom_reclaimable_bytes(&stat);
	sampler->last_stat_ns = now_ns;
	return true;
}

bool sampler_glance(struct sampler *sampler, int64_t *usage_bytes)
{
	return cgroup_usage(sampler->above ? sampler->above : sampler->cgroup, usage_bytes);
}

static int64_t known_or_none(struct known_u64 number)
{
	return number.known ? (int64_t)number.value : -1;
}

bool sampler_take(struct sampler *sampler, struct error *error)
{
	struct cgroup_sample own, counts;
	// Its own as well: it fails when the cgroup was removed, and has the counter of kills.
	if (!cgroup_sample(sampler->cgroup, &own, error))
		return false;
	counts = own;
	if (sampler->above && !cgroup_sample(sampler->above, &counts, error))
		return false;
	sampler->oom_kills = known_or_none(own.oom_kill_count);
	sampler->limit_hits = known_or_none(counts.limit_hits);
	sampler->high_hits = known_or_none(counts.high_hits);
	sampler->ooms = known_or_none(counts.oom_count);
	sampler->usage_bytes = known_or_zero(counts.usage_bytes);
	if (!take_details(sampler, error))
		return false;
	add_to_timeline(sampler, false);
	return true;
}
