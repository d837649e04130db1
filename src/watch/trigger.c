// SPDX-License-Identifier: Apache-2.0
// In: samples of the memory that cannot be reclaimed. Out: whether a capture is due now.
#include "watch/trigger.h"

static const int stage_percent[TRIGGER_STAGES] = {50, 70, 82, 90, 95, 98};
static const int64_t PACE_MIN_NS = 5000000, PACE_MAX_NS = 250000000;
static const double SMOOTHING = 0.4; // of the newest slope
static const double EARLY_STEP =
	0.04; // a capture ahead of its stage needs so much growth, of the limit

static void update_slope(struct trigger *trigger, const struct trigger_sample *sample)
{
	int64_t elapsed = sample->monotonic_ns - trigger->last.monotonic_ns;
	if (trigger->last.monotonic_ns && elapsed > 0) {
		double slope = (double)(sample->pinned_bytes - trigger->last.pinned_bytes) /
			       (double)elapsed;
		trigger->slope_bytes_per_ns =
			SMOOTHING * slope + (1 - SMOOTHING) * trigger->slope_bytes_per_ns;
	}
	trigger->last = *sample;
}

int64_t trigger_time_left_ns(const struct trigger *trigger)
{
	double left = (double)(trigger->last.limit_bytes - trigger->last.pinned_bytes);
	if (trigger->slope_bytes_per_ns <= 0)
		return -1;
	double time = left / trigger->slope_bytes_per_ns;
	return time < 0 ? 0 : time > 9e18 ? -1 : (int64_t)time;
}

static bool reached(const struct trigger *trigger, int stage)
{
	return stage < TRIGGER_STAGES &&
	       trigger->last.pinned_bytes >= trigger->last.limit_bytes / 100 * stage_percent[stage];
}

bool trigger_update(struct trigger *trigger, const struct trigger_sample *sample)
{
	update_slope(trigger, sample);
	if (trigger->next_stage &&
	    sample->pinned_bytes < sample->limit_bytes / 100 * TRIGGER_REARM_PERCENT) {
		trigger->next_stage = 0;
		trigger->last_capture_bytes = 0;
	}
	if (reached(trigger, trigger->next_stage))
		return true;
	int64_t left = trigger_time_left_ns(trigger);
	return left >= 0 && left < TRIGGER_HORIZON_NS &&
	       (double)(sample->pinned_bytes - trigger->last_capture_bytes) >
		       EARLY_STEP * (double)sample->limit_bytes;
}

void trigger_captured(struct trigger *trigger)
{
	while (reached(trigger, trigger->next_stage))
		trigger->next_stage++;
	trigger->last_capture_bytes = trigger->last.pinned_bytes;
}

int64_t trigger_pace_ns(int64_t limit_bytes)
{
	int64_t pace = limit_bytes / 20 / 1074 * 1000; // 1 GiB/s is 1.074 bytes a nanosecond
	return pace < PACE_MIN_NS ? PACE_MIN_NS : pace > PACE_MAX_NS ? PACE_MAX_NS : pace;
}
