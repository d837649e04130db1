// SPDX-License-Identifier: Apache-2.0
// When numbers begin to grow: known curves, and what must not be taken for growth.
#include <math.h>
#include <string.h>

#include "system/lab.h"
#include "verdict/onsets.h"

#define SECOND_NS ((int64_t)1000000000)
#define MIB       ((int64_t)1 << 20)
static const int64_t START_NS = 1800000000 * SECOND_NS;

static void add(struct course *course, double at_s, enum course_metric metric, int64_t value)
{
	struct course_sample sample = course_sample_at(START_NS + (int64_t)(at_s * 1e9));
	sample.values[metric] = value;
	course_add(course, &sample);
}

static struct onset find(const struct course *course, enum course_metric metric)
{
	struct onsets onsets;
	onsets_find(course, &onsets);
	return onsets.metrics[metric];
}

static double began_s(const struct onset *onset)
{
	return (double)(onset->unix_ns - START_NS) / 1e9;
}

// Flat to 60 s, then 2 MiB a second up to 120 s.
static void test_a_level_and_a_line(void **state)
{
	(void)state;
	struct course course = {0};
	for (int i = 0; i <= 120; i++)
		add(&course, i, COURSE_MEMORY, (100 + (i > 60 ? 2 * (i - 60) : 0)) * MIB);
	struct onset onset = find(&course, COURSE_MEMORY);
	assert_true(onset.grew && !onset.from_start);
	assert_true(fabs(began_s(&onset) - 60) <= 3);
	assert_int_equal(onset.now, 220 * MIB);
	assert_true(onset.give_ns == SECOND_NS);
}

// A warm-up, a plateau that is longer, and a leak: the leak began at 100 s.
static void test_a_warm_up_is_not_the_beginning(void **state)
{
	(void)state;
	struct course course = {0};
	for (int i = 0; i <= 160; i++)
		add(&course, i, COURSE_MEMORY,
		    (i < 10 ? 8 * i : 80 + (i > 100 ? 3 * (i - 100) : 0)) * MIB);
	struct onset onset = find(&course, COURSE_MEMORY);
	assert_true(onset.grew);
	assert_true(fabs(began_s(&onset) - 100) <= 6);
}

// A heap that doubles between collections; what they leave begins to grow at 50 s.
static void test_a_heap_between_collections(void **state)
{
	(void)state;
	struct course course = {0};
	for (int i = 0; i <= 100; i++) {
		int64_t live = 50 + (i > 50 ? 2 * (i - 50) : 0);
		add(&course, i, COURSE_HEAP, (live + live * (i % 7) / 7) * MIB);
	}
	struct onset onset = find(&course, COURSE_HEAP);
	assert_true(onset.grew);
	assert_true(fabs(began_s(&onset) - 50) <= 9);
}

static void test_what_is_no_growth(void **state)
{
	(void)state;
	struct course saw = {0}, peak = {0}, few = {0}, flat = {0};
	for (int i = 0; i <= 100; i++) {
		add(&saw, i, COURSE_HEAP, (50 + 50 * (i % 10) / 10) * MIB);
		add(&peak, i, COURSE_MEMORY, (i > 40 && i < 60 ? 500 : 100) * MIB);
		add(&flat, i, COURSE_GOROUTINES, 20 + i % 5);
	}
	for (int i = 0; i < 4; i++)
		add(&few, i, COURSE_MEMORY, (100 + 100 * i) * MIB);
	assert_false(find(&saw, COURSE_HEAP).grew);
	assert_false(find(&peak, COURSE_MEMORY).grew);
	assert_false(find(&few, COURSE_MEMORY).known);
	struct onset onset = find(&flat, COURSE_GOROUTINES);
	assert_true(onset.known && !onset.grew);
	assert_false(find(&flat, COURSE_MEMORY).known);
}

static void test_growth_from_the_start(void **state)
{
	(void)state;
	struct course course = {0};
	for (int i = 0; i <= 60; i++)
		add(&course, i, COURSE_MEMORY, (100 + 5 * i) * MIB);
	struct onset onset = find(&course, COURSE_MEMORY);
	assert_true(onset.grew && onset.from_start);
	assert_int_equal(onset.unix_ns, START_NS);
}

