// SPDX-License-Identifier: Apache-2.0
// In: a process and its cgroup. Out: captures on the way up, the incident after the kill.
#include "watch/watch.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/i18n.h"
#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/units.h"
#include "watch/alarm.h"
#include "watch/budget.h"
#include "watch/captures.h"
#include "watch/ending.h"
#include "watch/feed.h"
#include "watch/hold.h"
#include "watch/host_rules.h"
#include "watch/life.h"
#include "watch/probe.h"
#include "watch/retention.h"
#include "watch/page.h"
#include "watch/sampler.h"
#include "watch/target_choice.h"
#include "watch/trigger.h"
#include "watch/vitals.h"

// How long the kill is held beyond the capture, where most would be lost without the C heap.
static const int64_t HELD_FOR_NATIVE_NS = 1000000000;
// What is captured between a kill's release and the death is worth less than what was before.
static const int64_t DYING_NS = 2000000000;

static const int64_t HOLD_AGAIN_NS = 5000000000;
enum { HOLD_ROOM_PERCENT = 2 }; // with less to the limit, holding again is of no use
enum {
	LAST_CAPTURE_PATIENCE_MS = 1000,
	PRINT_PATIENCE_MS = 2000,
	CALM_PERCENT = 40,
	NODE_CALM_PERCENT = 75, // a machine's memory is there to be used
	PROBE_COST = 1000,
};

static const int64_t PROBE_LEAST_NS = 100000000, PROBE_RETRY_NS = 60000000000, FAR_NS = 10000000000;
static const struct watch_budget BUDGET_DEFAULT = {CONFIG_CPU_DEFAULT_PERMYRIAD,
						   CONFIG_MEMORY_DEFAULT_BYTES};

struct watch {
	const struct watch_options *options;
	struct watch_result *result;
	struct process_files process;
	struct cgroup *cgroup;
	struct node_memory node;
	char cgroup_path[PATH_MAX];
	int signals; // descriptor
	sigset_t old_signals;
	struct progress progress;
	struct sampler sampler;
	struct trigger trigger;
	struct captures captures;
	struct feed feed;
	struct vitals vitals;
	struct life life;
	struct alarm alarm;
	struct rule_state *own_states;
	struct probe *probe; // of live heap and goroutines; NULL: not yet, or nobody asks
	int64_t probe_due_ns, probe_every_ns;
	bool wants_probe, rules_want_probe;
	struct budget budget;
	struct ending ending;
	struct hold *hold;
	enum hold_state hold_state;    // as last told
	int64_t held_ns, hold_over_ns; // how long it was held; when that was over
	int64_t busy_ns;               // when it was last not far from its limit
};

// ---- beginning ----

