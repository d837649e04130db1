// SPDX-License-Identifier: Apache-2.0
// In: programs of a host, their samples. Out: which triggers fire for which.
#include "watch/host_rules.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/vec.h"
#include "watch/probe.h"
#include "watch/vitals.h"

static const int64_t PROBE_APART_NS = 5000000000; // between starts of a probe
enum { PROBE_COST = 1000, LEARN_TRIES = 3 };

struct host_judge {
	struct process_files process;
	struct vitals vitals;
	struct alarm alarm; // whom which triggers are about; takes no captures here
	struct rule_state *states;
	struct go_gauge_places places;
	bool probed;    // the probe at hand reads it
	int tries_left; // to find out about its runtime
};

struct host_rules {
	const struct watch_config *config;
	const struct progress *progress;
	uint32_t needs;
	VEC(struct host_judge *) judges;
	struct probe *probe;
	VEC(struct host_judge *) probed; // in the order of the probe's answers; NULL: gone
	bool stale;                      // there are others to be read now
	int64_t started_ns, asked_ns;
};

struct host_rules *host_rules_new(const struct watch_config *config,
				  const struct progress *progress)
{
	if (!config || !config->rule_count)
		return NULL;
	struct host_rules *rules = alloc_zero(sizeof *rules);
	rules->config = config;
	rules->progress = progress;
	rules->needs = rules_needs(config->rules, config->rule_count);
	return rules;
}

static size_t states_size(const struct host_rules *rules)
{
	return rules->config->rule_count * sizeof(struct rule_state);
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
	return rules && rules_need(rules->needs, METRIC_FROM_SAMPLE);
}

// ---- programs ----

static bool needs_runtime(const struct host_judge *judge)
{
	const struct watch_config *config = judge->alarm.config;
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
	vitals_end(&judge->vitals);
	process_files_close(&judge->process);
	munmap(judge->states, states_size(rules));
	free(judge);
}

struct host_judge *host_rules_add(struct host_rules *rules, pid_t pid, const struct cgroup *cgroup)
{
	struct host_judge *judge = alloc_zero(sizeof *judge);
	judge->process = PROCESS_FILES_NONE;
	// Shared with the watch that takes over.
	judge->states = mmap(NULL, states_size(rules), PROT_READ | PROT_WRITE,
			     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (judge->states == MAP_FAILED ||
	    !process_files_open("/proc", pid, &judge->process, NULL)) {
		if (judge->states != MAP_FAILED)
			munmap(judge->states, states_size(rules));
		free(judge);
		return NULL;
	}
	judge->alarm.progress = rules->progress;
	alarm_begin(&judge->alarm, rules->config, judge->states, &judge->process, cgroup);
	judge->tries_left = LEARN_TRIES;
	vitals_begin(&judge->vitals, &judge->process, cgroup,
		     rules_need(rules->needs, METRIC_FROM_PROCESS) ||
			     rules_need(rules->needs, METRIC_FROM_PRESSURE));
	if (!judge->alarm.about && !depends_on_container(rules->config)) {
		free_judge(rules, judge);
		return NULL;
	}
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
	if (needs_runtime(judge) && go_gauge_places_any(&judge->places) && !judge->probed)
		rules->stale = true;
}

bool host_rules_needs_capture(const struct host_judge *judge)
{
	return judge && judge->tries_left > 0 &&
	       (needs_runtime(judge) || depends_on_container(judge->alarm.config));
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
	vitals_update(&judge->vitals, sampler, now_ns);
	alarm_judge(&judge->alarm, &judge->vitals.readings);
	if (!judge->alarm.waiting)
		return false;
	host_rules_describe(judge, fired);
	judge->alarm.waiting = 0;
	return true;
}

// ---- the probe ----

static void start_probe(struct host_rules *rules, int64_t now_ns)
{
	struct probe_target *targets = alloc_array(rules->judges.count + 1, sizeof *targets);
	struct error error = {0};
	probe_free(take_ptr(rules->probe));
	rules->probed.count = 0;
	rules->stale = false;
	rules->started_ns = now_ns;
	VEC_FOREACH (judge, &rules->judges) {
		(*judge)->probed = needs_runtime(*judge) &&
				   go_gauge_places_any(&(*judge)->places) &&
				   rules->probed.count < PROBE_TARGETS_MAX;
		if (!(*judge)->probed)
			continue;
		targets[rules->probed.count] =
			(struct probe_target){(*judge)->process.mem, (*judge)->places};
		vec_push(&rules->probed, *judge);
	}
	if (rules->probed.count &&
	    !probe_start(targets, rules->probed.count, &rules->probe, &error))
		progress_say(rules->progress, "%s", error.message);
	free(targets);
}

static int64_t probe_pace_ns(const struct host_rules *rules)
{
	int64_t pace_ns = probe_cost_ns(rules->probe) * PROBE_COST;
	return pace_ns > VITALS_PROBE_NS ? pace_ns : VITALS_PROBE_NS;
}

void host_rules_probe(struct host_rules *rules, int64_t now_ns)
{
	if (!rules)
		return;
	if ((rules->stale || (rules->probe && probe_is_lost(rules->probe))) &&
	    now_ns - rules->started_ns >= PROBE_APART_NS)
		start_probe(rules, now_ns);
	if (!rules->probe)
		return;
	const struct go_gauges *answers = probe_take(rules->probe);
	for (size_t i = 0; answers && i < rules->probed.count; i++)
		if (rules->probed.items[i])
			vitals_hear(&rules->probed.items[i]->vitals, &answers[i], now_ns);
	if (now_ns - rules->asked_ns < probe_pace_ns(rules))
		return;
	rules->asked_ns = now_ns;
	probe_ask(rules->probe);
}
