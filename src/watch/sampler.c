// SPDX-License-Identifier: Apache-2.0
// In: a cgroup. Out: its usage, what of it is reclaimable, its limit, a timeline of them.
#include "watch/sampler.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <fcntl.h>
#include <unistd.h>

#include "base/i18n.h"
#include "base/clock.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/units.h"
#include "ledger/headroom.h"

static const int64_t STAT_EVERY_NS = 1000000000, TIMELINE_EVERY_NS = 1000000000,
		     LIMIT_EVERY_NS = 10000000000;
enum {
	STAT_ALWAYS_PERCENT = 40,
	TIMELINE_STEP_PERCENT = 1,
	CONCERNED_PERCENT = 5,  // so much of the machine is its own,
	NODE_NEAR_PERCENT = 75, // and so much is in use
};

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

static void follow_limit(struct sampler *sampler, struct error *above_error)
{
	cgroup_close(sampler->above);
	sampler->above = NULL;
	if (!sampler->by_node && strcmp(sampler->limit_path, cgroup_get_path(sampler->cgroup)) != 0)
		(void)!cgroup_open(sampler->limit_path, &sampler->above, above_error);
}

// False where there is nothing to see of it.
static bool take_node(struct sampler *sampler)
{
	char text[128];
	long long resident, shared;
	int64_t page = sysconf(_SC_PAGESIZE);
	if (!sampler->node || sampler->statm < 0 ||
	    !node_memory_read(sampler->node, clock_monotonic_ns(), NULL))
		return false;
	sampler->limit_bytes = sampler->node->total_bytes;
	sampler->left_bytes = sampler->node->available_bytes;
	// Of one that is just ending nothing is left to read.
	if (!file_read_into(sampler->statm, "statm", text, sizeof text, NULL) ||
	    sscanf(text, "%*u %15lld %15lld", &resident, &shared) != 2 || resident <= 0)
		return true;
	sampler->usage_bytes = resident * page;
	sampler->file_bytes = sampler->reclaimable_bytes = shared * page;
	sampler->anon_bytes = sampler->own_bytes = (resident - shared) * page;
	sampler->last_stat_ns = clock_monotonic_ns();
	return true;
}

static bool begin_by_node(struct sampler *sampler, struct error *error)
{
	sampler->by_node = true;
	sampler->limit_path[0] = '\0';
	if (take_node(sampler))
		return true;
	error_set(error, ERROR_NOT_FOUND,
		  "the memory cgroup %.200s has no limit, nor has one above it, and the machine's "
		  "memory cannot be seen",
		  cgroup_get_path(sampler->cgroup));
	return error_hint(error, "whyoom PID shows the process as it is now");
}

bool sampler_begin(struct cgroup *cgroup, struct node_memory *node, int statm,
		   struct sampler *sampler, struct error *above_error, struct error *error)
{
	struct cgroup_stat stat;
	*sampler = (struct sampler){.cgroup = cgroup,
				    .node = node,
				    .statm = -1,
				    .oom_kills = -1,
				    .limit_hits = -1,
				    .high_hits = -1,
				    .ooms = -1};
	*above_error = (struct error){0};
	if (!cgroup_stat(cgroup, &stat, error))
		return false;
	if (statm >= 0)
		sampler->statm = fcntl(statm, F_DUPFD_CLOEXEC, 0);
	if (!set_limit(sampler, &stat) && !begin_by_node(sampler, error)) {
		sampler_end(sampler);
		return false;
	}
	follow_limit(sampler, above_error);
	return true;
}

void sampler_end(struct sampler *sampler)
{
	cgroup_close(sampler->above);
	sampler->above = NULL;
	if (sampler->cgroup) // else it was never begun
		cleanup_close(&sampler->statm);
	sampler->statm = -1;
}

int64_t sampler_pinned_bytes(const struct sampler *sampler)
{
	return sampler->by_node ? sampler->limit_bytes - sampler->left_bytes
				: sampler->usage_bytes - sampler->reclaimable_bytes;
}

int64_t sampler_own_bytes(const struct sampler *sampler)
{
	return sampler->by_node ? sampler->own_bytes : sampler_pinned_bytes(sampler);
}

bool sampler_is_concerned(const struct sampler *sampler)
{
	int64_t percent = sampler->limit_bytes / 100;
	return !sampler->by_node || (sampler->own_bytes >= percent * CONCERNED_PERCENT &&
				     sampler_pinned_bytes(sampler) >= percent * NODE_NEAR_PERCENT);
}

int64_t sampler_pressing_bytes(const struct sampler *sampler)
{
	return sampler_is_concerned(sampler) ? sampler_pinned_bytes(sampler) : sampler->own_bytes;
}

struct sampler_text sampler_limit_text(const struct sampler *sampler)
{
	struct sampler_text out;
	if (sampler->by_node)
		snprintf(out.text, sizeof out.text, _("limit %s, the machine's memory"),
			 human_bytes(sampler->limit_bytes).text);
	else
		snprintf(out.text, sizeof out.text, _("limit %s of %s"),
			 human_bytes(sampler->limit_bytes).text, sampler->limit_path);
	return out;
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
	if (!set_limit(sampler, &stat) && sampler->node && sampler->statm >= 0) {
		(void)!begin_by_node(sampler, NULL); // it was taken away
		follow_limit(sampler, NULL);
		return true;
	}
	sampler->anon_bytes = known_or_zero(stat.anon_bytes);
	sampler->file_bytes = known_or_zero(stat.file_bytes);
	sampler->reclaimable_bytes = headroom_reclaimable_bytes(&stat);
	sampler->last_stat_ns = now_ns;
	return true;
}

// Somebody may set one at any time.
static void look_for_limit(struct sampler *sampler)
{
	struct cgroup_stat stat;
	struct error above_error = {0};
	int64_t now_ns = clock_monotonic_ns();
	if (now_ns < sampler->limit_due_ns)
		return;
	sampler->limit_due_ns = now_ns + LIMIT_EVERY_NS;
	if (!cgroup_stat(sampler->cgroup, &stat, NULL) || !set_limit(sampler, &stat))
		return;
	sampler->by_node = false;
	sampler->last_stat_ns = 0;
	follow_limit(sampler, &above_error);
}

bool sampler_glance(struct sampler *sampler, int64_t *usage_bytes)
{
	if (sampler->by_node) {
		bool seen = take_node(sampler);
		*usage_bytes = sampler->usage_bytes;
		return seen;
	}
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
	if (sampler->by_node)
		look_for_limit(sampler);
	counts = own;
	if (sampler->above && !cgroup_sample(sampler->above, &counts, error))
		return false;
	sampler->oom_kills = known_or_none(own.oom_kill_count);
	sampler->limit_hits = known_or_none(counts.limit_hits);
	sampler->high_hits = known_or_none(counts.high_hits);
	sampler->ooms = known_or_none(counts.oom_count);
	if (!sampler->by_node) {
		sampler->usage_bytes = known_or_zero(counts.usage_bytes);
		if (!take_details(sampler, error))
			return false;
	}
	if (sampler->by_node && !take_node(sampler))
		return error_set(error, ERROR_OS, "/proc/meminfo cannot be read");
	add_to_timeline(sampler, false);
	return true;
}