static bool begin_hold(struct watch *watch, struct error *error)
{
	const char *limit_path = watch->sampler.limit_path;
	if (watch->sampler.by_node)
		return error_set(error, ERROR_USAGE,
				 "cannot hold the kill: neither %.200s nor a cgroup above it has a "
				 "limit, and no kill for the machine's memory can be held",
				 watch->cgroup_path);
	if (strcmp(limit_path, cgroup_get_path(watch->cgroup)) != 0) {
		error_set(error, ERROR_USAGE,
			  "cannot hold the kill: the limit that will bite is that of %.200s, above "
			  "%.200s",
			  limit_path, watch->cgroup_path);
		return error_hint(error, "watch that one: --cgroup %.300s", limit_path);
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

static void begin_triggers(struct watch *watch)
{
	const struct watch_options *options = watch->options;
	const struct watch_config *config = options->config;
	struct alarm *alarm = &watch->alarm;
	uint32_t needs = config ? rules_needs(config->rules, config->rule_count) : 0;
	bool timeline = watch->feed.writer != NULL;
	vitals_begin(&watch->vitals, &watch->process, watch->cgroup,
		     timeline || rules_need(needs, METRIC_FROM_PROCESS) ||
			     rules_need(needs, METRIC_FROM_PRESSURE));
	watch->feed.vitals = &watch->vitals;
	watch->rules_want_probe = rules_need(needs, METRIC_FROM_RUNTIME);
	watch->wants_probe = timeline || watch->rules_want_probe;
	watch->probe_every_ns = VITALS_PROBE_NS;
	*alarm = (struct alarm){.progress = &watch->progress,
				.feed = &watch->feed,
				.life = &watch->life,
				.db = options->feed.db,
				.out = options->out,
				.current = watch->captures.store.name};
	const struct host_fired *fired = options->fired;
	if (fired)
		watch->captures.places = fired->places;
	if (!config || !config->rule_count)
		return;
	if (!fired)
		watch->own_states = alloc_array(config->rule_count, sizeof *watch->own_states);
	alarm_begin(alarm, config, fired ? fired->states : watch->own_states, &watch->process,
		    watch->cgroup);
	if (!fired)
		return;
	snprintf(watch->captures.container_name, sizeof watch->captures.container_name, "%s",
		 fired->container_name);
	alarm->waiting = fired->rules;
	snprintf(alarm->reason, sizeof alarm->reason, "%s", fired->reason);
}

static bool begin(struct watch *watch, struct error *error)
{
	const struct watch_options *options = watch->options;
	int pid = options->pid;
	if (!open_cgroup(watch, error) || !open_signals(watch, error))
		return false;
	if (!pid &&
	    !choose_process(watch->cgroup, watch->signals, &pid, &watch->result->signal, error))
		return false;
	if (!pid)
		return true; // a signal came before a process did
	if (!process_files_open("/proc", pid, &watch->process, error) ||
	    !begin_sampler(watch, error))
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
	if (options->hold && !begin_hold(watch, error))
		return false;
	feed_begin(&watch->feed, &options->feed, &watch->process, watch->cgroup, &watch->progress);
	begin_triggers(watch);
	progress_say(&watch->progress, "watching process %d in %s, %s%s", pid, watch->cgroup_path,
		     sampler_limit_text(&watch->sampler).text,
		     watch->hold ? _("; the kill will be held") : "");
	return true;
}

// ---- the hold ----

// What it has in use goes with the process; what else there is does not.
static void wait_for_native(struct watch *watch, int64_t deadline_ns)
{
	int64_t enough_ns = clock_monotonic_ns() + HELD_FOR_NATIVE_NS;
	while (captures_need_target(&watch->captures) &&
	       clock_monotonic_ns() < (enough_ns < deadline_ns ? enough_ns : deadline_ns))
		captures_update(&watch->captures, &watch->sampler, 10);
}

// The target sleeps at its limit: the best moment there is. Whatever happens here, the guard lets
// the kill go in time.
static void capture_while_held(struct watch *watch)
{
	int64_t start_ns = clock_monotonic_ns();
	int64_t deadline_ns = start_ns + watch->options->hold_limit_ns;
	struct captures *captures = &watch->captures;
	struct error error = {0};
	bool begun = false;
	if (sampler_take(&watch->sampler, &error))
		sampler_mark(&watch->sampler);
	while (clock_monotonic_ns() < deadline_ns) {
		(void)hold_get_state(watch->hold); // undoes what a dead guard has left
		if (!captures->busy && begun)
			break;
		if (!captures->busy) {
			captures_start(captures, CAPTURE_HELD, &watch->sampler);
			begun = true;
		}
		captures_update(captures, &watch->sampler, 10);
	}
	wait_for_native(watch, deadline_ns);
	if (cgroup_get_version(watch->cgroup) == CGROUP_V1)
		watch->trigger.peak_bytes =
			INT64_MAX; // nothing that follows can be nearer to the end
	else
		trigger_began(&watch->trigger, TRIGGER_CAPTURE);
	// Else the guard was faster: its time limit, not the end of the capture, let the kill go.
	bool still_held = hold_get_state(watch->hold) == HOLD_UNDER_OOM;
	if (!hold_release(watch->hold, &error))
		progress_say(&watch->progress, "%s", error.message);
	watch->held_ns = clock_monotonic_ns() - start_ns;
	if (!still_held && watch->held_ns > watch->options->hold_limit_ns)
		watch->held_ns = watch->options->hold_limit_ns;
	if (still_held && begun && !captures->busy && captures->ready &&
	    captures->busy_reason == CAPTURE_HELD && captures->ready->started_ns >= start_ns)
		captures->ready->while_held = true;
	progress_say(&watch->progress, "held the kill for %s, let it go",
		     human_duration(watch->held_ns).text);
}

static bool hold_is_over(const struct watch *watch)
{
	return watch->hold_state != HOLD_ARMED && watch->hold_state != HOLD_UNDER_OOM;
}

// On v2 it ends before the kill, which may never come: what was below the edge again, or stayed
// near it, is held once more.
static void hold_again(struct watch *watch)
{
	const struct sampler *sampler = &watch->sampler;
	int64_t left = sampler->limit_bytes - sampler_pinned_bytes(sampler);
	struct error error = {0};
	bool may = watch->hold_state == HOLD_RELEASED ||
		   watch->hold_state == HOLD_RELEASED_BY_DEADLINE;
	if (!may || cgroup_get_version(watch->cgroup) == CGROUP_V1 ||
	    clock_monotonic_ns() - watch->hold_over_ns < HOLD_AGAIN_NS ||
	    left < sampler->limit_bytes / 100 * HOLD_ROOM_PERCENT)
		return;
	if (!hold_end(watch->hold, &error))
		progress_say(&watch->progress, "%s", error.message);
	watch->hold = NULL;
	if (hold_begin(watch->cgroup, watch->options->hold_limit_ns, &watch->hold, &error))
		watch->hold_state = HOLD_ARMED;
	else
		progress_say(&watch->progress, "%s", error.message);
}

static void check_hold(struct watch *watch)
{
	if (!watch->hold)
		return;
	if (hold_get_state(watch->hold) == HOLD_UNDER_OOM)
		capture_while_held(watch);
	enum hold_state state = hold_get_state(watch->hold);
	if (state == watch->hold_state) {
		hold_again(watch);
		return;
	}
	watch->hold_state = state;
	watch->hold_over_ns = clock_monotonic_ns();
	if (state == HOLD_GUARD_LOST)
		progress_say(&watch->progress,
			     "the guard process died: the kill is not held any more");
	else if (state == HOLD_RELEASED_BY_DEADLINE)
		progress_say(&watch->progress,
			     "the time limit let the kill go; it is not held any more");
	else if (state == HOLD_RELEASED)
		progress_say(&watch->progress, "the kill is not held any more");
}

// ---- triggers ----

// More often while the numbers move and a trigger asks for them, but never more than a thousandth
// of the time.
static void pace_probe(struct watch *watch, const struct go_gauges *before)
{
	const struct go_gauges *now = &watch->vitals.go;
	int64_t moved = llabs((int64_t)(now->heap_live - before->heap_live));
	bool moves = watch->rules_want_probe &&
		     (moved > (int64_t)before->heap_live / 50 ||
		      now->goroutines > before->goroutines + before->goroutines / 50 + 10);
	int64_t every_ns = moves ? watch->probe_every_ns / 2 : watch->probe_every_ns * 2;
	if (every_ns < PROBE_LEAST_NS)
		every_ns = PROBE_LEAST_NS;
	if (every_ns > VITALS_PROBE_NS)
		every_ns = VITALS_PROBE_NS;
	if (every_ns < probe_cost_ns(watch->probe) * PROBE_COST)
		every_ns = probe_cost_ns(watch->probe) * PROBE_COST;
	watch->probe_every_ns = every_ns;
}

static void start_probe(struct watch *watch, int64_t now_ns)
{
	struct probe_target target = {watch->process.mem, watch->captures.places};
	if (!go_gauge_places_any(&target.places) || now_ns < watch->probe_due_ns)
		return;
	struct error error = {0};
	watch->probe_due_ns = now_ns;
	if (probe_start(&target, 1, &watch->probe, &error))
		return;
	progress_say(&watch->progress, "%s", error.message);
	watch->wants_probe = false;
}

static void update_probe(struct watch *watch, int64_t now_ns)
{
	if (!watch->wants_probe)
		return;
	if (!watch->probe) {
		start_probe(watch, now_ns);
		return;
	}
	const struct go_gauges *go = probe_take(watch->probe);
	if (go) {
		struct go_gauges before = watch->vitals.go;
		vitals_hear(&watch->vitals, go, now_ns);
		pace_probe(watch, &before);
	}
	if (probe_is_lost(watch->probe)) {
		probe_free(take_ptr(watch->probe));
		watch->probe_due_ns = now_ns + PROBE_RETRY_NS;
	} else if (now_ns >= watch->probe_due_ns) {
		probe_ask(watch->probe);
		watch->probe_due_ns = now_ns + watch->probe_every_ns;
	}
}

static void update_triggers(struct watch *watch)
{
	struct alarm *alarm = &watch->alarm;
	struct error error = {0};
	int64_t now_ns = clock_monotonic_ns();
	update_probe(watch, now_ns);
	vitals_update(&watch->vitals, &watch->sampler, now_ns);
	life_sample(&watch->life, &watch->sampler, &watch->vitals);
	if (!alarm->config)
		return;
	alarm_name_container(alarm, watch->captures.container_name);
	alarm_update(alarm, &watch->vitals, &watch->sampler, &watch->captures.baselines);
	if (!alarm->wants_hold)
		return;
	alarm->wants_hold = false;
	if (watch->hold)
		return;
	if (begin_hold(watch, &error)) {
		watch->hold_state = HOLD_ARMED;
		progress_say(&watch->progress, "the kill will be held");
	} else
		progress_say(&watch->progress, "%s", error.message);
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
		{.fd = watch->hold && !hold_is_over(watch) ? hold_event_fd(watch->hold) : -1,
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
		check_hold(watch);
		decide(watch);
		update_triggers(watch); // after what cannot wait
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
	result->kill.evidence_held = captures->ready->while_held;
	end->kill = result->kill;
	end->timeline = watch->sampler.timeline;
	life_tell(&watch->life, watch->options->feed.db, watch->process.pid, result->kill.unix_ns,
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