// The last samples are of a process that gives everything back.
static void test_the_end_of_the_process(void **state)
{
	(void)state;
	struct course course = {0};
	for (int i = 0; i <= 60; i++)
		add(&course, i, COURSE_MEMORY, (100 + (i > 30 ? 10 * (i - 30) : 0)) * MIB);
	add(&course, 60.1, COURSE_MEMORY, 90 * MIB);
	add(&course, 60.2, COURSE_MEMORY, 1 * MIB);
	struct onset onset = find(&course, COURSE_MEMORY);
	assert_true(onset.grew);
	assert_int_equal(onset.now, 400 * MIB);
	course_cut(&course, START_NS + 30 * SECOND_NS);
	assert_false(find(&course, COURSE_MEMORY).grew);
}

// Memory from 20 s, goroutines from `second` on.
static void make_two(struct course *course, int second)
{
	for (int i = 0; i <= 100; i++) {
		struct course_sample sample = course_sample_at(START_NS + i * SECOND_NS);
		sample.values[COURSE_MEMORY] = (100 + (i > 20 ? 5 * (i - 20) : 0)) * MIB;
		sample.values[COURSE_GOROUTINES] = 50 + (i > second ? 100 * (i - second) : 0);
		course_add(course, &sample);
	}
}

static void test_what_follows_is_a_consequence(void **state)
{
	(void)state;
	struct onsets onsets;
	for (int second = 0; second < 95; second += 5) {
		struct course course = {0};
		make_two(&course, second);
		onsets_find(&course, &onsets);
		bool consequence = onsets_is_consequence(&onsets, COURSE_GOROUTINES);
		if (second <= 25)
			assert_false(consequence);
		if (second >= 45 && second < 90)
			assert_true(consequence);
		if (second >= 35 && second < 90)
			assert_int_equal(onsets_first(&onsets), COURSE_MEMORY);
		assert_false(onsets_is_consequence(&onsets, COURSE_MEMORY));
	}
	struct course early = {0};
	make_two(&early, 5);
	onsets_find(&early, &onsets);
	assert_int_equal(onsets_first(&onsets), COURSE_GOROUTINES);
}

// With samples so far apart nobody can say which was first.
static void test_coarse_samples_leave_the_order_open(void **state)
{
	(void)state;
	struct course course = {0};
	struct onsets onsets;
	for (int i = 0; i <= 100; i += 12) {
		struct course_sample sample = course_sample_at(START_NS + i * SECOND_NS);
		sample.values[COURSE_MEMORY] = (100 + (i > 30 ? 5 * (i - 30) : 0)) * MIB;
		sample.values[COURSE_GOROUTINES] = 50 + (i > 45 ? 100 * (i - 45) : 0);
		course_add(&course, &sample);
	}
	onsets_find(&course, &onsets);
	assert_true(onsets.metrics[COURSE_MEMORY].grew && onsets.metrics[COURSE_GOROUTINES].grew);
	assert_false(onsets_is_consequence(&onsets, COURSE_GOROUTINES));
}

// Memory that grows from 5 s on, in `seconds`, so that it flattens by `tau_s` (0: not at all), and
// 64 goroutines, which are all there at `all_s`.
static bool goroutines_keep(double seconds, double tau_s, double all_s)
{
	struct course course = {0};
	struct onsets onsets;
	for (int i = 0; i <= 4 * (5 + seconds); i++) {
		double at_s = i / 4.0, grown_s = at_s > 5 ? at_s - 5 : 0;
		double part = tau_s > 0 ? 1 - exp(-grown_s / tau_s) : grown_s / seconds;
		struct course_sample sample = course_sample_at(START_NS + i * SECOND_NS / 4);
		sample.values[COURSE_MEMORY] = (int64_t)((20 + 300 * part) * (double)MIB);
		sample.values[COURSE_GOROUTINES] =
			2 + (int64_t)(64 * (at_s < all_s ? at_s / all_s : 1));
		course_add(&course, &sample);
	}
	onsets_find(&course, &onsets);
	return onsets_goroutines_keep(&onsets);
}

// Goroutines grew with the memory from the start, but were first counted 3 s later, twice at once:
// they may have been on their way, and are no consequence. Few that were seen to stay few are one.
static void test_what_was_not_seen_at_its_level(void **state)
{
	(void)state;
	for (int late = 0; late <= 1; late++) {
		struct course course = {0};
		for (int i = 0; i <= 240; i++) {
			double at_s = i / 20.0;
			double grown_s = at_s - (late ? 3.2 : 7);
			struct course_sample sample =
				course_sample_at(START_NS + i * SECOND_NS / 20);
			sample.values[COURSE_MEMORY] = (60 * 20 + 13 * i) * MIB / 20;
			if (at_s >= 3)
				sample.values[COURSE_GOROUTINES] =
					(late ? 860 : 5) +
					(int64_t)(grown_s > 0 ? 377 * grown_s : 0);
			course_add(&course, &sample);
		}
		struct onsets onsets;
		onsets_find(&course, &onsets);
		assert_int_equal(onsets_is_consequence(&onsets, COURSE_GOROUTINES), !late);
	}
}

