// SPDX-License-Identifier: Apache-2.0
/*
 * whyoom watch for many: every Go program of the host, or those of a name, as they come and go.
 *
 * This process finds them and samples their cgroups, in calm about once a second, sooner the less
 * room there is: what grows by 1 GiB/s is noticed before it has half of its limit. A cgroup that
 * fills up, or is going to within seconds, gets a watch of its own (watch.h), in a child; it ends
 * with the process, or when it has been calm for a while. Baselines are taken in calm times, one at
 * a time, so that each watch has something to compare with.
 */
#pragma once

#include "base/error.h"
#include "watch/watch.h"

struct host_options {
	const char *pattern;      // of the names; NULL: all
	const char *out;          // directory for incidents
	const char *state;        // and for notes of what is held; NULL: none
	struct feed_options feed; // of the timeline
	bool hold;                // the kill, of each that comes near its limit
	int64_t hold_limit_ns;
	const struct watch_config *config;
	bool json, colour, live_line;
	// Runs one watch, in a child, and tells its result; returns the child's exit code.
	int (*watch_one)(const struct watch_options *options);
};

// Until a signal comes, which it returns in *signal. Fails where it cannot begin.
bool host_run(const struct host_options *options, int *signal, struct error *error) must_check;
