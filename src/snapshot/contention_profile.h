// SPDX-License-Identifier: Apache-2.0
/*
 * A block or mutex profile in the form that Go writes it: contentions/count and delay/nanoseconds,
 * with the same stacks and inlining, so that `go tool pprof` shows the same. Where Go cuts a stack,
 * this one is whole.
 *
 * Source: runtime/pprof/pprof.go (printCountCycleProfile).
 */
#pragma once

#include "base/error.h"
#include "golang/contention.h"
#include "profile/profile.h"

#define CONTENTION_COUNT "contentions"
#define CONTENTION_DELAY "delay"

struct contention_profile_source {
	const struct go_contention *contention;
	struct functab *functab;
	int64_t taken_unix_ns;
	bool live; // on this machine: its clocks are ours, should the program not have compared
		   // them
	struct profile_mapping executable; // file "" when not known
};

// ERROR_UNSUPPORTED when nothing says how long a cycle is.
bool contention_profile_build(const struct contention_profile_source *source,
			      struct profile **profile, struct error *error) must_check;
