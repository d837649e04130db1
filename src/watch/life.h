// SPDX-License-Identifier: Apache-2.0
// What a watch remembers of a process's numbers, for the verdict: what began to grow when.
#pragma once

#include "snapshot/course.h"
#include "watch/sampler.h"
#include "watch/vitals.h"

struct life {
	struct course course;
	int64_t started_unix_ns;           // of the process; 0: not known
	int64_t sampled_ns, sampled_bytes; // at the newest sample
	int64_t gauged_ns, go_ns;          // what of the vitals is in it already
};

// Whenever a sample was taken: what is due is remembered.
void life_sample(struct life *life, const struct sampler *sampler, const struct vitals *vitals);
// With what is stored at `db` (NULL: nothing), up to `end_ns` (0: until now). It waits for that,
// but not for long.
void life_tell(const struct life *life, const char *db, const struct process_files *process,
	       int64_t end_ns, struct course *course);
