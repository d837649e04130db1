// SPDX-License-Identifier: Apache-2.0
// Growth that begins slowly, and what follows from it makes it fast: where it began, and what is a
// consequence of it.
#include <math.h>

#include "system/lab.h"
#include "verdict/onsets.h"

#define SECOND_NS ((int64_t)1000000000)
#define MIB       ((int64_t)1 << 20)
static const int64_t START_NS = 1800000000 * SECOND_NS;
static const double CONSEQUENCE_SHARE = 0.2;
static const double LEVEL_MIB = 40, GROWN_MIB = 300, STEEP_S = 10;

// Memory is level for `level_s`, goes up by `share` of the growth, and then `ratio` times as fast;
// goroutines pile up from there on.
struct story {
	double level_s, share, ratio, spacing_s;
	double noise; // of the growth
	int every;    // goroutines are counted with each so many samples
	uint64_t random;
};

static double slow_s(const struct story *story)
{
	return STEEP_S * story->ratio * story->share / (1 - story->share);
}

static double noise_of(struct story *story)
{
	story->random = story->random * 6364136223846793005u + 1442695040888963407u;
	return ((double)(story->random >> 40) / (double)(1 << 24) - 0.5) * 2 * story->noise;
}

static double memory_mib(struct story *story, double at_s)
{
	double bend_s = story->level_s + slow_s(story), share = story->share;
	double grown = at_s < story->level_s ? 0
		       : at_s < bend_s       ? share * (at_s - story->level_s) / slow_s(story)
					     : share + (1 - share) * (at_s - bend_s) / STEEP_S;
	return LEVEL_MIB + GROWN_MIB * (grown + noise_of(story));
}

static void tell(struct story story, struct course *course)
{
	double bend_s = story.level_s + slow_s(&story);
	*course = (struct course){0};
	for (int i = 0; i * story.spacing_s <= bend_s + STEEP_S; i++) {
		double at_s = i * story.spacing_s;
		struct course_sample sample =
			course_sample_at(START_NS + (int64_t)(at_s * (double)SECOND_NS));
		sample.values[COURSE_MEMORY] = (int64_t)(memory_mib(&story, at_s) * MIB);
		if (i % story.every == 0)
			sample.values[COURSE_GOROUTINES] =
				4 + (at_s > bend_s ? (int64_t)(100 * (at_s - bend_s)) : 0);
		course_add(course, &sample);
	}
}

static void complain(const struct story *story, const struct onsets *onsets)
{
	const struct onset *memory = &onsets->metrics[COURSE_MEMORY],
			   *goroutines = &onsets->metrics[COURSE_GOROUTINES];
	print_message("share %.2f ratio %.0f spacing %.2f s noise %.3f: memory at %.2f for %.2f s, "
		      "goroutines at %.2f for %.2f s\n",
		      story->share, story->ratio, story->spacing_s, story->noise,
		      (double)(memory->unix_ns - START_NS) / 1e9, story->level_s,
		      (double)(goroutines->unix_ns - START_NS) / 1e9,
		      story->level_s + slow_s(story));
}

static bool is_consequence(const struct story *story)
{
	static struct course course;
	struct onsets onsets;
	tell(*story, &course);
	onsets_find(&course, &onsets);
	bool consequence = onsets_is_consequence(&onsets, COURSE_GOROUTINES) &&
			   onsets_first(&onsets) == COURSE_MEMORY;
	if (consequence != (story->share >= CONSEQUENCE_SHARE))
		complain(story, &onsets);
	return consequence;
}

// Paces, spacings, and levels before. Goroutines are counted each second.
static int count_consequences(double share, double noise, int *count)
{
	static const double ratios[] = {2, 3, 4, 6, 10, 20}, levels[] = {4, 20, 60};
	int found = 0;
	*count = 6 * 3 * 2;
	for (int i = 0; i < *count; i++) {
		bool fine = i % 2;
		struct story story = {.level_s = levels[i / 12],
				      .share = share,
				      .ratio = ratios[i / 2 % 6],
				      .spacing_s = fine ? 0.02 : 1,
				      .noise = noise,
				      .every = fine ? 50 : 1,
				      .random = (uint64_t)i};
		found += is_consequence(&story);
	}
	return found;
}

static void test_a_slow_cause(void **state)
{
	static const double noises[] = {0, 0.005, 0.02, 0.05}, shares[] = {0.3, 0.4, 0.5, 0.6};
	(void)state;
	for (int i = 0; i < 16; i++) {
		int count, found = count_consequences(shares[i / 4], noises[i % 4], &count);
		assert_int_equal(found, count);
	}
}

// A cache that fills, and then goroutines that leak.
static void test_a_healthy_drift(void **state)
{
	static const double noises[] = {0, 0.005, 0.02}, shares[] = {0, 0.02, 0.06, 0.1};
	(void)state;
	for (int i = 0; i < 12; i++) {
		int count;
		assert_int_equal(count_consequences(shares[i / 3], noises[i % 3], &count), 0);
	}
}

// So slow that what is steep cannot have come of it.
static void test_a_drift_that_is_far_too_slow(void **state)
{
	(void)state;
	struct story story = {
		.level_s = 60, .share = 0.3, .ratio = 100, .spacing_s = 1, .every = 1};
	struct course course;
	struct onsets onsets;
	tell(story, &course);
	onsets_find(&course, &onsets);
	assert_false(onsets_is_consequence(&onsets, COURSE_GOROUTINES));
	assert_true(onsets.metrics[COURSE_MEMORY].unix_ns >=
		    START_NS + (int64_t)(60 + slow_s(&story) - 5) * SECOND_NS);
}

// A batch that left its cache, a plateau, and a leak: the leak began on the plateau.
static void test_a_step_is_no_slope(void **state)
{
	(void)state;
	struct course course = {0};
	struct onsets onsets;
	for (int i = 0; i <= 160; i++) {
		struct course_sample sample = course_sample_at(START_NS + i * SECOND_NS);
		sample.values[COURSE_MEMORY] =
			(i < 50 ? 40 : 120 + (i > 100 ? 4 * (i - 100) : 0)) * MIB;
		course_add(&course, &sample);
	}
	onsets_find(&course, &onsets);
	const struct onset *memory = &onsets.metrics[COURSE_MEMORY];
	assert_true(fabs((double)(memory->unix_ns - START_NS) / 1e9 - 100) <= 5);
	assert_true(memory->before / MIB >= 118 && memory->before / MIB <= 125);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_slow_cause),
		cmocka_unit_test(test_a_healthy_drift),
		cmocka_unit_test(test_a_drift_that_is_far_too_slow),
		cmocka_unit_test(test_a_step_is_no_slope),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
