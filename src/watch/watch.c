// SPDX-License-Identifier: Apache-2.0
// In: a process and its cgroup. Out: captures on the way up, the incident after the kill.
#include "watch/watch.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/units.h"
#include "watch/ending.h"
#include "watch/hold.h"
#include "watch/store.h"
#include "watch/target_choice.h"
#include "watch/trigger.h"
#include "watch/worker.h"

static const int64_t STAT_EVERY_NS = 1000000000;
static const int64_t LINE_EVERY_NS = 200000000;
static const int64_t TIMELINE_EVERY_NS = 1000000000;
enum { LAST_CAPTURE_PATIENCE_MS = 500, TIMELINE_STEP_PERCENT = 1, STAT_STEP_PERCENT = 1 };

struct watch {
	const struct watch_options *options;
	struct watch_result *result;
	struct process_files process;
	struct cgroup *cgroup;
	char cgroup_path[PATH_MAX];
	int64_t limit_bytes;
	char limit_path[PATH_MAX];
	struct ending ending;
	struct hold *hold;
	int64_t held_since_ns, held_ns; // since when the kill waits; for how long it did
	int signals;
	struct store store;

	struct trigger trigger;
	struct kill_timeline timeline;
	int64_t usage_bytes, anon_bytes, file_bytes, reclaimable_bytes;
	int64_t last_stat_ns, last_stat_usage, last_line_ns;

	struct worker *busy;  // captures now
	struct worker *ready; // the newest that has
	VEC(struct worker *) earlier;
};

static void say(struct watch *watch, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void say(struct watch *watch, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	if (watch->options->live_line)
		fputs("\r\033[K", stderr);
	fputs("whyoom: ", stderr);
	vfprintf(stderr, format, arguments);
	fputs("\n", stderr);
	va_end(arguments);
}

// ---- beginning ----

static bool read_limit(struct watch *watch, struct error *error)
{
	struct cgroup_stat stat;
	if (!cgroup_stat(watch->cgroup, &stat, error))
		return false;
	if (!stat.effective_limit.known || stat.effective_limit.unlimited) {
		error_set(error, ERROR_NOT_FOUND,
			  "the memory cgroup %s has no limit, nor has one above it",
			  watch->cgroup_path);
		return error_hint(error,
				  "nothing will be killed there before the whole machine is "
				  "out of memory; whyoom PID shows the process as it is now");
	}
	watch->limit_bytes = (int64_t)stat.effective_limit.bytes;
	snprintf(watch->limit_path, sizeof watch->limit_path, "%s",
		 stat.effective_limit_path ? stat.effective_limit_path : watch->cgroup_path);
	return true;
}

static bool begin_hold(struct watch *watch, struct error *error)
{
	if (!watch->options->hold)
		return true;
	if (strcmp(watch->limit_path, watch->cgroup_path) != 0) {
		error_set(error, ERROR_USAGE,
			  "cannot hold the kill: the limit that will bite is that of %.200s, above "
			  "%.200s",
			  watch->limit_path, watch->cgroup_path);
		return error_hint(error, "watch that one: --cgroup %.300s", watch->limit_path);
	}
	return hold_begin(watch->cgroup, watch->options->hold_limit_ns, &watch->hold, error);
}

static bool open_signals(struct watch *watch, struct error *error)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	if (sigprocmask(SIG_BLOCK, &set, NULL) != 0)
		return error_set_os(error, errno, "cannot block signals");
	watch->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return watch->signals >= 0 || error_set_os(error, errno, "cannot make a signalfd");
}

static bool begin(struct watch *watch, struct error *error)
{
	const struct watch_options *options = watch->options;
	int pid = options->pid;
	if (!choose_cgroup(pid, options->cgroup_path, watch->cgroup_path, error) ||
	    !cgroup_open(watch->cgroup_path, &watch->cgroup, error) || !read_limit(watch, error) ||
	    !open_signals(watch, error))
		return false;
	if (!pid &&
	    !choose_process(watch->cgroup, watch->signals, &pid, &watch->result->signal, error))
		return false;
	if (!pid)
		return true; // a signal came before a process did
	if (!process_files_open("/proc", pid, &watch->process, error))
		return false;
	ending_begin(&watch->ending, watch->cgroup, &watch->process);
	store_begin(&watch->store, options->out, &watch->process);
	if (!begin_hold(watch, error))
		return false;
	say(watch, "watching process %d in %s, limit %s%s", pid, watch->cgroup_path,
	    human_bytes(watch->limit_bytes).text,
	    watch->hold ? ", holding the kill when it comes" : "");
	return true;
}

// ---- sampling ----

