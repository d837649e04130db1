// SPDX-License-Identifier: Apache-2.0
// Rises, falls and sawteeth in simulated time: what the trigger asks for, and how often.
#include "../system/lab.h"

#include "watch/trigger.h"

static const int64_t LIMIT = (int64_t)1 << 30, MS = 1000000, SECOND = 1000000000;

enum { TICK_MS = 50, SHOTS_MAX = 4096 };

// What a watch would do whose captures take no time.
struct play {
	struct trigger trigger;
	int64_t now_ns, limit_bytes;
	int captures, baselines;
	int64_t shot_ns[SHOTS_MAX];
	double shot_percent[SHOTS_MAX];
};

static struct play play_begin(void)
{
	return (struct play){.now_ns = 5 * SECOND, .limit_bytes = LIMIT};
}

static enum trigger_decision play_sample(struct play *play, double percent)
{
	struct trigger_sample sample = {play->now_ns, (int64_t)(percent / 100 * (double)LIMIT),
					play->limit_bytes};
	enum trigger_decision due = trigger_update(&play->trigger, &sample);
	if (due != TRIGGER_NOTHING)
		trigger_began(&play->trigger, due);
	if (due == TRIGGER_CAPTURE && play->captures < SHOTS_MAX) {
		play->shot_ns[play->captures] = play->now_ns;
		play->shot_percent[play->captures++] = percent;
	}
	play->baselines += due == TRIGGER_BASELINE;
	return due;
}

static void play_line(struct play *play, double from, double to, int64_t duration_ms)
{
	int64_t steps = duration_ms / TICK_MS;
	for (int64_t i = 1; i <= steps; i++) {
		play->now_ns += TICK_MS * MS;
		play_sample(play, from + (to - from) * (double)i / (double)steps);
	}
}

static int captures_within(const struct play *play, int64_t window_ns)
{
	int most = 0;
	for (int first = 0, last = 0; last < play->captures; last++) {
		while (play->shot_ns[last] - play->shot_ns[first] >= window_ns)
			first++;
		if (last - first + 1 > most)
			most = last - first + 1;
	}
	return most;
}

static void a_slow_leak_is_captured_once_at_each_stage(void **state)
{
	(void)state;
	static const double stages[] = {50, 70, 82, 90, 95, 98};
	struct play play = play_begin();
	play_line(&play, 5, 99.9, 60000);
	assert_int_equal(6, play.captures);
	for (int i = 0; i < 6; i++) {
		assert_true(play.shot_percent[i] >= stages[i]);
		assert_true(play.shot_percent[i] < stages[i] + 0.5);
	}
	assert_int_equal(1, play.baselines);
}

// From 20%, half the limit in 100 ms: the stages alone would see it when it is over.
static void an_explosion_is_captured_by_its_slope(void **state)
{
	(void)state;
	struct play play = play_begin();
	play_line(&play, 20, 20, 5000);
	assert_int_equal(0, play.captures);
	static const double rise[] = {28, 36, 44};
	int needed = 0;
	for (int i = 0; i < 3 && !play.captures; i++, needed++) {
		play.now_ns += 10 * MS;
		play_sample(&play, rise[i]);
	}
	assert_int_equal(1, play.captures);
	assert_true(needed <= 3);
	assert_true(play.shot_percent[0] < 50);
	int64_t left_ns = trigger_time_left_ns(&play.trigger);
	assert_true(left_ns >= 0 && left_ns < TRIGGER_HORIZON_NS);
}

static void a_sawtooth_is_not_captured_at_each_tooth(void **state)
{
	(void)state;
	struct play play = play_begin();
	while (play.now_ns < 3605 * SECOND) {
		play_line(&play, 0, 58, 400);
		play_line(&play, 58, 0, 100);
	}
	assert_true(play.captures >= 60);
	assert_true(play.captures <= 130);
	assert_true(captures_within(&play, 29 * SECOND) <= 3);
}

// Teeth so steep that each looks like the end.
static void a_steep_sawtooth_is_captured_in_one_tooth_a_second_at_most(void **state)
{
	(void)state;
	struct play play = play_begin();
	while (play.now_ns < 65 * SECOND) {
		for (double percent = 0; percent < 48; percent += 9) {
			play.now_ns += 10 * MS;
			play_sample(&play, percent);
		}
		play_line(&play, 0, 0, 100);
	}
	assert_true(play.captures >= 2);
	assert_true(captures_within(&play, TRIGGER_TOOTH_NS / 2) <= 4); // on the way up one tooth
	assert_true(play.captures <= 62 * 4);
}

static void after_a_fall_the_next_rise_is_captured_up_to_the_top(void **state)
{
	(void)state;
	struct play play = play_begin();
	play_line(&play, 10, 98.5, 20000);
	play_line(&play, 98.5, 45, 1000);
	play_line(&play, 45, 45, 3600000);
	int before = play.captures;
	play_line(&play, 45, 100, 20000);
	assert_true(play.captures - before >= 3);
	assert_true(play.shot_percent[play.captures - 1] >= 98);
	assert_true(play.shot_percent[before] < 75);
}

// The same, but at once after the fall and fast.
static void a_second_rise_soon_after_is_captured_near_the_top(void **state)
{
	(void)state;
	struct play play = play_begin();
	play_line(&play, 10, 98.5, 20000);
	play_line(&play, 98.5, 45, 1000);
	int before = play.captures;
	play_line(&play, 45, 100, 2000);
	assert_true(play.captures > before);
	assert_true(play.shot_percent[play.captures - 1] >= 90);
}

