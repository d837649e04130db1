// SPDX-License-Identifier: Apache-2.0
// What numbers come down to between two looks: known waves, and what must not be told of too few.
#include "snapshot/swings.h"
#include "system/lab.h"

enum { STEPS = 400 };

// value(i): of the heap, in MiB; the goroutines are as many.
static struct swings watch(uint64_t (*value)(int i))
{
	struct swings swings;
	swings_begin(&swings, 1000, 1000 + STEPS);
	for (int i = 0; i < STEPS; i++) {
		struct go_gauges gauges = {.has_heap = true,
					   .has_goroutines = true,
					   .heap_marked = value(i),
					   .goroutines = value(i)};
		swings_add(&swings, &gauges, 1000 + i);
	}
	return swings;
}

// Up to 119 and down to 20 again, ten times.
static uint64_t wave(int i)
{
	return 20 + (uint64_t)(i % 40) * 99 / 39;
}

static uint64_t leak_in_waves(int i)
{
	return wave(i) + (uint64_t)i / 10;
}

static uint64_t flat(int i)
{
	(void)i;
	return 77;
}

// The last wave is the highest, and not over.
static uint64_t higher_at_the_end(int i)
{
	return i < 380 ? wave(i) : 500;
}

// A reading in the midst of a change.
static uint64_t torn(int i)
{
	return i % 50 == 7 ? 28 : i % 50 == 30 ? 92 : 60;
}

static uint64_t one_step(int i)
{
	return i < 100 ? 20 : 50;
}

static void test_waves(void **state)
{
	(void)state;
	struct swings swings = watch(wave);
	assert_true(swing_tells(&swings.marked, 2));
	assert_int_equal(swings.marked.halves[0].low, 20);
	assert_int_equal(swings.marked.halves[1].low, 20);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(swings.marked.halves[i].high, 119);
		assert_in_range(swings.goroutines.halves[i].high, 116, 119);
		assert_in_range(swings.goroutines.halves[i].low, 20, 23);
	}
}

static void test_a_leak_in_waves(void **state)
{
	(void)state;
	struct swings swings = watch(leak_in_waves);
	assert_int_equal(swings.marked.halves[0].low, 20);
	assert_int_equal(swings.marked.halves[1].low, 42); // at 201, just above the bottom
}

static void test_what_was_not_seen_to_come_down(void **state)
{
	(void)state;
	struct swings swings = watch(higher_at_the_end);
	assert_int_equal(swings.marked.halves[0].high, 119);
	assert_int_equal(swings.marked.halves[1].high, 500);
}

static void test_torn_sums(void **state)
{
	(void)state;
	struct swings swings = watch(torn);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(swings.goroutines.halves[i].low, 60);
		assert_int_equal(swings.goroutines.halves[i].high, 60);
	}
}

static void test_too_few(void **state)
{
	(void)state;
	struct swings none, swings = watch(flat);
	assert_false(swing_tells(&swings.marked, 2)); // no collection in between
	assert_true(swing_tells(&swings.goroutines, 0));
	swings = watch(one_step);
	assert_false(swing_tells(&swings.marked, 1)); // nothing in the last half
	swings_begin(&none, 0, 100);
	assert_false(swing_tells(&none.goroutines, 0));
	swings_add(&none, &(struct go_gauges){.heap_marked = 5, .goroutines = 5}, 10);
	assert_false(swing_tells(&none.goroutines, 0)); // nothing could be read
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_waves),
		cmocka_unit_test(test_a_leak_in_waves),
		cmocka_unit_test(test_what_was_not_seen_to_come_down),
		cmocka_unit_test(test_torn_sums),
		cmocka_unit_test(test_too_few),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