static void add_to_timeline(struct watch *watch, int64_t now_ns, bool force)
{
	struct kill_timeline *timeline = &watch->timeline;
	struct kill_sample sample = {now_ns, watch->usage_bytes, watch->anon_bytes,
				     watch->file_bytes};
	if (timeline->count && !force) {
		const struct kill_sample *last = &timeline->samples[timeline->count - 1];
		int64_t step = llabs(sample.usage_bytes - last->usage_bytes);
		if (now_ns - last->unix_ns < TIMELINE_EVERY_NS &&
		    step < watch->limit_bytes / 100 * TIMELINE_STEP_PERCENT)
			return;
	}
	if (timeline->count == KILL_TIMELINE_MAX)
		memmove(timeline->samples, timeline->samples + 1,
			(size_t)--timeline->count * sizeof *timeline->samples);
	timeline->samples[timeline->count++] = sample;
}

static int64_t known_bytes(struct known_u64 number)
{
	return number.known ? (int64_t)number.value : 0;
}

// The whole statistics are dearer than the usage alone: only when something moved.
static bool sample_details(struct watch *watch, int64_t now_ns, struct error *error)
{
	struct cgroup_stat stat;
	int64_t moved = llabs(watch->usage_bytes - watch->last_stat_usage);
	if (now_ns - watch->last_stat_ns < STAT_EVERY_NS &&
	    moved < watch->limit_bytes / 100 * STAT_STEP_PERCENT)
		return true;
	if (!cgroup_stat(watch->cgroup, &stat, error))
		return false;
	watch->anon_bytes = known_bytes(stat.anon_bytes);
	watch->file_bytes = known_bytes(stat.file_bytes);
	watch->reclaimable_bytes = watch->file_bytes - known_bytes(stat.shmem_bytes);
	watch->last_stat_ns = now_ns;
	watch->last_stat_usage = watch->usage_bytes;
	return true;
}

static bool sample(struct watch *watch, bool *due, struct error *error)
{
	struct cgroup_sample counts;
	int64_t now_ns = clock_monotonic_ns();
	if (!cgroup_sample(watch->cgroup, &counts, error))
		return false;
	watch->usage_bytes = known_bytes(counts.usage_bytes);
	if (!sample_details(watch, now_ns, error))
		return false;
	add_to_timeline(watch, clock_unix_ns(), false);
	struct trigger_sample point = {now_ns, watch->usage_bytes - watch->reclaimable_bytes,
				       watch->limit_bytes};
	*due = trigger_update(&watch->trigger, &point);
	return true;
}

static void draw_line(struct watch *watch)
{
	int64_t now_ns = clock_monotonic_ns(), left_ns = trigger_time_left_ns(&watch->trigger);
	if (!watch->options->live_line || now_ns - watch->last_line_ns < LINE_EVERY_NS)
		return;
	watch->last_line_ns = now_ns;
	int64_t pinned = watch->trigger.last.pinned_bytes;
	fprintf(stderr, "\r\033[Kanon %s  cache %s  of %s  headroom %s  %s%s/s  %s%s",
		human_bytes(watch->anon_bytes).text, human_bytes(watch->reclaimable_bytes).text,
		human_bytes(watch->limit_bytes).text, human_bytes(watch->limit_bytes - pinned).text,
		watch->trigger.slope_bytes_per_ns >= 0 ? "+" : "",
		human_bytes((int64_t)(watch->trigger.slope_bytes_per_ns * 1e9)).text,
		left_ns >= 0 ? "limit in " : "", left_ns >= 0 ? human_duration(left_ns).text : "");
	fflush(stderr);
}

// ---- capturing ----

static void start_capture(struct watch *watch)
{
	char directory[4096];
	struct worker_request request = {
		.pid = watch->process.pid,
		.cgroup_path = watch->cgroup_path,
		.directory =
			store_next(&watch->store, directory, sizeof directory) ? directory : NULL,
		.json = watch->options->json,
		.colour = watch->options->colour,
	};
	struct error error = {0};
	trigger_captured(&watch->trigger);
	if (!worker_start(&request, &watch->busy, &error))
		say(watch, "no capture: %s", error.message);
}

static void take_news(struct watch *watch, int timeout_ms)
{
	struct worker *worker = watch->busy;
	if (!worker)
		return;
	worker_update(worker, timeout_ms);
	if (worker->state == WORKER_BUSY)
		return;
	watch->busy = NULL;
	if (worker->state == WORKER_FAILED) {
		say(watch, "a capture failed: %s", worker->error.message);
		store_drop(&watch->store, worker->directory);
		worker_free(worker);
		return;
	}
	say(watch, "captured at %s of %s in %s%s%s", human_bytes(watch->usage_bytes).text,
	    human_bytes(watch->limit_bytes).text, human_duration(worker->duration_ns).text,
	    worker->stored ? "" : "; NOT STORED: ", worker->stored ? "" : worker->error.message);
	// A torn capture does not replace a whole one.
	bool worse = watch->ready && watch->ready->whole && !worker->whole;
	if (watch->ready)
		vec_push(&watch->earlier, worse ? worker : watch->ready);
	if (!worse)
		watch->ready = worker;
}

