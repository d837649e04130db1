// SPDX-License-Identifier: Apache-2.0
// What grew between two profiles.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "fixture.h"
#include "profile/diff.h"

static struct profile_diff *diff_of(const struct profile *before, const struct profile *after,
				    const char *type)
{
	struct error error;
	struct profile_diff *diff = NULL;
	assert_ok(profile_diff_new(before, after, type, &diff, &error));
	return diff;
}

static void assert_row(const struct profile_diff *diff, size_t index, const char *leaf,
		       int64_t before, int64_t after)
{
	const struct profile_diff_row *row = &diff->rows.items[index];
	assert_string_equal(row->stack.frames[0]->function, leaf);
	assert_int_equal(row->before[diff->type], before);
	assert_int_equal(row->after[diff->type], after);
	assert_int_equal(row->delta[diff->type], after - before);
}

static void grown_shrunk_new_gone(void **state)
{
	(void)state;
	_cleanup_(profile_freep) struct profile *before = fixture_new(), *after = fixture_new();
	fixture_add(before, 0, "big.flat:1 main.main:1", 1 << 20);
	fixture_add(before, 0, "shrinks:1 main.main:2", 4096);
	fixture_add(before, 0, "grows:1 main.main:3", 1024);
	fixture_add(before, 0, "gone:1 main.main:4", 160);
	fixture_add(before, 0, "never:1 main.main:6", 0);
	fixture_add(after, 7, "new:1 main.main:5", 320);
	fixture_add(after, 7, "grows:1 main.main:3", 1024);
	fixture_add(after, 7, "grows:1 main.main:3", 1024);
	fixture_add(after, 7, "shrinks:1 main.main:2", 2048);
	fixture_add(after, 7, "big.flat:1 main.main:1", 1 << 20);
	_cleanup_(profile_diff_freep) struct profile_diff *diff = diff_of(before, after, NULL);
	assert_int_equal(diff->rows.count, 5);
	assert_row(diff, 0, "grows", 1024, 2048);
	assert_row(diff, 1, "new", 0, 320);
	assert_row(diff, 2, "big.flat", 1 << 20, 1 << 20);
	assert_row(diff, 3, "gone", 160, 0);
	assert_row(diff, 4, "shrinks", 4096, 2048);
	assert_int_equal(diff->rows.items[0].delta[2], 64);   // inuse_objects
	assert_int_equal(diff->rows.items[0].after[1], 4096); // alloc_space
	assert_int_equal(diff->types.items[3].total_before, (1 << 20) + 5280);
	assert_int_equal(diff->types.items[3].total_after, (1 << 20) + 4416);
}

static void a_moved_line_is_another_stack(void **state)
{
	(void)state;
	_cleanup_(profile_freep) struct profile *before = fixture_new(), *after = fixture_new();
	fixture_add(before, 0, "f:1 main.main:1", 64);
	fixture_add(after, 0, "f:2 main.main:1", 64);
	_cleanup_(profile_diff_freep) struct profile_diff *diff = diff_of(before, after, NULL);
	assert_row(diff, 0, "f", 0, 64);
	assert_row(diff, 1, "f", 64, 0);
	assert_int_equal(diff->functions.items[0].flat_delta, 0); // but the same function
}

static void functions(void **state)
{
	(void)state;
	_cleanup_(profile_freep) struct profile *before = fixture_new(), *after = fixture_new();
	fixture_add(before, 0, "put:1 serve:9 main.main:1", 100);
	fixture_add(before, 0, "old:1 main.main:1", 50);
	fixture_add(after, 0, "put:2 serve:9 main.main:1", 900);
	fixture_add(after, 0, "put:1 serve:9 main.main:1", 100);
	_cleanup_(profile_diff_freep) struct profile_diff *diff = diff_of(before, after, NULL);
	const struct profile_diff_function *rows = diff->functions.items;
	assert_int_equal(diff->functions.count, 4);
	assert_string_equal(rows[0].function, "put");
	assert_int_equal(rows[0].line, 2);
	assert_string_equal(rows[0].file, "/src/put.go");
	assert_int_equal(rows[0].flat_before, 100);
	assert_int_equal(rows[0].flat_after, 1000);
	assert_int_equal(rows[0].flat_delta, 900);
	assert_string_equal(rows[1].function, "serve");     // cum 900
	assert_string_equal(rows[2].function, "main.main"); // cum 850
	assert_int_equal(rows[2].cum_delta, 850);
	assert_string_equal(rows[3].function, "old");
	assert_int_equal(rows[3].flat_delta, -50);
	assert_int_equal(rows[3].line, 1);
}

static void chosen_type(void **state)
{
	(void)state;
	_cleanup_(profile_freep) struct profile *before = fixture_heap(), *after = fixture_heap();
	_cleanup_(profile_diff_freep) struct profile_diff *other = NULL, *usual = NULL;
	other = diff_of(before, after, "alloc_space");
	usual = diff_of(before, after, NULL);
	assert_int_equal(other->type, 1);
	assert_string_equal(other->types.items[other->type].unit, "bytes");
	assert_int_equal(usual->type, 3);
	VEC_FOREACH (row, &other->rows) {
		assert_int_equal(row->delta[0] | row->delta[1] | row->delta[2] | row->delta[3], 0);
	}
}

