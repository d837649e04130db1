// SPDX-License-Identifier: Apache-2.0
// In: a process and its cgroup. Out: captures on the way up, the incident after the kill.
#include "watch/watch_priv.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/i18n.h"
#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "watch/leftover.h"
#include "watch/retention.h"
#include "watch/page.h"
#include "watch/target_choice.h"

// What is captured between a kill's release and the death is worth less than what was before.
static const int64_t DYING_NS = 2000000000;

enum {
	LAST_CAPTURE_PATIENCE_MS = 1000,
	PRINT_PATIENCE_MS = 2000,
	CALM_PERCENT = 40,
	NODE_CALM_PERCENT = 75, // a machine's memory is there to be used
};

static const int64_t FAR_NS = 10000000000;
static const struct watch_budget BUDGET_DEFAULT = {CONFIG_CPU_DEFAULT_PERMYRIAD,
						   CONFIG_MEMORY_DEFAULT_BYTES};

// ---- beginning ----

static bool open_signals(struct watch *watch, struct error *error)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	if (sigprocmask(SIG_BLOCK, &set, &watch->old_signals) != 0)
		return error_set_os(error, errno, "cannot block signals");
	watch->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return watch->signals >= 0 || error_set_os(error, errno, "cannot make a signalfd");
}

// What comes from here on ends the process as usual, above all when it blocks on its output; what
// came before has been obeyed.
static void close_signals(struct watch *watch)
{
	struct signalfd_siginfo info;
	if (watch->signals < 0)
		return;
	while (read(watch->signals, &info, sizeof info) == sizeof info)
		;
	close(watch->signals);
	sigprocmask(SIG_SETMASK, &watch->old_signals, NULL);
}

static bool open_cgroup(struct watch *watch, struct error *error)
{
	return choose_cgroup(watch->options->pid, watch->options->cgroup_path, watch->cgroup_path,
			     error) &&
	       cgroup_open(watch->cgroup_path, &watch->cgroup, error);
}

static bool begin_sampler(struct watch *watch, struct error *error)
{
	struct error above = {0};
	bool has_node = node_memory_open("/proc", &watch->node, NULL);
	if (!sampler_begin(watch->cgroup, has_node ? &watch->node : NULL, watch->process.statm,
			   &watch->sampler, &above, error))
		return false;
	if (above.code != ERROR_NONE)
		progress_say(&watch->progress, "what others below %s use is not seen: %s",
			     watch->sampler.limit_path, above.message);
	return true;
}

// For the host's watch it may be a matter of milliseconds, and what cannot be held is watched all
// the same. One by itself lets go first what an earlier one has left.
static bool begin_hold(struct watch *watch, bool early, struct error *error)
{
	bool of_host = watch->options->calm_ns;
	struct error why = {0};
	if (!watch->options->hold || early != of_host || watch_begin_hold(watch, &why))
		return true;
	if (of_host)
		progress_say(&watch->progress, "%s", why.message);
	else
		*error = why;
	return of_host;
}

static bool begin(struct watch *watch, struct error *error)
{
	const struct watch_options *options = watch->options;
	int pid = options->pid;
	if (!open_cgroup(watch, error) || !open_signals(watch, error))
		return false;
	if (!pid && !choose_process(watch->cgroup, watch->signals, &pid, &watch->result->signal,
				    &watch->progress, error))
		return false;
	if (!pid)
		return true; // a signal came before a process did
	if (!process_files_open("/proc", pid, &watch->process, error) ||
	    !begin_sampler(watch, error) || !begin_hold(watch, true, error))
		return false;
	ending_begin(&watch->ending, watch->cgroup, &watch->process);
	watch->captures = (struct captures){.pid = pid,
					    .cgroup_path = watch->cgroup_path,
					    .json = options->json,
					    .colour = options->colour,
					    .progress = &watch->progress,
					    .feed = &watch->feed};
	store_begin(&watch->captures.store, options->out, "incident", &watch->process);
	if (options->baselines)
		watch->captures.baselines = *options->baselines;
	if (watch->captures.baselines.count) // there are enough for now
		watch->trigger.baseline_ns = clock_monotonic_ns();
	feed_begin(&watch->feed, &options->feed, &watch->process, watch->cgroup, &watch->progress);
	watch->life.started_unix_ns = watch->feed.target.started_unix_ns;
	if (!options->calm_ns) // else the host's watch has done it
		leftover_take(options->out, options->state, watch->feed.writer, &watch->progress);
	if (!begin_hold(watch, false, error))
		return false;
	watch_begin_triggers(watch);
	progress_say(&watch->progress, "watching process %d in %s, %s%s", pid, watch->cgroup_path,
		     sampler_limit_text(&watch->sampler).text,
		     watch->hold ? _("; the kill will be held") : "");
	return true;
}

