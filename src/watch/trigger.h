// SPDX-License-Identifier: Apache-2.0
/*
 * When to capture: pure decisions over samples, so that a test can play any rise.
 *
 * The measure is what the kernel cannot take back before it kills (the usage without the page
 * cache). A capture is due at each stage of the limit on the way up, when the slope says that the
 * limit comes within TRIGGER_HORIZON_NS, and from time to time while it stays near the limit. A
 * sawtooth does not capture at each tooth: below a new high, captures are TRIGGER_CALM_NS apart.
 *
 * A baseline, for comparison, is due at the start and again in calm times, further and further
 * apart: a third of the time that the watch has lasted, from ten seconds up to ten minutes, and
 * never so often that taking them costs more than a five-hundredth of the time. Which of them stay
 * is for baselines.h.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define TRIGGER_HORIZON_NS       ((int64_t)150000000)
#define TRIGGER_CALM_NS          ((int64_t)30000000000)
#define TRIGGER_NEAR_NS          ((int64_t)10000000000) // between captures while it stays near the limit
#define TRIGGER_TOOTH_NS         ((int64_t)1000000000) // the same, for a sawtooth near the limit or steep
#define TRIGGER_BASELINE_NS      ((int64_t)10000000000)  // between baselines, at the start
#define TRIGGER_BASELINE_MOST_NS ((int64_t)600000000000) // and later
#define TRIGGER_BASELINE_CALM_NS ((int64_t)60000000000)  // none when the limit is nearer

enum { TRIGGER_STAGES = 6 };

enum trigger_decision { TRIGGER_NOTHING, TRIGGER_CAPTURE, TRIGGER_BASELINE };

struct trigger_sample {
	int64_t monotonic_ns, pinned_bytes, limit_bytes;
};

struct trigger {
	int next_stage;
	struct trigger_sample last;
	double slope_bytes_per_ns; // smoothed
	int64_t high_bytes;        // at the newest capture, or the lowest since
	int64_t peak_bytes;        // at the newest capture
	int64_t captured_ns;       // when the newest capture began; 0: none yet
	int64_t first_ns;          // the first sample
	int64_t baseline_ns;       // when the newest baseline did
	int64_t baseline_cost_ns;  // how long it took; the caller says so
};

enum trigger_decision trigger_update(struct trigger *trigger, const struct trigger_sample *sample);
// The caller says so when it began what was due.
void trigger_began(struct trigger *trigger, enum trigger_decision what);
// Time until the limit at the present slope; -1 when it is not coming nearer.
int64_t trigger_time_left_ns(const struct trigger *trigger);
// The stages of the limit, in percent.
int trigger_stage_percent(int stage);
// How long to sleep so that a process that grows by 1 GiB/s is seen within 5% of the limit.
int64_t trigger_pace_ns(int64_t limit_bytes);
