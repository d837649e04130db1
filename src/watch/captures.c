// SPDX-License-Identifier: Apache-2.0
// In: reasons to capture. Out: workers, one ready for the last word; directories, a few of them.
#include "watch/captures.h"

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/units.h"

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
	snprintf(baseline, sizeof baseline, "%s/heap.pb.gz", captures->baseline.directory);
	struct worker_request request = {
		.pid = captures->pid,
		.cgroup_path = captures->cgroup_path,
		.directory = directory,
		.baseline_path = captures->baseline.directory[0] ? baseline : NULL,
		.baseline_usage_bytes = captures->baseline.usage_bytes,
		.json = captures->json,
		.colour = captures->colour,
	};
	captures->busy_reason = reason;
	captures->near_limit |= reason != CAPTURE_BASELINE;
	if (!worker_start(&request, &captures->busy, &error)) {
		progress_say(captures->progress, "no capture: %s", error.message);
		return;
	}
	captures->busy->usage_bytes = sampler->usage_bytes;
}

static bool is_baseline(const struct captures *captures, const char *directory)
{
	return strcmp(directory, captures->baseline.directory) == 0 ||
	       strcmp(directory, captures->next_baseline.directory) == 0;
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

// A newer baseline waits behind the present one, until a still newer one comes.
static void take_baseline(struct captures *captures, const struct worker *worker)
{
	struct capture_baseline *present = &captures->baseline, *next = &captures->next_baseline;
	if (!worker->stored || !worker->whole ||
	    (present->directory[0] && captures->busy_reason != CAPTURE_BASELINE))
		return;
	struct capture_baseline old = *present, taken = {.usage_bytes = worker->usage_bytes};
	snprintf(taken.directory, sizeof taken.directory, "%s", worker->directory);
	if (next->directory[0])
		*present = *next;
	*(old.directory[0] ? next : present) = taken;
	if (!is_recent(captures, old.directory))
		drop(captures, old.directory);
}

static void say_taken(const struct captures *captures, const struct sampler *sampler,
		      const struct worker *worker)
{
	static const char *const names[] = {
		[CAPTURE_BASELINE] = "baseline taken",
		[CAPTURE_STAGE] = "captured",
		[CAPTURE_HELD] = "captured, the kill held,",
	};
	progress_say(captures->progress, "%s at %s of %s in %s%s%s", names[captures->busy_reason],
		     human_bytes(worker->usage_bytes).text, human_bytes(sampler->limit_bytes).text,
		     human_duration(worker->duration_ns).text,
		     worker->stored ? "" : "; NOT STORED: ",
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
	say_taken(captures, sampler, worker);
	feed_capture(captures->feed, &worker->summary, reason_names[captures->busy_reason],
		     worker->usage_bytes, worker->duration_ns);
	// A torn capture does not replace a whole one.
	if (captures->ready && captures->ready->whole && !worker->whole) {
		retire(captures, worker);
		return;
	}
	retire(captures, captures->ready);
	captures->ready = worker;
	take_baseline(captures, worker);
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
	return worker_finish(captures->ready, end, error) &&
	       store_keep(&captures->store, captures->ready->directory,
			  captures->baseline.directory, incident, capacity, error);
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
