// SPDX-License-Identifier: Apache-2.0
// Triggers over time series made by hand: when they fire, how often, and what clocks may do.
#include "../system/lab.h"

#include <stdio.h>
#include <string.h>

#include "watch/rule.h"

static const int64_t SECOND = 1000000000, MINUTE = 60000000000, HOUR = 3600000000000;

struct play {
	struct watch_rule rule;
	struct rule_state state;
	int64_t now_ns;
	int fired, over_quota;
};

static struct play play_begin(const char *condition)
{
	struct play play = {.now_ns = 100 * SECOND};
	size_t column;
	assert_ok(condition_parse(condition, &play.rule.condition, &column, &error));
	snprintf(play.rule.name, sizeof play.rule.name, "test");
	play.rule.cooldown_ns = 10 * MINUTE;
	play.rule.quota = 6;
	return play;
}

// `value` below 0: not known.
static enum rule_decision play_value(struct play *play, int64_t passed_ns, int64_t value)
{
	struct readings readings = {.limit_bytes = 1 << 30};
	play->now_ns += passed_ns;
	readings.monotonic_ns = play->now_ns;
	if (value >= 0)
		reading_set(&readings, play->rule.condition.terms[0].metric, value);
	enum rule_decision decision = rule_update(&play->rule, &play->state, &readings);
	play->fired += decision == RULE_FIRES;
	play->over_quota += decision == RULE_OVER_QUOTA;
	return decision;
}

static void play_steady(struct play *play, int64_t duration_ns, int64_t value)
{
	for (int64_t passed = 0; passed < duration_ns; passed += SECOND)
		play_value(play, SECOND, value);
}

static void it_fires_at_once_and_once(void **state)
{
	(void)state;
	struct play play = play_begin("fds > 100");
	play_steady(&play, MINUTE, 100);
	assert_int_equal(0, play.fired);
	assert_int_equal(RULE_FIRES, play_value(&play, SECOND, 101));
	play_steady(&play, 5 * MINUTE, 101);
	assert_int_equal(1, play.fired);
}

static void for_means_without_a_break(void **state)
{
	(void)state;
	struct play play = play_begin("fds > 100 for 10s");
	for (int i = 0; i < 20; i++) {
		play_steady(&play, 9 * SECOND, 200);
		play_value(&play, SECOND, 50);
	}
	assert_int_equal(0, play.fired);
	play_steady(&play, 10 * SECOND, 200); // 9 s since the first of them
	assert_int_equal(0, play.fired);
	assert_int_equal(RULE_FIRES, play_value(&play, SECOND, 200));
}

static void what_is_not_known_does_not_hold(void **state)
{
	(void)state;
	struct play play = play_begin("goroutines < 100 for 3s");
	play_steady(&play, MINUTE, -1);
	assert_int_equal(0, play.fired);
	play_steady(&play, 2 * SECOND, 5);
	play_value(&play, SECOND, -1);
	play_steady(&play, 3 * SECOND, 5);
	assert_int_equal(0, play.fired);
	assert_int_equal(RULE_FIRES, play_value(&play, SECOND, 5));
}

static void after_the_cooldown_it_fires_again(void **state)
{
	(void)state;
	struct play play = play_begin("fds > 100");
	play_steady(&play, 25 * MINUTE, 200); // at 0, 10 and 20 minutes
	assert_int_equal(3, play.fired);
	play_steady(&play, 5 * MINUTE + SECOND, 50);
	assert_int_equal(3, play.fired);
	play_steady(&play, SECOND, 200); // the last one is 10 minutes ago
	assert_int_equal(4, play.fired);
}

static void a_flutter_does_not_get_around_the_cooldown(void **state)
{
	(void)state;
	struct play play = play_begin("fds > 100");
	for (int i = 0; i < 300; i++) {
		play_value(&play, SECOND, 200);
		play_value(&play, SECOND, 50);
	}
	assert_int_equal(1, play.fired);
}

static void the_quota_holds_for_each_hour(void **state)
{
	(void)state;
	struct play play = play_begin("fds > 100");
	play.rule.cooldown_ns = SECOND;
	play.rule.quota = 3;
	play_steady(&play, HOUR - SECOND, 200);
	assert_int_equal(3, play.fired);
	assert_int_equal(1, play.over_quota); // said once
	play_steady(&play, 10 * SECOND, 200); // the first ones are an hour ago now
	assert_int_equal(6, play.fired);
	play_steady(&play, 23 * HOUR, 200);
	assert_int_equal(3 * 25, play.fired);
}

static void a_gap_is_a_break(void **state)
{
	(void)state;
	struct play play = play_begin("fds > 100 for 1m");
	play_steady(&play, 30 * SECOND, 200);
	play_value(&play, HOUR, 200); // the machine slept; nobody knows what was
	assert_int_equal(0, play.fired);
	play_steady(&play, 59 * SECOND, 200);
	assert_int_equal(0, play.fired);
	assert_int_equal(RULE_FIRES, play_value(&play, SECOND, 200));
}

