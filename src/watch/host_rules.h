// SPDX-License-Identifier: Apache-2.0
/*
 * All programs of a host, as long as they are calm: each has readings and a state for each trigger;
 * one probe reads the Go runtimes of all of them; the timeline is told of each, and how it ended.
 * When a trigger fires, a watch of that program takes over, in a child that shares the state, and
 * ends when its incident is on disk and nothing else is the matter.
 */
#pragma once

#include "golang/gauge.h"
#include "system/cgroup.h"
#include "watch/alarm.h"
#include "watch/config.h"
#include "watch/discovery.h"
#include "watch/progress.h"
#include "watch/sampler.h"

struct host_rules;
struct host_judge; // of one program

// `timeline` NULL: none. All of them are borrowed.
struct host_rules *host_rules_new(const struct watch_config *config,
				  const struct progress *progress, struct store_writer *timeline);
bool host_rules_any(const struct host_rules *rules); // whether there are triggers
void host_rules_free(struct host_rules *rules);      // NULL is allowed
// Whether samples have to be whole each time.
bool host_rules_need_samples(const struct host_rules *rules);

// NULL: it has ended. `cgroup` is borrowed.
struct host_judge *host_rules_add(struct host_rules *rules, const struct discovered *process,
				  struct cgroup *cgroup);
void host_rules_remove(struct host_rules *rules, struct host_judge *judge); // NULL is allowed
// What a capture has found out about it.
void host_rules_learn(struct host_rules *rules, struct host_judge *judge,
		      const struct worker_summary *summary);
// Its Go runtime is asked about, and a capture has to say where that is.
bool host_rules_needs_capture(const struct host_rules *rules, const struct host_judge *judge);

// What a watch has to know that takes over.
struct host_fired {
	uint32_t rules; // a bit each
	char reason[ALARM_REASON_MAX];
	struct rule_state *states;
	struct go_gauge_places places;
	char container_name[256];
};

// Judges a program by the newest sample of its cgroup. True when a trigger fires.
bool host_rules_judge(struct host_rules *rules, struct host_judge *judge,
		      const struct sampler *sampler, int64_t now_ns, struct host_fired *fired);
// What a watch has to know in any case.
void host_rules_describe(const struct host_judge *judge, struct host_fired *fired);
// Whether a trigger that holds the kill has fired for it, here or in the watch that took over.
bool host_rules_hold(const struct host_rules *rules, const struct host_judge *judge);
// Asks the probe and takes its answers; call it again and again. `slow`: half as often, this many
// times.
void host_rules_probe(struct host_rules *rules, int slow, int64_t now_ns);

// Tells the timeline of it, by the newest sample of its cgroup.
void host_rules_tell(struct host_rules *rules, struct host_judge *judge,
		     const struct sampler *sampler, int64_t now_ns);
// It has ended: says how, and tells the timeline.
void host_rules_end(struct host_rules *rules, struct host_judge *judge);
