// SPDX-License-Identifier: Apache-2.0
// What host_rules.c (triggers), host_story.c (the timeline) and host_probe.c (the Go runtimes) know
// of the programs of a host as long as they are calm.
#pragma once

#include "base/vec.h"
#include "watch/ending.h"
#include "watch/host_rules.h"
#include "watch/probe.h"
#include "watch/vitals.h"

struct host_judge {
	struct process_files process;
	struct vitals vitals;
	struct alarm alarm; // whom which triggers are about; takes no captures here
	struct rule_state *states;
	struct go_gauge_places places;
	struct ending ending;
	char name[PROCESS_NAME_MAX], build_id[64];
	int timeline;   // its number there; -1: not told yet
	bool probed;    // the probe at hand reads it
	int tries_left; // to find out about its runtime
};

struct host_rules {
	const struct watch_config *config;
	const struct progress *progress;
	struct store_writer *timeline; // borrowed; NULL: none
	uint32_t needs;
	VEC(struct host_judge *) judges;
	struct probe *probe;
	VEC(struct host_judge *) probed; // in the order of the probe's answers; NULL: gone
	bool stale;                      // there are others to be read now
	int64_t started_ns, asked_ns;
	bool told_too_many;
};

// Whether somebody wants to know of its Go runtime: a trigger, or the timeline.
bool host_judge_needs_runtime(const struct host_rules *rules, const struct host_judge *judge);
