// SPDX-License-Identifier: Apache-2.0
// In: programs of a host, their samples. Out: which triggers fire for which.
#include "watch/host_rules_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/alloc.h"
#include "base/cleanup.h"

static const int64_t TIMELINE_GAUGE_NS = 30000000000; // files, threads, pressure, for it alone
enum { LEARN_TRIES = 3 };

struct host_rules *host_rules_new(const struct watch_config *config,
				  const struct progress *progress, struct store_writer *timeline)
{
	struct host_rules *rules = alloc_zero(sizeof *rules);
	rules->config = config;
	rules->progress = progress;
	rules->timeline = timeline;
	rules->needs = rules_needs(config->rules, config->rule_count);
	return rules;
}

static size_t states_size(const struct host_rules *rules)
{
	return (rules->config->rule_count + 1) * sizeof(struct rule_state); // never nothing
}

bool host_rules_any(const struct host_rules *rules)
{
	return rules->config->rule_count > 0;
}

void host_rules_free(struct host_rules *rules)
{
	if (!rules)
		return;
	while (rules->judges.count)
		host_rules_remove(rules, rules->judges.items[rules->judges.count - 1]);
	probe_free(rules->probe);
	vec_deinit(&rules->judges);
	vec_deinit(&rules->probed);
	free(rules);
}

bool host_rules_need_samples(const struct host_rules *rules)
{
	return rules_need(rules->needs, METRIC_FROM_SAMPLE);
}

// ---- programs ----

bool host_judge_needs_runtime(const struct host_rules *rules, const struct host_judge *judge)
{
	const struct watch_config *config = rules->config;
	if (rules->timeline)
		return true;
	for (size_t i = 0; i < config->rule_count; i++)
		if ((judge->alarm.about & 1u << i) &&
		    rules_need(rules_needs(&config->rules[i], 1), METRIC_FROM_RUNTIME))
			return true;
	return false;
}

static bool depends_on_container(const struct watch_config *config)
{
	for (size_t i = 0; i < config->rule_count; i++)
		if (config->rules[i].only_container[0])
			return true;
	return false;
}

static void free_judge(const struct host_rules *rules, struct host_judge *judge)
{
	ending_deinit(&judge->ending);
	vitals_end(&judge->vitals);
	process_files_close(&judge->process);
	munmap(judge->states, states_size(rules));
	free(judge);
}

struct host_judge *host_rules_add(struct host_rules *rules, const struct discovered *process,
				  struct cgroup *cgroup)
{
	struct host_judge *judge = alloc_zero(sizeof *judge);
	judge->process = PROCESS_FILES_NONE;
	// Shared with the watch that takes over.
	judge->states = mmap(NULL, states_size(rules), PROT_READ | PROT_WRITE,
			     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (judge->states == MAP_FAILED ||
	    !process_files_open("/proc", process->pid, &judge->process, NULL)) {
		if (judge->states != MAP_FAILED)
			munmap(judge->states, states_size(rules));
		free(judge);
		return NULL;
	}
	memcpy(judge->name, process->name, sizeof judge->name);
	memcpy(judge->build_id, process->build_id, sizeof judge->build_id);
	judge->timeline = -1;
	judge->alarm.progress = rules->progress;
	alarm_begin(&judge->alarm, rules->config, judge->states, &judge->process, cgroup);
	judge->tries_left = LEARN_TRIES;
	vitals_begin(&judge->vitals, &judge->process, cgroup,
		     rules->timeline || rules_need(rules->needs, METRIC_FROM_PROCESS) ||
			     rules_need(rules->needs, METRIC_FROM_PRESSURE));
	if (!rules_need(rules->needs, METRIC_FROM_PROCESS) &&
	    !rules_need(rules->needs, METRIC_FROM_PRESSURE))
		judge->vitals.gauge_every_ns = TIMELINE_GAUGE_NS;
	ending_begin_calm(&judge->ending, cgroup, &judge->process);
	vec_push(&rules->judges, judge);
	return judge;
}

void host_rules_remove(struct host_rules *rules, struct host_judge *judge)
{
	if (!judge)
		return;
	VEC_FOREACH (probed, &rules->probed)
		if (*probed == judge)
			*probed = NULL;
	for (size_t i = 0; i < rules->judges.count; i++)
		if (rules->judges.items[i] == judge) {
			rules->judges.items[i] = rules->judges.items[--rules->judges.count];
			break;
		}
	free_judge(rules, judge);
}

void host_rules_learn(struct host_rules *rules, struct host_judge *judge,
		      const struct worker_summary *summary)
{
	if (!summary) {
		judge->tries_left--;
		return;
	}
	alarm_name_container(&judge->alarm, summary->container_name);
	judge->tries_left = 0;
	judge->places = summary->gauge_places;
	if (host_judge_needs_runtime(rules, judge) && go_gauge_places_any(&judge->places) &&
	    !judge->probed)
		rules->stale = true;
}

bool host_rules_needs_capture(const struct host_rules *rules, const struct host_judge *judge)
{
	return judge && judge->tries_left > 0 &&
	       (host_judge_needs_runtime(rules, judge) ||
		depends_on_container(judge->alarm.config));
}

// ---- judging ----

void host_rules_describe(const struct host_judge *judge, struct host_fired *fired)
{
	*fired = (struct host_fired){
		.rules = judge->alarm.waiting, .states = judge->states, .places = judge->places};
	snprintf(fired->reason, sizeof fired->reason, "%s",
		 fired->rules ? judge->alarm.reason : "");
	snprintf(fired->container_name, sizeof fired->container_name, "%s",
		 judge->alarm.container_name);
}

bool host_rules_judge(struct host_rules *rules, struct host_judge *judge,
		      const struct sampler *sampler, int64_t now_ns, struct host_fired *fired)
{
	(void)rules;
	if (!judge->alarm.about)
		return false;
	vitals_update(&judge->vitals, sampler, now_ns);
	alarm_judge(&judge->alarm, &judge->vitals.readings);
	if (!judge->alarm.waiting)
		return false;
	host_rules_describe(judge, fired);
	judge->alarm.waiting = 0;
	return true;
}

bool host_rules_hold(const struct host_rules *rules, const struct host_judge *judge)
{
	for (size_t i = 0; i < rules->config->rule_count; i++)
		if (rules->config->rules[i].hold && judge->states[i].fired_ns)
			return true;
	return false;
}
