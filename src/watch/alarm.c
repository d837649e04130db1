// SPDX-License-Identifier: Apache-2.0
// In: readings of one target. Out: incidents of triggers that fire, and what they have done.
#include "watch/alarm.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/units.h"
#include "system/container.h"
#include "watch/actions.h"
#include "watch/life.h"
#include "watch/retention.h"

static const int64_t END_PATIENCE_NS = 2000000000;

// ---- beginning ----

static void find_rules(struct alarm *alarm)
{
	struct rule_subject subject = {.name = alarm->name,
				       .executable = alarm->executable,
				       .container_id = alarm->container_id,
				       .container_name = alarm->container_name,
				       .cgroup = alarm->cgroup_path};
	alarm->about = 0;
	for (size_t i = 0; i < alarm->config->rule_count; i++)
		if (rule_is_about(&alarm->config->rules[i], &subject))
			alarm->about |= 1u << i;
}

static void read_container(struct alarm *alarm)
{
	struct container container;
	_cleanup_free_ char *text = NULL;
	size_t size;
	if (alarm->process->cgroup >= 0 &&
	    file_read(alarm->process->cgroup, "cgroup", 1 << 16, &text, &size, NULL) &&
	    container_parse(text, &container))
		snprintf(alarm->container_id, sizeof alarm->container_id, "%.127s", container.id);
}

void alarm_begin(struct alarm *alarm, const struct watch_config *config, struct rule_state *states,
		 const struct process_files *process, const struct cgroup *cgroup)
{
	struct process_status status = {0};
	const char *path = process->exe_path ? process->exe_path : "";
	const char *slash = strrchr(path, '/');
	alarm->config = config;
	alarm->states = states;
	alarm->process = process;
	alarm->cgroup_path = cgroup_get_path(cgroup);
	if (process_status_read(process, &status, NULL))
		snprintf(alarm->name, sizeof alarm->name, "%s", status.name);
	snprintf(alarm->executable, sizeof alarm->executable, "%.255s", slash ? slash + 1 : path);
	read_container(alarm);
	find_rules(alarm);
}

void alarm_name_container(struct alarm *alarm, const char *name)
{
	if (strcmp(name, alarm->container_name) == 0)
		return;
	snprintf(alarm->container_name, sizeof alarm->container_name, "%s", name);
	find_rules(alarm);
}

// ---- judging ----

static void fire(struct alarm *alarm, size_t index, const struct readings *readings)
{
	const struct watch_rule *rule = &alarm->config->rules[index];
	char reason[ALARM_REASON_MAX];
	size_t length = alarm->waiting ? strlen(alarm->reason) : 0;
	rule_reason(rule, &alarm->states[index], readings, reason, sizeof reason);
	progress_say(alarm->progress, "%s", reason);
	snprintf(alarm->reason + length, sizeof alarm->reason - length, "%s%s", length ? "; " : "",
		 reason);
	alarm->waiting |= 1u << index;
	alarm->wants_hold |= rule->hold;
}

void alarm_judge(struct alarm *alarm, const struct readings *readings)
{
	for (size_t i = 0; i < alarm->config->rule_count; i++) {
		const struct watch_rule *rule = &alarm->config->rules[i];
		if (!(alarm->about & 1u << i))
			continue;
		enum rule_decision decision = rule_update(rule, &alarm->states[i], readings);
		if (decision == RULE_FIRES)
			fire(alarm, i, readings);
		else if (decision == RULE_OVER_QUOTA)
			progress_say(alarm->progress,
				     "trigger %s would fire again; its quota of %d an hour is used "
				     "up",
				     rule->name, rule->quota);
	}
}

// ---- the incident ----

static void begin_capture(struct alarm *alarm, const struct sampler *sampler,
			  const struct baselines *baselines)
{
	char directory[4096], baseline[4096 + 16];
	struct error error = {0};
	const struct baseline *chosen = baselines_choose(
		baselines, sampler->usage_bytes, sampler->limit_bytes, clock_monotonic_ns());
	alarm->serving = alarm->waiting;
	alarm->waiting = 0;
	alarm->finishing = false;
	snprintf(alarm->serving_reason, sizeof alarm->serving_reason, "%s", alarm->reason);
	alarm->baseline = chosen ? *chosen : (struct baseline){0};
	snprintf(baseline, sizeof baseline, "%s/heap.pb.gz", alarm->baseline.directory);
	store_begin(&alarm->store, alarm->out, "incident", alarm->process);
	store_next(&alarm->store, directory, sizeof directory);
	struct worker_request request = {
		.pid = alarm->process->pid,
		.cgroup_path = alarm->cgroup_path,
		.directory = directory,
		.baseline_path = chosen ? baseline : NULL,
		.baseline_usage_bytes = alarm->baseline.usage_bytes,
	};
	if (!worker_start(&request, &alarm->worker, &error)) {
		progress_say(alarm->progress, "no incident: %s", error.message);
		store_end(&alarm->store, true);
		return;
	}
	alarm->worker->usage_bytes = sampler->usage_bytes;
}

// What fires at the very end is served by the incident of the end.
static void give_up(struct alarm *alarm, const struct error *error)
{
	if (process_ended(alarm->process) || error->code == ERROR_NOT_FOUND)
		alarm->missed |= alarm->serving;
	else
		progress_say(alarm->progress, "no incident for %s: %s", alarm->serving_reason,
			     error->message);
	worker_free(take_ptr(alarm->worker));
	store_end(&alarm->store, true);
}