static void a_clock_that_goes_back_neither_fires_nor_blocks(void **state)
{
	(void)state;
	struct play play = play_begin("fds > 100 for 10s");
	play.now_ns = 100 * HOUR;
	play_steady(&play, 11 * SECOND, 200);
	assert_int_equal(1, play.fired);
	assert_int_equal(RULE_QUIET, play_value(&play, -99 * HOUR, 200));
	play_steady(&play, 9 * MINUTE, 200);
	assert_int_equal(1, play.fired); // the cooldown begins anew, it does not last 99 hours
	play_steady(&play, 2 * MINUTE, 200);
	assert_int_equal(2, play.fired);
}

static void a_baseline_is_not_known_until_it_is_that_old(void **state)
{
	(void)state;
	struct play play = play_begin("fds > baseline 1m + 50%");
	play_steady(&play, 10 * SECOND, 100);
	play_steady(&play, 49 * SECOND, 10000); // a start, not a growth
	assert_int_equal(0, play.fired);
	play_steady(&play, 5 * SECOND, 10000); // now it is compared with the 100 of the start
	assert_int_equal(1, play.fired);
}

static void a_baseline_moves_along(void **state)
{
	(void)state;
	struct play play = play_begin("fds > baseline 1m + 50%");
	play.rule.cooldown_ns = SECOND;
	int64_t value = 1000;
	for (int i = 0; i < 3600; i++, value += 5) // never half more within 66 seconds
		play_value(&play, SECOND, value);
	assert_int_equal(0, play.fired);
	play_steady(&play, 5 * SECOND, value * 2);
	assert_in_range(play.fired, 4, 5);
	play_steady(&play, 70 * SECOND, value * 2);
	int fired = play.fired;
	play_steady(&play, HOUR, value * 2); // that is how it is now
	assert_int_equal(fired, play.fired);
}

static void a_baseline_from_before_a_gap_is_none(void **state)
{
	(void)state;
	struct play play = play_begin("fds > baseline 1m + 50%");
	play_steady(&play, 5 * MINUTE, 100);
	play_value(&play, 10 * MINUTE, 10000);
	play_steady(&play, 55 * SECOND, 10000);
	assert_int_equal(0, play.fired);
}

static void the_past_is_known_to_a_tenth(void **state)
{
	(void)state;
	struct past past = {0};
	for (int64_t now = SECOND; now < 3 * HOUR; now += SECOND) {
		int64_t age = 0;
		const int64_t *found = past_find(&past, 10 * MINUTE, now, &age);
		if (now > 11 * MINUTE + SECOND)
			assert_non_null(found);
		if (found) {
			assert_in_range(age, 10 * MINUTE, 11 * MINUTE + SECOND);
			assert_int_equal(now - age, *found);
		}
		past_add(&past, 10 * MINUTE, now, now);
	}
}

static void it_is_about_those_that_match(void **state)
{
	(void)state;
	struct watch_rule rule = {0};
	struct rule_subject subject = {.name = "api-1", .executable = "server", .cgroup = "/k/a"};
	assert_true(rule_is_about(&rule, &subject));
	snprintf(rule.only_name, sizeof rule.only_name, "api-*");
	assert_true(rule_is_about(&rule, &subject));
	snprintf(rule.only_name, sizeof rule.only_name, "serv*");
	assert_true(rule_is_about(&rule, &subject));
	snprintf(rule.only_name, sizeof rule.only_name, "db-*");
	assert_false(rule_is_about(&rule, &subject));
	rule.only_name[0] = '\0';
	snprintf(rule.only_container, sizeof rule.only_container, "*");
	assert_false(rule_is_about(&rule, &subject)); // in none, or not known yet
	subject.container_name = "shop";
	assert_true(rule_is_about(&rule, &subject));
	snprintf(rule.only_cgroup, sizeof rule.only_cgroup, "/k/b*");
	assert_false(rule_is_about(&rule, &subject));
}

static void the_reason_has_the_numbers(void **state)
{
	(void)state;
	struct play play = play_begin("fds > baseline 1m + 50% for 2s");
	struct readings readings = {.limit_bytes = 1 << 30};
	char reason[256];
	play_steady(&play, 2 * MINUTE, 1000);
	play_value(&play, SECOND, 2000);
	play_value(&play, SECOND, 2000);
	assert_int_equal(RULE_FIRES, play_value(&play, SECOND, 2100));
	readings.monotonic_ns = play.now_ns;
	reading_set(&readings, METRIC_FDS, 2100);
	rule_reason(&play.rule, &play.state, &readings, reason, sizeof reason);
	assert_string_equal("trigger test: fds 2,100, above 1,500 (1m00s before: 1,000), for 2.0 s",
			    reason);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_fires_at_once_and_once),
		cmocka_unit_test(for_means_without_a_break),
		cmocka_unit_test(what_is_not_known_does_not_hold),
		cmocka_unit_test(after_the_cooldown_it_fires_again),
		cmocka_unit_test(a_flutter_does_not_get_around_the_cooldown),
		cmocka_unit_test(the_quota_holds_for_each_hour),
		cmocka_unit_test(a_gap_is_a_break),
		cmocka_unit_test(a_clock_that_goes_back_neither_fires_nor_blocks),
		cmocka_unit_test(a_baseline_is_not_known_until_it_is_that_old),
		cmocka_unit_test(a_baseline_moves_along),
		cmocka_unit_test(a_baseline_from_before_a_gap_is_none),
		cmocka_unit_test(the_past_is_known_to_a_tenth),
		cmocka_unit_test(it_is_about_those_that_match),
		cmocka_unit_test(the_reason_has_the_numbers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