static struct profile *profile_of_types(const char *first, const char *first_unit,
					const char *second, int64_t value)
{
	struct error error;
	uint32_t location;
	struct profile *profile = profile_new();
	int64_t values[2] = {value, 10 * value};
	assert_ok(profile_add_sample_type(profile, first, first_unit, &error));
	assert_ok(profile_add_sample_type(profile, second, "bytes", &error));
	assert_ok(profile_add_location(profile, PROFILE_NONE, 1, NULL, 0, &location, &error));
	assert_ok(profile_add_sample(profile, &location, 1, values, NULL, 0, &error));
	return profile;
}

static void types_match_by_name(void **state)
{
	(void)state;
	struct error error = {0};
	_cleanup_(profile_freep) struct profile *before = profile_of_types("a", "n", "b", 1);
	_cleanup_(profile_freep) struct profile *after = profile_of_types("c", "n", "a", 100);
	_cleanup_(profile_freep) struct profile *swapped = profile_of_types("b", "bytes", "x", 5);
	struct profile_diff *none = NULL;
	assert_false(profile_diff_new(before, after, NULL, &none, &error)); // a in n, a in bytes
	assert_int_equal(error.code, ERROR_NOT_FOUND);
	assert_non_null(strstr(error.message, "before: a, b; after: c, a"));
	assert_false(profile_diff_new(before, swapped, "a", &none, &error));
	assert_int_equal(error.code, ERROR_NOT_FOUND);
	assert_string_equal(error.hint, "both have: b");
	assert_null(none);
	_cleanup_(profile_diff_freep) struct profile_diff *diff = diff_of(before, swapped, NULL);
	assert_int_equal(diff->types.count, 1);
	assert_int_equal(diff->rows.items[0].before[0], 10);
	assert_int_equal(diff->rows.items[0].after[0], 5);
	assert_int_equal(diff->rows.items[0].delta[0], -5);
}

static void a_type_that_is_there_twice(void **state)
{
	(void)state;
	_cleanup_(profile_freep) struct profile *before = profile_of_types("a", "bytes", "a", 1);
	_cleanup_(profile_freep) struct profile *after = profile_of_types("a", "bytes", "a", 1);
	_cleanup_(profile_diff_freep) struct profile_diff *diff = diff_of(before, after, NULL);
	assert_int_equal(diff->types.count, 2);
	assert_int_equal(diff->rows.items[0].before[1], 10);
	assert_int_equal(diff->rows.items[0].delta[0] | diff->rows.items[0].delta[1], 0);
}

static void extremes_do_not_overflow(void **state)
{
	(void)state;
	_cleanup_(profile_freep) struct profile *low = profile_of_types("a", "n", "b", 0);
	_cleanup_(profile_freep) struct profile *high = profile_of_types("a", "n", "b", 0);
	_cleanup_(profile_diff_freep) struct profile_diff *up = NULL, *down = NULL;
	struct error error;
	uint32_t location = 0;
	int64_t least[2] = {INT64_MIN, INT64_MIN}, most[2] = {INT64_MAX, INT64_MAX};
	assert_ok(profile_add_sample(low, &location, 1, least, NULL, 0, &error));
	assert_ok(profile_add_sample(high, &location, 1, most, NULL, 0, &error));
	up = diff_of(low, high, NULL);
	down = diff_of(high, low, NULL);
	assert_true(up->rows.items[0].delta[0] == INT64_MAX);
	assert_true(down->rows.items[0].delta[0] == INT64_MIN);
	assert_true(up->functions.items[0].flat_delta == INT64_MAX);
}

// Quadratic matching of this many stacks would take minutes.
static void large_profiles(void **state)
{
	(void)state;
	_cleanup_(profile_freep) struct profile *before = fixture_random(1, 30000);
	_cleanup_(profile_freep) struct profile *after = fixture_random(2, 30000);
	int64_t start = clock_monotonic_ns();
	_cleanup_(profile_diff_freep) struct profile_diff *diff = diff_of(before, after, NULL);
	assert_true(clock_monotonic_ns() - start < INT64_C(10000000000));
	int64_t sum = 0;
	VEC_FOREACH (row, &diff->rows) {
		sum += row->delta[3];
		assert_true(row == diff->rows.items || row[-1].delta[3] >= row->delta[3]);
	}
	assert_int_equal(sum, diff->types.items[3].total_after - diff->types.items[3].total_before);
	assert_true(diff->rows.count > 30000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(grown_shrunk_new_gone),
		cmocka_unit_test(a_moved_line_is_another_stack),
		cmocka_unit_test(functions),
		cmocka_unit_test(chosen_type),
		cmocka_unit_test(types_match_by_name),
		cmocka_unit_test(a_type_that_is_there_twice),
		cmocka_unit_test(extremes_do_not_overflow),
		cmocka_unit_test(large_profiles),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