// ---- the loop ----

// Where the limit is far, a watch that is above its budget looks less often.
static int64_t find_pace_ns(const struct watch *watch)
{
	const struct sampler *sampler = &watch->sampler;
	int64_t pace_ns = trigger_pace_ns(sampler->limit_bytes),
		left_ns = trigger_time_left_ns(&watch->trigger);
	bool far = sampler_pressing_bytes(sampler) < sampler->limit_bytes / 100 * CALM_PERCENT &&
		   (left_ns < 0 || left_ns > FAR_NS);
	return far ? pace_ns << watch->budget.slow : pace_ns;
}

static void wait_for_event(struct watch *watch)
{
	const struct captures *captures = &watch->captures;
	// A hold that is over says nothing more; its descriptor would wake us for ever.
	struct pollfd events[] = {
		{.fd = watch->signals, .events = POLLIN},
		{.fd = watch->process.pidfd, .events = POLLIN},
		{.fd = watch->hold && !watch_hold_is_over(watch) ? hold_event_fd(watch->hold) : -1,
		 .events = POLLIN},
		{.fd = captures->busy ? captures->busy->channel : -1, .events = POLLIN},
		{.fd = captures->ready && !captures->ready->settled ? captures->ready->channel : -1,
		 .events = POLLIN},
		{.fd = alarm_event_fd(&watch->alarm), .events = POLLIN},
	};
	int64_t pace_ns = find_pace_ns(watch);
	poll(events, sizeof events / sizeof *events, (int)(pace_ns / 1000000));
	struct signalfd_siginfo info;
	if (read(watch->signals, &info, sizeof info) == sizeof info)
		watch->result->signal = (int)info.ssi_signo;
}

static void decide(struct watch *watch)
{
	const struct sampler *sampler = &watch->sampler;
	struct trigger_sample point = {clock_monotonic_ns(), sampler_pressing_bytes(sampler),
				       sampler->limit_bytes};
	watch->trigger.baseline_cost_ns = watch->captures.baseline_cost_ns;
	enum trigger_decision due = trigger_update(&watch->trigger, &point);
	bool dying = watch->held_ns && cgroup_get_version(watch->cgroup) == CGROUP_V1 &&
		     captures_has_held(&watch->captures) &&
		     point.monotonic_ns - watch->hold_over_ns < DYING_NS;
	if (due == TRIGGER_NOTHING || watch->captures.busy || dying)
		return;
	trigger_began(&watch->trigger, due);
	captures_start(&watch->captures, due == TRIGGER_CAPTURE ? CAPTURE_STAGE : CAPTURE_BASELINE,
		       sampler);
}

static void draw(struct watch *watch)
{
	const struct sampler *sampler = &watch->sampler;
	struct progress_line line = {
		.anon_bytes = sampler->anon_bytes,
		.cache_bytes = sampler->reclaimable_bytes,
		.limit_bytes = sampler->limit_bytes,
		.pinned_bytes = sampler_pinned_bytes(sampler),
		.slope_bytes_per_s = (int64_t)(watch->trigger.slope_bytes_per_ns * 1e9),
		.time_left_ns = trigger_time_left_ns(&watch->trigger),
	};
	progress_draw(&watch->progress, &line);
}

// Whether nobody needs this watch any more.
static bool is_calm(struct watch *watch)
{
	const struct sampler *sampler = &watch->sampler;
	int64_t now_ns = clock_monotonic_ns();
	int calm_percent = sampler->by_node ? NODE_CALM_PERCENT : CALM_PERCENT;
	if (!watch->busy_ns || alarm_is_busy(&watch->alarm) ||
	    sampler_pressing_bytes(sampler) * 100 > sampler->limit_bytes * calm_percent)
		watch->busy_ns = now_ns;
	watch->result->calm =
		watch->options->calm_ns && now_ns - watch->busy_ns > watch->options->calm_ns;
	return watch->result->calm;
}

