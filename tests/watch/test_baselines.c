// SPDX-License-Identifier: Apache-2.0
// Which of many captures stay, and which one an incident is compared with.
#include "../system/lab.h"

#include <stdio.h>
#include <string.h>

#include "watch/baselines.h"

static const int64_t SECOND = 1000000000, MINUTE = 60000000000, HOUR = 3600000000000,
		     LIMIT = (int64_t)1 << 30, MIB = 1 << 20;

static void take(struct baselines *baselines, int64_t now_ns, int64_t usage_bytes)
{
	char dropped[BASELINE_PATH_MAX];
	struct baseline taken = {.usage_bytes = usage_bytes, .taken_ns = now_ns};
	snprintf(taken.directory, sizeof taken.directory, "capture-%lld", (long long)now_ns);
	baselines_add(baselines, &taken, dropped);
	assert_true(baselines->count <= BASELINES_MAX);
	assert_true(!dropped[0] || !baselines_have(baselines, dropped));
	assert_true(baselines_have(baselines, taken.directory));
}

static bool has_age(const struct baselines *baselines, int64_t now_ns, int64_t least, int64_t most)
{
	for (int i = 0; i < baselines->count; i++) {
		int64_t age = now_ns - baselines->items[i].taken_ns;
		if (age >= least && age <= most)
			return true;
	}
	return false;
}

static void their_ages_spread_over_a_day(void **state)
{
	(void)state;
	static struct baselines baselines;
	memset(&baselines, 0, sizeof baselines);
	for (int64_t now = SECOND; now < 75 * HOUR; now += 10 * SECOND) {
		take(&baselines, now, 0);
		if (now < 30 * HOUR)
			continue;
		assert_true(has_age(&baselines, now, 0, 0));
		const int64_t wanted[] = {MINUTE, 10 * MINUTE, HOUR, 24 * HOUR};
		for (int i = 0; i < 4; i++)
			assert_true(has_age(&baselines, now, wanted[i] * 2 / 7, wanted[i] * 7 / 2));
	}
}

static void after_a_leak_of_a_day_an_old_one_tells_most(void **state)
{
	(void)state;
	static struct baselines baselines;
	memset(&baselines, 0, sizeof baselines);
	for (int64_t now = SECOND; now < 24 * HOUR; now += 10 * MINUTE)
		take(&baselines, now, 100 * MIB + now / HOUR * 30 * MIB);
	const struct baseline *chosen = baselines_choose(&baselines, 820 * MIB, LIMIT, 24 * HOUR);
	assert_true(24 * HOUR - chosen->taken_ns > 20 * HOUR);
}

static void after_an_explosion_the_one_just_before_tells_most(void **state)
{
	(void)state;
	static struct baselines baselines;
	memset(&baselines, 0, sizeof baselines);
	for (int64_t now = SECOND; now < 24 * HOUR; now += 10 * MINUTE)
		take(&baselines, now, 100 * MIB + now / HOUR * MIB);
	const struct baseline *chosen = baselines_choose(&baselines, 900 * MIB, LIMIT, 24 * HOUR);
	assert_ptr_equal(&baselines.items[baselines.count - 1], chosen);
}

static void without_growth_it_is_one_of_a_minute_ago(void **state)
{
	(void)state;
	static struct baselines baselines;
	memset(&baselines, 0, sizeof baselines);
	assert_null(baselines_choose(&baselines, 0, LIMIT, SECOND));
	take(&baselines, SECOND, 100 * MIB);
	take(&baselines, 11 * SECOND, 100 * MIB);
	assert_int_equal(SECOND, baselines_choose(&baselines, 0, LIMIT, 12 * SECOND)->taken_ns);
	take(&baselines, 100 * SECOND, 100 * MIB);
	assert_int_equal(11 * SECOND,
			 baselines_choose(&baselines, 101 * MIB, LIMIT, 101 * SECOND)->taken_ns);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(their_ages_spread_over_a_day),
		cmocka_unit_test(after_a_leak_of_a_day_an_old_one_tells_most),
		cmocka_unit_test(after_an_explosion_the_one_just_before_tells_most),
		cmocka_unit_test(without_growth_it_is_one_of_a_minute_ago),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
