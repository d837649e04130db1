// SPDX-License-Identifier: Apache-2.0
// One watch, for its parts: watch.c (begin, loop, end), watch_hold.c, watch_triggers.c.
#pragma once

#include <limits.h>
#include <signal.h>

#include "system/node_memory.h"
#include "watch/alarm.h"
#include "watch/budget.h"
#include "watch/captures.h"
#include "watch/ending.h"
#include "watch/feed.h"
#include "watch/hold.h"
#include "watch/life.h"
#include "watch/probe.h"
#include "watch/sampler.h"
#include "watch/trigger.h"
#include "watch/vitals.h"
#include "watch/watch.h"

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
	int64_t hold_kills;            // there had been so many when it was held
	int64_t busy_ns;               // when it was last not far from its limit
};

// Arms the hold of the kill. Fails where it cannot be held.
bool watch_begin_hold(struct watch *watch, struct error *error) must_check;
// After each sample: captures while it is held, and says what has become of it.
void watch_check_hold(struct watch *watch);
bool watch_hold_is_over(const struct watch *watch);

void watch_begin_triggers(struct watch *watch);
// After each sample: the readings, the triggers, what they ask for.
void watch_update_triggers(struct watch *watch);
