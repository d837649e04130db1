// SPDX-License-Identifier: Apache-2.0
// In: a sampler, a process, a probe. Out: readings of each metric.
#include "watch/vitals.h"

#include "base/clock.h"

static const int64_t GROWTH_NS = 1000000000, EVENTS_NS = 10000000000;

void vitals_begin(struct vitals *vitals, const struct process_files *process,
		  const struct cgroup *cgroup, bool with_gauges)
{
	*vitals = (struct vitals){.has_gauges = with_gauges, .sample = store_sample_at(0)};
	vitals->gauges.pressure = -1;
	if (with_gauges)
		gauges_begin(&vitals->gauges, process, cgroup);
}

void vitals_end(struct vitals *vitals)
{
	if (vitals->has_gauges)
		gauges_end(&vitals->gauges);
	vitals->has_gauges = false;
}

static void set(struct readings *readings, enum metric metric, int64_t value)
{
	readings->known[metric] = value >= 0;
	readings->values[metric] = value;
}

// ---- of the cgroup ----

static void add_growth(struct vitals *vitals, int64_t pinned_bytes, int64_t room_bytes,
		       int64_t now_ns)
{
	struct readings *readings = &vitals->readings;
	int64_t age_ns = 0;
	const int64_t *before = past_find(&vitals->pinned, GROWTH_NS, now_ns, &age_ns);
	// Where samples are far apart, the one before has to do.
	if (!before && vitals->last_ns && now_ns - vitals->last_ns >= GROWTH_NS &&
	    now_ns - vitals->last_ns <= RULE_GAP_NS) {
		before = &vitals->last_pinned_bytes;
		age_ns = now_ns - vitals->last_ns;
	}
	readings->known[METRIC_GROWTH] = readings->known[METRIC_LIMIT_IN] = before != NULL;
	if (before) {
		double rate = (double)(pinned_bytes - *before) * 1e9 / (double)age_ns;
		double left_ns = rate > 0 ? (double)room_bytes / rate * 1e9 : 9e18;
		readings->values[METRIC_GROWTH] = (int64_t)rate;
		readings->values[METRIC_LIMIT_IN] = left_ns >= 9e18 ? INT64_MAX
						    : left_ns < 0   ? 0
								    : (int64_t)left_ns;
	}
	past_add(&vitals->pinned, GROWTH_NS, now_ns, pinned_bytes);
	vitals->last_pinned_bytes = pinned_bytes;
	vitals->last_ns = now_ns;
}

// How much a counter has grown in the last ten seconds; in less, soon after the start.
static void add_events(struct vitals *vitals, int which, enum metric metric, int64_t count,
		       int64_t now_ns)
{
	struct past *past = &vitals->events[which];
	if (count < 0) {
		vitals->readings.known[metric] = false;
		return;
	}
	past_add(past, EVENTS_NS, now_ns, count);
	const int64_t *before = past_find(past, EVENTS_NS, now_ns, NULL);
	if (!before && past->count)
		before = &past->values[(past->next + PAST_SLOTS - past->count) % PAST_SLOTS];
	set(&vitals->readings, metric, before && count >= *before ? count - *before : -1);
}

static void read_sampler(struct vitals *vitals, const struct sampler *sampler, int64_t now_ns)
{
	struct readings *readings = &vitals->readings;
	int64_t pinned_bytes = sampler_pinned_bytes(sampler);
	readings->limit_bytes = sampler->limit_bytes;
	set(readings, METRIC_LIMIT_USED,
	    sampler->limit_bytes > 0
		    ? (int64_t)((double)pinned_bytes * 10000 / (double)sampler->limit_bytes)
		    : -1);
	set(readings, METRIC_USAGE, sampler->usage_bytes);
	set(readings, METRIC_ANON, sampler->last_stat_ns ? sampler->anon_bytes : -1);
	set(readings, METRIC_FILE, sampler->last_stat_ns ? sampler->file_bytes : -1);
	add_growth(vitals, sampler_own_bytes(sampler), sampler->limit_bytes - pinned_bytes, now_ns);
	add_events(vitals, 0, METRIC_LIMIT_HITS, sampler->limit_hits, now_ns);
	add_events(vitals, 1, METRIC_HIGH_HITS, sampler->high_hits, now_ns);
	add_events(vitals, 2, METRIC_OOMS, sampler->ooms, now_ns);
	add_events(vitals, 3, METRIC_OOM_KILLS, sampler->oom_kills, now_ns);
}

// ---- of the process ----

static void read_gauges(struct vitals *vitals)
{
	struct readings *readings = &vitals->readings;
	struct store_sample *sample = &vitals->sample;
	gauges_take(&vitals->gauges, sample);
	set(readings, METRIC_RSS, sample->values[STORE_RSS]);
	set(readings, METRIC_THREADS, sample->values[STORE_THREADS]);
	set(readings, METRIC_FDS, sample->values[STORE_FDS]);
	set(readings, METRIC_PSI_SOME, vitals->gauges.some_avg10);
	set(readings, METRIC_PSI_FULL, vitals->gauges.full_avg10);
}

static void read_go(struct vitals *vitals, int64_t now_ns)
{
	struct readings *readings = &vitals->readings;
	const struct go_gauges *go = &vitals->go;
	int64_t stale_ns =
		vitals->go_stale_ns > VITALS_STALE_NS ? vitals->go_stale_ns : VITALS_STALE_NS;
	bool fresh = vitals->go_ns && now_ns - vitals->go_ns < stale_ns;
	bool has_heap = fresh && go->has_heap, has_goroutines = fresh && go->has_goroutines;
	set(readings, METRIC_HEAP_LIVE, has_heap ? (int64_t)go->heap_live : -1);
	set(readings, METRIC_HEAP_MARKED, has_heap ? (int64_t)go->heap_marked : -1);
	set(readings, METRIC_GOROUTINES, has_goroutines ? (int64_t)go->goroutines : -1);
	vitals->sample.values[STORE_HEAP_LIVE] = readings->values[METRIC_HEAP_LIVE];
	bool has_goal = has_heap && go->has_goal && go->heap_goal < INT64_MAX;
	vitals->sample.values[STORE_HEAP_GOAL] = has_goal ? (int64_t)go->heap_goal : -1;
	vitals->sample.values[STORE_GOROUTINES] = readings->values[METRIC_GOROUTINES];
}

void vitals_update(struct vitals *vitals, const struct sampler *sampler, int64_t now_ns)
{
	vitals->readings.monotonic_ns = now_ns;
	read_sampler(vitals, sampler, now_ns);
	int64_t every_ns = vitals->gauge_every_ns ? vitals->gauge_every_ns : VITALS_GAUGE_NS;
	if (vitals->has_gauges && (!vitals->gauged_ns || now_ns - vitals->gauged_ns >= every_ns)) {
		vitals->gauged_ns = now_ns;
		read_gauges(vitals);
	}
	read_go(vitals, now_ns);
}

void vitals_hear(struct vitals *vitals, const struct go_gauges *go, int64_t now_ns)
{
	vitals->go = *go;
	vitals->go_ns = now_ns;
}
