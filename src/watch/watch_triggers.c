// SPDX-License-Identifier: Apache-2.0
// In: samples, and what a probe reads of the Go runtime. Out: triggers that fire.
#include "watch/watch_priv.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "watch/host_rules.h"

enum { PROBE_COST = 1000 };

static const int64_t PROBE_LEAST_NS = 100000000, PROBE_RETRY_NS = 60000000000;

void watch_begin_triggers(struct watch *watch)
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
				.state = options->state,
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

void watch_update_triggers(struct watch *watch)
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
	if (watch_begin_hold(watch, &error)) {
		watch->hold_state = HOLD_ARMED;
		progress_say(&watch->progress, "the kill will be held");
	} else
		progress_say(&watch->progress, "%s", error.message);
}