// The target sleeps at its limit: the best moment there is. Whatever happens here, the guard lets
// the kill go in time.
static void capture_while_held(struct watch *watch)
{
	int64_t start_ns = clock_monotonic_ns();
	struct error error = {0};
	bool due;
	if (sample(watch, &due, &error)) // the moment at the limit belongs into the record
		add_to_timeline(watch, clock_unix_ns(), true);
	take_news(watch, LAST_CAPTURE_PATIENCE_MS);
	if (!watch->busy)
		start_capture(watch);
	int64_t left_ns = watch->options->hold_limit_ns - (clock_monotonic_ns() - start_ns);
	take_news(watch, (int)(left_ns > 0 ? left_ns / 1000000 : 0));
	if (!hold_release(watch->hold, &error))
		say(watch, "%s", error.message);
	watch->held_ns = clock_monotonic_ns() - start_ns;
	say(watch, "held the kill for %s, let it go", human_duration(watch->held_ns).text);
}

static void check_hold(struct watch *watch)
{
	if (!watch->hold)
		return;
	switch (hold_get_state(watch->hold)) {
	case HOLD_UNDER_OOM:
		capture_while_held(watch);
		break;
	case HOLD_GUARD_LOST:
		say(watch, "the guard process died: the kill is not held any more");
		break;
	default:
		break;
	}
}

// ---- the end ----

static void wait_for_event(struct watch *watch)
{
	struct pollfd events[] = {
		{.fd = watch->signals, .events = POLLIN},
		{.fd = watch->process.pidfd, .events = POLLIN},
		{.fd = watch->hold ? hold_event_fd(watch->hold) : -1, .events = POLLIN},
		{.fd = watch->busy ? watch->busy->channel : -1, .events = POLLIN},
	};
	// A hold that is over says nothing more; its descriptor would wake us for ever.
	if (watch->hold && hold_get_state(watch->hold) > HOLD_UNDER_OOM)
		events[2].fd = -1;
	int64_t pace_ns = trigger_pace_ns(watch->limit_bytes);
	poll(events, sizeof events / sizeof *events, (int)(pace_ns / 1000000));
	struct signalfd_siginfo info;
	if (read(watch->signals, &info, sizeof info) == sizeof info)
		watch->result->signal = (int)info.ssi_signo;
}

static bool finish(struct watch *watch, bool ended)
{
	struct watch_result *result = watch->result;
	_cleanup_free_ struct worker_end *end = alloc_zero(sizeof *end);
	bool printed = false;
	take_news(watch, LAST_CAPTURE_PATIENCE_MS);
	result->kill = ending_find(&watch->ending, ended);
	result->kill.held = watch->held_ns > 0;
	result->kill.held_ns = watch->held_ns;
	if (!watch->ready)
		return false;
	end->kill = result->kill;
	end->timeline = watch->timeline;
	if (watch->options->live_line)
		fputs("\r\033[K", stderr);
	result->stored = worker_finish(watch->ready, end, &printed, &result->store_error);
	result->captured = printed;
	for (size_t i = 0; i < watch->earlier.count; i++)
		worker_free(watch->earlier.items[i]);
	vec_deinit(&watch->earlier);
	if (result->stored)
		result->stored =
			store_keep(&watch->store, watch->ready->directory, result->incident,
				   sizeof result->incident, &result->store_error);
	return true;
}

static bool loop(struct watch *watch, struct error *error)
{
	while (!watch->result->signal && !process_ended(&watch->process)) {
		bool due = false;
		if (!sample(watch, &due, error)) {
			if (!cgroup_gone(watch->cgroup))
				return false;
			if (process_ended(&watch->process))
				break;
			return error_set(error, ERROR_NOT_FOUND,
					 "the cgroup %s was removed while it was watched",
					 watch->cgroup_path);
		}
		check_hold(watch);
		if (due && !watch->busy)
			start_capture(watch);
		draw_line(watch);
		wait_for_event(watch);
		take_news(watch, 0);
	}
	return true;
}

static void deinit(struct watch *watch)
{
	struct error error = {0};
	if (watch->hold && !hold_end(watch->hold, &error))
		say(watch, "%s", error.message);
	worker_free(watch->busy);
	worker_free(watch->ready);
	for (size_t i = 0; i < watch->earlier.count; i++)
		worker_free(watch->earlier.items[i]);
	vec_deinit(&watch->earlier);
	store_end(&watch->store);
	if (watch->ending.cgroup)
		ending_deinit(&watch->ending);
	process_files_close(&watch->process);
	cgroup_close(watch->cgroup);
	if (watch->signals >= 0)
		close(watch->signals);
}

bool watch_run(const struct watch_options *options, struct watch_result *result,
	       struct error *error)
{
	struct watch *watch = alloc_zero(sizeof *watch);
	*result = (struct watch_result){0};
	watch->options = options;
	watch->result = result;
	watch->signals = -1;
	watch->process = PROCESS_FILES_NONE;
	bool ok = begin(watch, error);
	if (ok && watch->process.pid) {
		ok = loop(watch, error);
		if (ok)
			finish(watch, !result->signal);
	}
	deinit(watch);
	free(watch);
	return ok;
}
