// SPDX-License-Identifier: Apache-2.0
/*
 * whyoom watch: one process and its memory cgroup, until the process ends or a signal says so.
 *
 * The watch itself keeps its privileges and looks at nothing but the kernel's own numbers; each
 * capture is a worker without privileges (worker.h). Without `hold` nothing is ever written to the
 * cgroup.
 */
#pragma once

#include "base/error.h"
#include "snapshot/kill.h"
#include "watch/baselines.h"
#include "watch/config.h"
#include "watch/feed.h"

struct host_fired;

struct watch_options {
	int pid;                 // 0: the largest process of the cgroup
	const char *cgroup_path; // NULL: the one of the process
	const char *out;         // directory for incidents; made when it is not there
	bool hold;
	int64_t hold_limit_ns;
	const char *state;        // directory for notes of what is held; NULL: none are made
	struct feed_options feed; // of the timeline
	bool json, colour;
	const struct watch_config *config; // NULL: the defaults
	const struct host_fired *fired;    // what others know already; NULL: nothing
	// What to compare with, taken before; NULL: it takes its own.
	const struct baselines *baselines;
	int64_t calm_ns; // ends when it was far from the limit for so long; 0: never
	bool live_line;  // redraw one line on standard error
};

struct watch_result {
	struct kill_facts kill;
	bool near_limit; // the process came near its limit at least once
	bool evidence;   // there is a capture to report on
	bool printed;    // its report went to standard output
	bool stored;     // and is on disk, in `incident`
	bool calm;       // it ended for options.calm_ns
	int signal;      // that ended the watch, or 0
	char incident[4096];
	struct error store_error; // why it is not stored
};

// Fails where it cannot begin: no such process or cgroup, no limit, no permission; or the cgroup
// was removed. The final report goes to standard output, progress to standard error.
bool watch_run(const struct watch_options *options, struct watch_result *result,
	       struct error *error) must_check;