static void start_actions(struct alarm *alarm, uint32_t rules, const char *reason,
			  const char *incident)
{
	char absolute[PATH_MAX];
	if (!realpath(incident, absolute))
		return;
	for (size_t i = 0; i < alarm->config->rule_count; i++) {
		const struct watch_rule *rule = &alarm->config->rules[i];
		struct actions actions = {.rule = rule,
					  .progress = alarm->progress,
					  .incident = absolute,
					  .reason = reason,
					  .name = alarm->name,
					  .cgroup_path = alarm->cgroup_path,
					  .state = alarm->state,
					  .pid = alarm->process->pid};
		struct error error = {0};
		int slot = 0;
		if (!(rules & 1u << i) || !actions_any(rule))
			continue;
		while (slot < ALARM_RUNNERS_MAX && alarm->runners[slot])
			slot++;
		if (slot == ALARM_RUNNERS_MAX)
			progress_say(alarm->progress,
				     "trigger %s: its actions are left out, earlier ones still run",
				     rule->name);
		else if (!actions_start(&actions, &alarm->runners[slot], &error))
			progress_say(alarm->progress, "trigger %s: %s", rule->name, error.message);
	}
}

static void keep_incident(struct alarm *alarm)
{
	char incident[4096] = "";
	struct error error = {0};
	if (!store_keep(&alarm->store, alarm->worker->directory, "", incident, sizeof incident,
			&error)) {
		give_up(alarm, &error);
		return;
	}
	if (alarm->baseline.directory[0])
		store_copy_baseline(alarm->baseline.directory, incident);
	store_end(&alarm->store, true);
	alarm->incidents++;
	progress_say(alarm->progress, "incident: %s", incident);
	feed_incident(alarm->feed, "trigger", incident, &alarm->worker->summary);
	worker_free(take_ptr(alarm->worker));
	retention_apply(alarm->out, &alarm->config->keep, incident, alarm->current,
			alarm->progress);
	start_actions(alarm, alarm->serving, alarm->serving_reason, incident);
}

static void go_on(struct alarm *alarm, const struct sampler *sampler)
{
	struct worker *worker = alarm->worker;
	struct error error = {0};
	worker_update(worker, 0);
	if (worker->state == WORKER_BUSY)
		return;
	if (worker->state == WORKER_FAILED) {
		give_up(alarm, &worker->error);
		return;
	}
	bool stored = false;
	if (!alarm->finishing) {
		_cleanup_free_ struct worker_end *end = alloc_zero(sizeof *end);
		end->timeline = sampler->timeline;
		life_tell(alarm->life, alarm->db, alarm->process, 0, &end->course);
		snprintf(end->reason, sizeof end->reason, "%s", alarm->serving_reason);
		alarm->finishing = true;
		if (!worker_finish_begin(worker, end, &error))
			give_up(alarm, &error);
		return;
	}
	if (!worker_finish_poll(worker, 0, &stored, &error))
		return;
	if (stored)
		keep_incident(alarm);
	else
		give_up(alarm, &error);
}

static void reap(struct alarm *alarm)
{
	for (int i = 0; i < ALARM_RUNNERS_MAX; i++)
		if (alarm->runners[i] && waitpid(alarm->runners[i], NULL, WNOHANG) != 0)
			alarm->runners[i] = 0;
}

void alarm_update(struct alarm *alarm, const struct vitals *vitals, const struct sampler *sampler,
		  const struct baselines *baselines)
{
	if (!alarm->config || !alarm->config->rule_count)
		return;
	reap(alarm);
	alarm_judge(alarm, &vitals->readings);
	if (alarm->worker)
		go_on(alarm, sampler);
	if (!alarm->worker && alarm->waiting)
		begin_capture(alarm, sampler, baselines);
}

bool alarm_is_busy(const struct alarm *alarm)
{
	return alarm->worker || alarm->waiting;
}

int alarm_event_fd(const struct alarm *alarm)
{
	return alarm->worker ? alarm->worker->channel : -1;
}

// ---- the end ----

void alarm_after_kill(struct alarm *alarm, struct vitals *vitals, const char *incident)
{
	if (!alarm->config || !alarm->config->rule_count)
		return;
	vitals->readings.monotonic_ns = clock_monotonic_ns();
	if (!vitals->readings.known[METRIC_OOM_KILLS] ||
	    vitals->readings.values[METRIC_OOM_KILLS] < 1)
		reading_set(&vitals->readings, METRIC_OOM_KILLS, 1);
	uint32_t missed = alarm->missed | alarm->waiting;
	if (alarm->worker && process_ended(alarm->process))
		missed |= alarm->serving;
	snprintf(alarm->reason, sizeof alarm->reason, "%s", missed ? alarm->serving_reason : "");
	alarm->waiting = 0;
	for (size_t i = 0; i < alarm->config->rule_count; i++) {
		const struct condition *condition = &alarm->config->rules[i].condition;
		bool about_kills = false;
		for (size_t j = 0; j < condition->count; j++)
			about_kills |= condition->terms[j].metric == METRIC_OOM_KILLS;
		if (about_kills && (alarm->about & 1u << i) &&
		    rule_update(&alarm->config->rules[i], &alarm->states[i], &vitals->readings) ==
			    RULE_FIRES)
			fire(alarm, i, &vitals->readings);
	}
	start_actions(alarm, alarm->waiting | missed, alarm->reason, incident);
	alarm->waiting = 0;
}

void alarm_end(struct alarm *alarm, const struct sampler *sampler)
{
	int64_t deadline_ns = clock_monotonic_ns() + END_PATIENCE_NS;
	while (alarm->worker && clock_monotonic_ns() < deadline_ns) {
		go_on(alarm, sampler);
		if (alarm->worker)
			clock_sleep_ns(5000000);
	}
	if (!alarm->worker)
		return;
	worker_free(take_ptr(alarm->worker));
	store_end(&alarm->store, true);
}
