// SPDX-License-Identifier: Apache-2.0
// In: samples of the memory that cannot be reclaimed. Out: whether a capture is due now.
#include "watch/trigger.h"

static const int stage_percent[TRIGGER_STAGES] = {50, 70, 82, 90, 95, 98};
static const int64_t PACE_MIN_NS = 5000000, PACE_MAX_NS = 250000000;
static const double SMOOTHING = 0.4; // of the newest slope
enum {
	BASELINE_PART = 3,
	BASELINE_COST = 500,
	NEAR_PERCENT = 90,
	REARM_PERCENT = 5, // so far below a stage it is armed again
	STEP_PERCENT = 4,  // a capture ahead of its stage needs so much growth since the newest
};

static int64_t percent_of(int64_t bytes, int percent)
{
	return bytes / 100 * percent;
}

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
	if (!trigger->first_ns)
		trigger->first_ns = sample->monotonic_ns;
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
	       trigger->last.pinned_bytes >=
		       percent_of(trigger->last.limit_bytes, stage_percent[stage]);
}

static void rearm(struct trigger *trigger)
{
	const struct trigger_sample *last = &trigger->last;
	while (trigger->next_stage > 0 &&
	       last->pinned_bytes <
		       percent_of(last->limit_bytes,
				  stage_percent[trigger->next_stage - 1] - REARM_PERCENT))
		trigger->next_stage--;
	if (last->pinned_bytes < trigger->high_bytes)
		trigger->high_bytes = last->pinned_bytes;
}

static bool capture_is_due(const struct trigger *trigger)
{
	const struct trigger_sample *last = &trigger->last;
	int64_t age_ns =
		trigger->captured_ns ? last->monotonic_ns - trigger->captured_ns : INT64_MAX;
	int64_t left_ns = trigger_time_left_ns(trigger);
	bool near = last->pinned_bytes >= percent_of(last->limit_bytes, NEAR_PERCENT);
	if (reached(trigger, trigger->next_stage))
		return last->pinned_bytes > trigger->peak_bytes || age_ns >= TRIGGER_CALM_NS ||
		       (near && age_ns >= TRIGGER_TOOTH_NS);
	if (near && age_ns >= TRIGGER_NEAR_NS)
		return true;
	if (last->pinned_bytes <= trigger->peak_bytes && age_ns < TRIGGER_TOOTH_NS)
		return false;
	return left_ns >= 0 && left_ns < TRIGGER_HORIZON_NS &&
	       last->pinned_bytes - trigger->high_bytes >
		       percent_of(last->limit_bytes, STEP_PERCENT);
}

static bool baseline_is_due(const struct trigger *trigger)
{
	int64_t left_ns = trigger_time_left_ns(trigger);
	bool calm = left_ns < 0 || left_ns > TRIGGER_BASELINE_CALM_NS;
	int64_t apart_ns = (trigger->last.monotonic_ns - trigger->first_ns) / BASELINE_PART;
	if (apart_ns < TRIGGER_BASELINE_NS)
		apart_ns = TRIGGER_BASELINE_NS;
	if (apart_ns > TRIGGER_BASELINE_MOST_NS)
		apart_ns = TRIGGER_BASELINE_MOST_NS;
	if (apart_ns < trigger->baseline_cost_ns * BASELINE_COST)
		apart_ns = trigger->baseline_cost_ns * BASELINE_COST;
	return !trigger->baseline_ns ||
	       (calm && trigger->last.monotonic_ns - trigger->baseline_ns >= apart_ns);
}

enum trigger_decision trigger_update(struct trigger *trigger, const struct trigger_sample *sample)
{
	update_slope(trigger, sample);
	rearm(trigger);
	if (capture_is_due(trigger))
		return TRIGGER_CAPTURE;
	return baseline_is_due(trigger) ? TRIGGER_BASELINE : TRIGGER_NOTHING;
}

void trigger_began(struct trigger *trigger, enum trigger_decision what)
{
	// At the very start the two are one.
	if (what == TRIGGER_BASELINE || !trigger->baseline_ns)
		trigger->baseline_ns = trigger->last.monotonic_ns;
	if (what != TRIGGER_CAPTURE)
		return;
	while (reached(trigger, trigger->next_stage))
		trigger->next_stage++;
	trigger->high_bytes = trigger->peak_bytes = trigger->last.pinned_bytes;
	trigger->captured_ns = trigger->last.monotonic_ns;
}

int trigger_stage_percent(int stage)
{
	return stage_percent[stage];
}

int64_t trigger_pace_ns(int64_t limit_bytes)
{
	int64_t pace = limit_bytes / 20 / 1074 * 1000; // 1 GiB/s is 1.074 bytes a nanosecond
	return pace < PACE_MIN_NS ? PACE_MIN_NS : pace > PACE_MAX_NS ? PACE_MAX_NS : pace;
}
