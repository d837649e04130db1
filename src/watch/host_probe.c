// SPDX-License-Identifier: Apache-2.0
// In: programs whose runtimes' places are known. Out: their live heap, goal and goroutines.
#include <stdlib.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "watch/host_rules_priv.h"

static const int64_t PROBE_APART_NS = 5000000000, // between starts of a probe
	TIMELINE_PACE_NS = 10000000000;
enum { PROBE_COST = 1000, STALE_ANSWERS = 3 };

static void say_too_many(struct host_rules *rules)
{
	if (!rules->told_too_many)
		progress_say(
			rules->progress,
			"the Go runtimes of %d programs are looked at, those of the others not",
			PROBE_TARGETS_MAX);
	rules->told_too_many = true;
}

static void start_probe(struct host_rules *rules, int64_t now_ns)
{
	struct probe_target *targets = alloc_array(rules->judges.count + 1, sizeof *targets);
	struct error error = {0};
	probe_free(take_ptr(rules->probe));
	rules->probed.count = 0;
	rules->stale = false;
	rules->started_ns = now_ns;
	VEC_FOREACH (judge, &rules->judges) {
		(*judge)->probed = host_judge_needs_runtime(rules, *judge) &&
				   go_gauge_places_any(&(*judge)->places) &&
				   rules->probed.count < PROBE_TARGETS_MAX;
		if (rules->probed.count == PROBE_TARGETS_MAX)
			say_too_many(rules);
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

// Where nobody but the timeline asks, at its pace; and never more than a thousandth of the time.
static int64_t find_pace_ns(const struct host_rules *rules, int slow)
{
	int64_t pace_ns = probe_cost_ns(rules->probe) * PROBE_COST;
	int64_t least_ns =
		rules_need(rules->needs, METRIC_FROM_RUNTIME) ? VITALS_PROBE_NS : TIMELINE_PACE_NS;
	return (pace_ns > least_ns ? pace_ns : least_ns) << slow;
}

static void hear(struct host_rules *rules, int64_t pace_ns, int64_t now_ns)
{
	const struct go_gauges *answers = probe_take(rules->probe);
	for (size_t i = 0; answers && i < rules->probed.count; i++) {
		if (!rules->probed.items[i])
			continue;
		rules->probed.items[i]->vitals.go_stale_ns = pace_ns * STALE_ANSWERS;
		vitals_hear(&rules->probed.items[i]->vitals, &answers[i], now_ns);
	}
}

void host_rules_probe(struct host_rules *rules, int slow, int64_t now_ns)
{
	if ((rules->stale || (rules->probe && probe_is_lost(rules->probe))) &&
	    now_ns - rules->started_ns >= PROBE_APART_NS)
		start_probe(rules, now_ns);
	if (!rules->probe)
		return;
	int64_t pace_ns = find_pace_ns(rules, slow);
	hear(rules, pace_ns, now_ns);
	if (now_ns - rules->asked_ns < pace_ns)
		return;
	rules->asked_ns = now_ns;
	probe_ask(rules->probe);
}
