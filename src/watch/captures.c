// SPDX-License-Identifier: Apache-2.0
// In: reasons to capture. Out: workers, one ready for the last word; directories, a few of them.
#include "watch/captures.h"

#include <stdio.h>
#include <string.h>

#include "base/i18n.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/units.h"

enum { NEAR_PERCENT = 40 };

static const char *const reason_names[] = {
	[CAPTURE_BASELINE] = "baseline", [CAPTURE_STAGE] = "stage", [CAPTURE_HELD] = "held"};

void captures_start(struct captures *captures, enum capture_reason reason,
		    const struct sampler *sampler)
{
	char directory[4096], baseline[4096 + 16];
	struct error error = {0};
	if (captures->busy)
		return;
	store_next(&captures->store, directory, sizeof directory);
	const struct baseline *chosen =
		baselines_choose(&captures->baselines, sampler->usage_bytes, sampler->limit_bytes,
				 clock_monotonic_ns());
	snprintf(captures->busy_baseline, sizeof captures->busy_baseline, "%s",
		 chosen ? chosen->directory : "");
	snprintf(baseline, sizeof baseline, "%s/heap.pb.gz", captures->busy_baseline);
	struct worker_request request = {
		.pid = captures->pid,
		.cgroup_path = captures->cgroup_path,
		.directory = directory,
		.baseline_path = chosen ? baseline : NULL,
		.baseline_usage_bytes = chosen ? chosen->usage_bytes : 0,
		.small = reason == CAPTURE_BASELINE && captures->baselines.count,
		.json = captures->json,
		.colour = captures->colour,
	};
	captures->busy_reason = reason;
	// A slope alone is not near: what the kernel counts as page cache may lag behind what is in
	// use.
	captures->near_limit |=
		reason == CAPTURE_HELD ||
		(reason == CAPTURE_STAGE &&
		 sampler_pressing_bytes(sampler) >= sampler->limit_bytes / 100 * NEAR_PERCENT);
	if (!worker_start(&request, &captures->busy, &error)) {
		progress_say(captures->progress, "no capture: %s", error.message);
		return;
	}
	captures->busy->usage_bytes = sampler->usage_bytes;
}

static bool is_baseline(const struct captures *captures, const char *directory)
{
	return baselines_have(&captures->baselines, directory) ||
	       strcmp(directory, captures->busy_baseline) == 0 ||
	       strcmp(directory, captures->ready_baseline) == 0;
}

static void drop(struct captures *captures, const char *directory)
{
	if (directory[0] && !is_baseline(captures, directory))
		store_drop(&captures->store, directory);
}

// It may go on for a while. Where there are too many of those, the oldest has had its time.
static void let_leave(struct captures *captures, struct worker *worker)
{
	worker_dismiss(worker);
	for (int i = 0; i < CAPTURES_LEAVING; i++) {
		struct worker **place = &captures->leaving[i];
		if (*place && worker_has_left(*place))
			worker_free(take_ptr(*place));
		if (!*place) {
			*place = worker;
			return;
		}
	}
	struct worker *gone = captures->leaving[0];
	memmove(captures->leaving, captures->leaving + 1,
		sizeof captures->leaving - sizeof captures->leaving[0]);
	captures->leaving[CAPTURES_LEAVING - 1] = worker;
	worker_free(gone);
}

// Its files go to the earlier ones; the oldest of those goes.
static void retire(struct captures *captures, struct worker *worker)
{
	if (!worker)
		return;
	drop(captures, captures->earlier[CAPTURES_EARLIER - 1]);
	memmove(captures->earlier[1], captures->earlier[0],
		sizeof captures->earlier - sizeof captures->earlier[0]);
	snprintf(captures->earlier[0], sizeof captures->earlier[0], "%s", worker->directory);
	let_leave(captures, worker);
}

static bool is_recent(const struct captures *captures, const char *directory)
{
	for (int i = 0; i < CAPTURES_EARLIER; i++)
		if (strcmp(captures->earlier[i], directory) == 0)
			return true;
	return captures->ready && strcmp(captures->ready->directory, directory) == 0;
}

static void take_baseline(struct captures *captures, const struct worker *worker)
{
	char dropped[BASELINE_PATH_MAX];
	if (!worker->stored || !worker->whole ||
	    (captures->baselines.count && captures->busy_reason != CAPTURE_BASELINE))
		return;
	struct baseline taken = {.usage_bytes = worker->usage_bytes,
				 .taken_ns = worker->started_ns};
	snprintf(taken.directory, sizeof taken.directory, "%s", worker->directory);
	baselines_add(&captures->baselines, &taken, dropped);
	if (!is_recent(captures, dropped))
		drop(captures, dropped);
}