static void hovering_near_the_limit_is_captured_every_ten_seconds(void **state)
{
	(void)state;
	struct play play = play_begin();
	play_line(&play, 95, 95, 100000);
	assert_true(play.captures >= 9 && play.captures <= 11);
	for (int i = 1; i < play.captures; i++)
		assert_true(play.shot_ns[i] - play.shot_ns[i - 1] >= TRIGGER_NEAR_NS);
}

static void far_from_the_limit_nothing_is_captured(void **state)
{
	(void)state;
	struct play play = play_begin();
	for (int i = 0; i < 600; i++) {
		play_line(&play, 40, 44, 1000);
		play_line(&play, 44, 40, 1000);
	}
	assert_int_equal(0, play.captures);
}

static void a_limit_lowered_below_the_usage_is_captured_at_once(void **state)
{
	(void)state;
	struct play play = play_begin();
	play_line(&play, 40, 40, 5000);
	assert_int_equal(0, play.captures);
	play.limit_bytes = LIMIT / 100 * 30;
	play.now_ns += TICK_MS * MS;
	assert_int_equal(TRIGGER_CAPTURE, play_sample(&play, 40));
	play.now_ns += TICK_MS * MS;
	assert_int_equal(TRIGGER_NOTHING, play_sample(&play, 40));
	assert_int_equal(-1, trigger_time_left_ns(&play.trigger));
}

static void a_raised_limit_arms_the_stages_again(void **state)
{
	(void)state;
	struct play play = play_begin();
	play_line(&play, 10, 99, 20000);
	int before = play.captures;
	play.limit_bytes = 4 * LIMIT;
	play_line(&play, 99, 99, 60000);
	assert_int_equal(before, play.captures);
	play_line(&play, 99, 399, 60000);
	assert_true(play.captures - before >= 6);
}

static void the_baseline_is_taken_at_the_start_and_in_calm_times(void **state)
{
	(void)state;
	struct play play = play_begin();
	assert_int_equal(TRIGGER_BASELINE, play_sample(&play, 20));
	play_line(&play, 20, 20, 9000);
	assert_int_equal(1, play.baselines);
	play_line(&play, 20, 20, 32000); // at 10, 20 and 30 s
	assert_int_equal(4, play.baselines);
	play_line(&play, 20, 20, 3600000 - 41000); // further and further apart
	assert_in_range(play.baselines, 16, 20);
	int before = play.baselines;
	play_line(&play, 20, 20, 6 * 3600000); // then each ten minutes
	assert_in_range(play.baselines - before, 35, 37);
	assert_int_equal(0, play.captures);
}

static void baselines_that_cost_much_are_taken_more_seldom(void **state)
{
	(void)state;
	struct play play = play_begin();
	play.trigger.baseline_cost_ns = 4 * SECOND;
	play_line(&play, 20, 20, 3600000 * 2);
	assert_int_equal(4, play.baselines); // 2000 s apart
}

static void while_the_limit_comes_near_there_is_no_new_baseline(void **state)
{
	(void)state;
	struct play play = play_begin();
	assert_int_equal(TRIGGER_CAPTURE, play_sample(&play, 55)); // is the baseline as well
	play_line(&play, 55, 55, 30000);
	int before = play.baselines;
	play_line(&play, 55, 99.9, 40000);
	assert_int_equal(before, play.baselines);
}

static void samples_are_taken_as_often_as_the_limit_needs(void **state)
{
	(void)state;
	assert_int_equal(5 * MS, trigger_pace_ns(0));
	assert_int_equal(5 * MS, trigger_pace_ns(16 << 20));
	assert_int_equal(250 * MS, trigger_pace_ns((int64_t)64 << 30));
	assert_int_equal(250 * MS, trigger_pace_ns(INT64_MAX));
	int64_t pace_ns = trigger_pace_ns(LIMIT);
	assert_true(pace_ns > 45 * MS && pace_ns <= 50 * MS); // 5% of 1 GiB at 1 GiB/s
	assert_true(trigger_pace_ns(LIMIT / 4) < pace_ns);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_slow_leak_is_captured_once_at_each_stage),
		cmocka_unit_test(an_explosion_is_captured_by_its_slope),
		cmocka_unit_test(a_sawtooth_is_not_captured_at_each_tooth),
		cmocka_unit_test(a_steep_sawtooth_is_captured_in_one_tooth_a_second_at_most),
		cmocka_unit_test(after_a_fall_the_next_rise_is_captured_up_to_the_top),
		cmocka_unit_test(a_second_rise_soon_after_is_captured_near_the_top),
		cmocka_unit_test(hovering_near_the_limit_is_captured_every_ten_seconds),
		cmocka_unit_test(far_from_the_limit_nothing_is_captured),
		cmocka_unit_test(a_limit_lowered_below_the_usage_is_captured_at_once),
		cmocka_unit_test(a_raised_limit_arms_the_stages_again),
		cmocka_unit_test(the_baseline_is_taken_at_the_start_and_in_calm_times),
		cmocka_unit_test(baselines_that_cost_much_are_taken_more_seldom),
		cmocka_unit_test(while_the_limit_comes_near_there_is_no_new_baseline),
		cmocka_unit_test(samples_are_taken_as_often_as_the_limit_needs),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
