// SPDX-License-Identifier: Apache-2.0
/*
 * The captures of one watch: at most one is being taken, the newest whole one is kept ready for the
 * final report; those before it may be at their last
 * words. On disk stay the two baselines, the
 * newest, and CAPTURES_EARLIER before it.
 */
#pragma once

#include "watch/feed.h"
#include "watch/progress.h"
#include "watch/sampler.h"
#include "watch/store.h"
#include "watch/worker.h"

enum { CAPTURES_EARLIER = 2, CAPTURES_LEAVING = 4 };

enum capture_reason { CAPTURE_BASELINE, CAPTURE_STAGE, CAPTURE_HELD };

struct capture_baseline {
	char directory[4096]; // "" when there is none
	int64_t usage_bytes;
};

struct captures {
	pid_t pid;
	const char *cgroup_path; // borrowed
	bool json, colour;
	const struct progress *progress; // borrowed
	struct feed *feed;               // borrowed
	struct store store;
	struct worker *busy, *ready;
	struct worker *leaving[CAPTURES_LEAVING]; // dismissed, perhaps still writing
	enum capture_reason busy_reason;
	bool near_limit; // at least one capture was for a reason other than the baseline
	// What to compare with. Two, so that the one compared with is never just taken: a slow leak
	// would not show against it.
	struct capture_baseline baseline, next_baseline;
	char earlier[CAPTURES_EARLIER][4096]; // directories, newest first
};

// Starts one, unless one is being taken.
void captures_start(struct captures *captures, enum capture_reason reason,
		    const struct sampler *sampler);
// Takes what the worker at hand has to say, waiting up to `timeout_ms`.
void captures_update(struct captures *captures, const struct sampler *sampler, int timeout_ms);
// Whether the newest capture reads what goes with the target.
bool captures_need_target(const struct captures *captures);
// The final report of the newest capture: written, and the incident under its name. False when it
// is not stored; captures_print may still print it.
bool captures_finish(struct captures *captures, const struct worker_end *end, char *incident,
		     size_t capacity, struct error *error) must_check;
bool captures_print(struct captures *captures, int signal_fd, int timeout_ms) must_check;
// `discard`: nothing happened, so nothing stays on disk.
void captures_end(struct captures *captures, bool discard);