// What the ready one was compared with may have left the ring meanwhile.
static void take_ready(struct captures *captures, struct worker *worker)
{
	char before[sizeof captures->ready_baseline];
	memcpy(before, captures->ready_baseline, sizeof before);
	memcpy(captures->ready_baseline, captures->busy_baseline, sizeof before);
	captures->ready = worker;
	if (!is_recent(captures, before))
		drop(captures, before);
}

static void say_taken(const struct captures *captures, const struct sampler *sampler,
		      const struct worker *worker)
{
	static const char *const names[] = {
		[CAPTURE_BASELINE] = N_("baseline taken"),
		[CAPTURE_STAGE] = N_("captured"),
		[CAPTURE_HELD] = N_("captured, the kill held,"),
	};
	progress_say(
		captures->progress, "%s at %s of %s in %s%s%s", _(names[captures->busy_reason]),
		human_bytes(worker->usage_bytes).text, human_bytes(sampler->limit_bytes).text,
		human_duration(worker->duration_ns).text, worker->stored ? "" : _("; NOT STORED: "),
		worker->stored ? "" : worker->error.message);
}

void captures_update(struct captures *captures, const struct sampler *sampler, int timeout_ms)
{
	struct worker *worker = captures->busy;
	if (captures->ready)
		worker_update(captures->ready, captures_need_target(captures) ? timeout_ms : 0);
	if (!worker)
		return;
	worker_update(worker, timeout_ms);
	if (worker->state == WORKER_BUSY)
		return;
	captures->busy = NULL;
	if (worker->state == WORKER_FAILED) {
		progress_say(captures->progress, "a capture failed: %s", worker->error.message);
		store_drop(&captures->store, worker->directory);
		worker_free(worker);
		return;
	}
	captures->places = worker->summary.gauge_places;
	snprintf(captures->container_name, sizeof captures->container_name, "%s",
		 worker->summary.container_name);
	if (captures->busy_reason == CAPTURE_BASELINE)
		captures->baseline_cost_ns = worker->duration_ns;
	say_taken(captures, sampler, worker);
	feed_capture(captures->feed, &worker->summary, reason_names[captures->busy_reason],
		     worker->usage_bytes, worker->duration_ns);
	// A torn capture does not replace a whole one.
	if (captures->ready && captures->ready->whole && !worker->whole) {
		retire(captures, worker);
		return;
	}
	retire(captures, captures->ready);
	take_ready(captures, worker);
	take_baseline(captures, worker);
}

// Of the baselines only the one that was compared with goes with the incident.
static void drop_other_baselines(struct captures *captures)
{
	struct baselines *baselines = &captures->baselines;
	captures->busy_baseline[0] = '\0';
	while (baselines->count) {
		struct baseline last = baselines->items[baselines->count - 1];
		baselines_remove(baselines, baselines->count - 1);
		if (!is_recent(captures, last.directory))
			drop(captures, last.directory);
	}
}

bool captures_has_held(const struct captures *captures)
{
	return captures->ready && captures->ready->while_held;
}

bool captures_need_target(const struct captures *captures)
{
	return captures->ready && captures->ready->needs_target;
}

// One that is not done by now: half of its files are not written.
static void drop_busy(struct captures *captures)
{
	char torn[4096] = "";
	if (captures->busy)
		snprintf(torn, sizeof torn, "%s", captures->busy->directory);
	worker_free(take_ptr(captures->busy));
	store_drop(&captures->store, torn);
}

bool captures_finish(struct captures *captures, const struct worker_end *end, char *incident,
		     size_t capacity, struct error *error)
{
	drop_busy(captures); // else it would be moved with the others
	for (int i = 0; i < CAPTURES_LEAVING; i++)
		worker_free(take_ptr(captures->leaving[i]));
	if (!worker_finish(captures->ready, end, error))
		return false;
	drop_other_baselines(captures);
	return store_keep(&captures->store, captures->ready->directory, captures->ready_baseline,
			  incident, capacity, error);
}

bool captures_print(struct captures *captures, int signal_fd, int timeout_ms)
{
	return worker_print(captures->ready, signal_fd, timeout_ms);
}

void captures_end(struct captures *captures, bool discard)
{
	drop_busy(captures);
	worker_free(captures->ready);
	for (int i = 0; i < CAPTURES_LEAVING; i++)
		worker_free(take_ptr(captures->leaving[i]));
	captures->ready = NULL;
	store_end(&captures->store, discard);
}