// Only those that were all there long before the memory was are known to keep.
static void test_workers_that_keep(void **state)
{
	(void)state;
	assert_true(goroutines_keep(40, 0, 0));
	assert_true(goroutines_keep(600, 0, 0));
	assert_true(goroutines_keep(60, 0, 4));   // started meanwhile
	assert_false(goroutines_keep(7, 0, 0));   // their first work
	assert_false(goroutines_keep(60, 8, 0));  // which they have at last
	assert_false(goroutines_keep(60, 0, 60)); // they become more
}

static void test_marks(void **state)
{
	(void)state;
	struct course course = {0};
	struct onsets onsets;
	make_two(&course, 90);
	course_add_mark(&course, START_NS - 7200 * SECOND_NS, "hand", "long ago");
	course_add_mark(&course, START_NS, "restart", "app started");
	course_add_mark(&course, START_NS + 12 * SECOND_NS, "hand", "deploy v1.4");
	course_add_mark(&course, START_NS + 50 * SECOND_NS, "hand", "too late");
	onsets_find(&course, &onsets);
	const struct onset *memory = &onsets.metrics[COURSE_MEMORY];
	assert_string_equal(onset_mark(&onsets, memory, true)->text, "deploy v1.4");
	assert_string_equal(onset_mark(&onsets, memory, false)->text, "app started");
	onsets.mark_count = 1;
	assert_null(onset_mark(&onsets, memory, true));
}

// Never more than there is room for; the first and the newest stay.
static void test_a_long_life(void **state)
{
	(void)state;
	struct course course = {0};
	for (int i = 0; i <= 100000; i++)
		add(&course, i, COURSE_MEMORY, (100 + (i > 99000 ? i - 99000 : 0)) * MIB);
	assert_true(course.count <= COURSE_SAMPLES_MAX);
	assert_int_equal(course.samples[0].unix_ns, START_NS);
	for (int i = 1; i < course.count; i++)
		assert_true(course.samples[i].unix_ns > course.samples[i - 1].unix_ns);
	assert_int_equal(course.samples[course.count - 2].unix_ns, START_NS + 99999 * SECOND_NS);
	struct onset onset = find(&course, COURSE_MEMORY);
	assert_true(onset.grew);
	assert_true(fabs(began_s(&onset) - 99000) <= 200);
}

// A clock that was set back adds nothing, marks are cut between characters, hostile counts are
// tamed.
static void test_odd_input(void **state)
{
	(void)state;
	struct course course = {0};
	char text[400];
	add(&course, 10, COURSE_MEMORY, 1);
	add(&course, 5, COURSE_MEMORY, 2);
	assert_int_equal(course.count, 1);
	for (int i = 0; i < 133; i++)
		memcpy(text + 3 * i, "\xe4\xb8\xad", 4);
	for (int i = 0; i < 40; i++)
		course_add_mark(&course, START_NS + i, "hand", text);
	assert_int_equal(course.mark_count, COURSE_MARKS_MAX);
	assert_int_equal(course.marks[0].unix_ns, START_NS + 40 - COURSE_MARKS_MAX);
	assert_int_equal(strlen(course.marks[0].text), 159);
	course.count = -5;
	course.mark_count = 1 << 20;
	memset(course.marks[3].text, 'x', sizeof course.marks[3].text);
	course_tame(&course);
	assert_int_equal(course.count, 0);
	assert_int_equal(course.mark_count, COURSE_MARKS_MAX);
	assert_int_equal(strlen(course.marks[3].text), sizeof course.marks[3].text - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_level_and_a_line),
		cmocka_unit_test(test_a_warm_up_is_not_the_beginning),
		cmocka_unit_test(test_a_heap_between_collections),
		cmocka_unit_test(test_what_is_no_growth),
		cmocka_unit_test(test_growth_from_the_start),
		cmocka_unit_test(test_the_end_of_the_process),
		cmocka_unit_test(test_what_follows_is_a_consequence),
		cmocka_unit_test(test_coarse_samples_leave_the_order_open),
		cmocka_unit_test(test_what_was_not_seen_at_its_level),
		cmocka_unit_test(test_workers_that_keep),
		cmocka_unit_test(test_marks),
		cmocka_unit_test(test_a_long_life),
		cmocka_unit_test(test_odd_input),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
