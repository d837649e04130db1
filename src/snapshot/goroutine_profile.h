// SPDX-License-Identifier: Apache-2.0
/*
 * Goroutines as a profile: what Go's own goroutine profile has (one sample type, goroutine/count; a
 * sample for each stack with its labels; without the runtime's own goroutines), with whole stacks
 * where Go cuts them. Or, of the same form, its goroutine leak profile.
 *
 * The runtime looks for leaked goroutines when its own leak profile is asked for (Go 1.27 and
 * later, 1.26 with GOEXPERIMENT=goroutineleakprofile), and marks them for good. This one shows the
 * marks: what the last look found, nothing where nobody looked.
 *
 * Source: runtime/pprof/pprof.go (printCountProfile), proto.go (appendLocsForStack).
 */
#pragma once

#include "base/error.h"
#include "golang/goroutines.h"
#include "profile/profile.h"

struct goroutine_profile_source {
	const struct go_goroutines *goroutines;
	bool leaked; // only those that the runtime has found to be leaked: its goroutineleak
		     // profile
	int64_t taken_unix_ns;
	struct profile_mapping executable; // file "" when not known
};

bool goroutine_profile_build(const struct goroutine_profile_source *source,
			     struct profile **profile, struct error *error) must_check;