static bool loop(struct watch *watch, struct error *error)
{
	const struct watch_config *config = watch->options->config;
	const struct watch_budget *budget = config ? &config->budget : &BUDGET_DEFAULT;
	while (!watch->result->signal && !process_ended(&watch->process)) {
		if (!sampler_take(&watch->sampler, error)) {
			if (!cgroup_gone(watch->cgroup))
				return false;
			if (process_ended(&watch->process))
				break;
			return error_set(error, ERROR_NOT_FOUND,
					 "the cgroup %.200s was removed while it was watched",
					 watch->cgroup_path);
		}
		ending_update(&watch->ending, watch->sampler.oom_kills);
		watch_check_hold(watch);
		decide(watch);
		watch_update_triggers(watch); // after what cannot wait
		feed_sample(&watch->feed, &watch->sampler);
		budget_measure(&watch->budget, budget, clock_monotonic_ns(), &watch->progress);
		if (is_calm(watch))
			break;
		draw(watch);
		wait_for_event(watch);
		captures_update(&watch->captures, &watch->sampler, 0);
	}
	return true;
}

// ---- the end ----

static void finish(struct watch *watch)
{
	struct watch_result *result = watch->result;
	struct captures *captures = &watch->captures;
	_cleanup_free_ struct worker_end *end = alloc_zero(sizeof *end);
	captures_update(captures, &watch->sampler, LAST_CAPTURE_PATIENCE_MS);
	ending_find(&watch->ending, process_ended(&watch->process), &result->kill);
	result->kill.held_ns = watch->held_ns;
	result->near_limit = captures->near_limit;
	bool killed = kill_is_for_memory(&result->kill);
	result->evidence = captures->ready && (killed || captures->near_limit);
	progress_clear(&watch->progress);
	if (!result->evidence) {
		feed_finish(&watch->feed, &watch->sampler, &result->kill, "", NULL);
		return;
	}
	result->kill.evidence_held = captures->ready->while_held && watch->held_ns;
	end->kill = result->kill;
	end->timeline = watch->sampler.timeline;
	life_tell(&watch->life, watch->options->feed.db, &watch->process, result->kill.unix_ns,
		  &end->course);
	result->stored = captures_finish(captures, end, result->incident, sizeof result->incident,
					 &result->store_error);
	feed_finish(&watch->feed, &watch->sampler, &result->kill, result->incident,
		    &captures->ready->summary);
	if (result->stored && killed)
		alarm_after_kill(&watch->alarm, &watch->vitals, result->incident);
	if (result->stored && watch->options->config)
		retention_apply(watch->options->out, &watch->options->config->keep,
				result->incident, NULL, &watch->progress);
	// A signal that has ended the watch does not come a second time.
	result->printed =
		captures_print(captures, watch->signals, result->signal ? PRINT_PATIENCE_MS : -1);
}

static void deinit(struct watch *watch)
{
	struct error error = {0};
	if (watch->hold && !hold_end(watch->hold, &error))
		progress_say(&watch->progress, "%s", error.message);
	// A watch that fails near the limit leaves on disk what it has.
	bool saw_trouble =
		watch->captures.near_limit && watch->captures.ready && !watch->result->calm;
	alarm_end(&watch->alarm, &watch->sampler);
	captures_end(&watch->captures, !watch->result->evidence && !saw_trouble);
	probe_free(watch->probe);
	vitals_end(&watch->vitals);
	free(watch->own_states);
	feed_end(&watch->feed);
	sampler_end(&watch->sampler);
	node_memory_close(&watch->node);
	if (watch->ending.cgroup)
		ending_deinit(&watch->ending);
	process_files_close(&watch->process);
	cgroup_close(watch->cgroup);
	close_signals(watch);
}

// Last: everything else is on disk, and the kill is not held any more.
static void make_page(struct watch *watch)
{
	struct watch_result *result = watch->result;
	struct error error = {0};
	if (!page_make(result->incident, watch->options->feed.db, &result->kill, &error))
		progress_say(&watch->progress, "no page: %s", error.message);
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
	watch->node = NODE_MEMORY_NONE;
	watch->progress.live_line = options->live_line;
	bool ok = begin(watch, error);
	if (ok && watch->process.pid) {
		ok = loop(watch, error);
		if (ok && !watch->result->calm)
			finish(watch);
	}
	deinit(watch);
	if (ok && result->stored)
		make_page(watch);
	free(watch);
	return ok;
}
