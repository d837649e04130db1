// SPDX-License-Identifier: Apache-2.0
// A watch that takes more than it may: it slows down, says so, and comes back.
#include "../system/lab.h"

#include "watch/budget.h"

static const int64_t SECOND = 1000000000, MIB = 1 << 20;
static const struct watch_budget LIMITS = {100, (int64_t)64 << 20}; // 1% of a core

struct play {
	struct budget budget;
	int64_t now_ns, cpu_ns;
};

// Five seconds, of which so many hundredths of a percent are the watch's.
static enum budget_news play_window(struct play *play, int permyriad, int64_t memory_bytes)
{
	play->now_ns += 5 * SECOND;
	play->cpu_ns += 5 * SECOND / 10000 * permyriad;
	return budget_update(&play->budget, &LIMITS, play->now_ns, play->cpu_ns, memory_bytes);
}

static struct play play_begin(void)
{
	struct play play = {.now_ns = SECOND};
	assert_int_equal(BUDGET_NO_NEWS, budget_update(&play.budget, &LIMITS, play.now_ns, 0, MIB));
	return play;
}

static void within_the_budget_nothing_changes(void **state)
{
	(void)state;
	struct play play = play_begin();
	for (int i = 0; i < 100; i++)
		assert_int_equal(BUDGET_NO_NEWS, play_window(&play, 100, 64 * MIB));
	assert_int_equal(0, play.budget.slow);
}

static void above_it_samples_become_fewer_step_by_step(void **state)
{
	(void)state;
	struct play play = play_begin();
	for (int i = 1; i <= BUDGET_SLOW_MAX; i++) {
		assert_int_equal(BUDGET_SLOWER, play_window(&play, 300, MIB));
		assert_int_equal(i, play.budget.slow);
	}
	assert_int_equal(BUDGET_NO_NEWS, play_window(&play, 300, MIB)); // no further
	assert_int_equal(BUDGET_SLOW_MAX, play.budget.slow);
}

// Twice as many samples have to fit, or it would swing.
static void it_comes_back_where_there_is_room(void **state)
{
	(void)state;
	struct play play = play_begin();
	assert_int_equal(BUDGET_SLOWER, play_window(&play, 110, MIB));
	for (int i = 0; i < 20; i++)
		assert_int_equal(BUDGET_NO_NEWS, play_window(&play, 55, MIB));
	assert_int_equal(BUDGET_FASTER, play_window(&play, 39, MIB));
	assert_int_equal(0, play.budget.slow);
}

static void clocks_that_jump_are_no_news(void **state)
{
	(void)state;
	struct play play = play_begin();
	play.now_ns -= 100 * SECOND;
	assert_int_equal(BUDGET_NO_NEWS, play_window(&play, 5000, MIB));
	play.cpu_ns = -SECOND;
	assert_int_equal(BUDGET_NO_NEWS, play_window(&play, 5000, MIB));
}

static void too_much_memory_is_said_once(void **state)
{
	(void)state;
	struct play play = play_begin();
	assert_int_equal(BUDGET_MEMORY, play_window(&play, 1, 65 * MIB));
	assert_int_equal(BUDGET_NO_NEWS, play_window(&play, 1, 66 * MIB));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(within_the_budget_nothing_changes),
		cmocka_unit_test(above_it_samples_become_fewer_step_by_step),
		cmocka_unit_test(it_comes_back_where_there_is_room),
		cmocka_unit_test(clocks_that_jump_are_no_news),
		cmocka_unit_test(too_much_memory_is_said_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
