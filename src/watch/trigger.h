// SPDX-License-Identifier: Apache-2.0
/*
 * When to capture: pure decisions over samples, so that a test can play any rise.
 *
 * The measure is what the kernel cannot take back before it kills (the usage without the page
 * cache). A capture is due at each stage of the limit on the way up, and when the slope says that
 * the limit comes within TRIGGER_HORIZON_NS.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum {
	TRIGGER_STAGES = 6,
	TRIGGER_HORIZON_NS = 150000000,
	TRIGGER_REARM_PERCENT = 40, // below, the stages start anew
};

struct trigger_sample {
	int64_t monotonic_ns, pinned_bytes, limit_bytes;
};

struct trigger {
	int next_stage;
	struct trigger_sample last;
	double slope_bytes_per_ns; // smoothed; 0 while nothing grows
	int64_t last_capture_bytes;
};

// Takes a sample; true when a capture is due. The caller says trigger_captured when it began one.
bool trigger_update(struct trigger *trigger, const struct trigger_sample *sample);
void trigger_captured(struct trigger *trigger);
// Time until the limit at the present slope; -1 when it is not coming nearer.
int64_t trigger_time_left_ns(const struct trigger *trigger);
// How long to sleep so that a process that grows by 1 GiB/s is seen within 5% of the limit.
int64_t trigger_pace_ns(int64_t limit_bytes);
