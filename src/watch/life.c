// SPDX-License-Identifier: Apache-2.0
// In: samples and vitals, many times a second. Out: a few hundred of them over the whole life.
#include "watch/life.h"

#include <stdlib.h>

#include "base/clock.h"
#include "store/stored_course.h"

enum { STORED_PATIENCE_MS = 300 };
static const int64_t CALM_NS = 1000000000, MOVING_NS = 50000000;

static bool is_due(const struct life *life, int64_t pinned_bytes, int64_t limit_bytes,
		   int64_t now_ns)
{
	int64_t since_ns = now_ns - life->sampled_ns;
	int64_t moved = llabs(pinned_bytes - life->sampled_bytes);
	int64_t whole = limit_bytes > 0 ? limit_bytes : pinned_bytes; // there may be no limit
	return since_ns >= CALM_NS || (since_ns >= MOVING_NS && moved > whole / 100);
}

static int64_t reading(const struct vitals *vitals, enum metric metric)
{
	return vitals->readings.known[metric] ? vitals->readings.values[metric] : -1;
}

void life_sample(struct life *life, const struct sampler *sampler, const struct vitals *vitals)
{
	int64_t now_ns = clock_monotonic_ns(), pinned_bytes = sampler_own_bytes(sampler);
	bool gauged = vitals->gauged_ns != life->gauged_ns, heard = vitals->go_ns != life->go_ns;
	if (!is_due(life, pinned_bytes, sampler->limit_bytes, now_ns) && !heard)
		return;
	struct course_sample sample = course_sample_at(clock_unix_ns());
	sample.values[COURSE_MEMORY] = pinned_bytes;
	if (heard) {
		sample.values[COURSE_HEAP] = reading(vitals, METRIC_HEAP_LIVE);
		sample.values[COURSE_GOROUTINES] = reading(vitals, METRIC_GOROUTINES);
	}
	if (gauged) {
		sample.values[COURSE_FDS] = reading(vitals, METRIC_FDS);
		sample.values[COURSE_THREADS] = reading(vitals, METRIC_THREADS);
	}
	course_add(&life->course, &sample);
	life->sampled_ns = now_ns;
	life->sampled_bytes = pinned_bytes;
	life->gauged_ns = vitals->gauged_ns;
	life->go_ns = vitals->go_ns;
}

void life_tell(const struct life *life, const char *db, const struct process_files *process,
	       int64_t end_ns, struct course *course)
{
	struct course_owner owner = {process->pid, life->started_unix_ns};
	*course = life->course;
	if (end_ns)
		course_cut(course, end_ns);
	course_add_stored(course, db, &owner, STORED_PATIENCE_MS);
}
