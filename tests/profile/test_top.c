// SPDX-License-Identifier: Apache-2.0
// Top by function and by stack. That it agrees with go tool pprof is in test_go_pprof.c.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "fixture.h"
#include "profile/top.h"

enum { INUSE_SPACE = 3 };

static struct profile_top *top_of(const struct profile *profile, enum profile_top_order order)
{
	struct error error;
	struct profile_top *top = NULL;
	assert_ok(profile_top_new(profile, INUSE_SPACE, order, &top, &error));
	return top;
}

static void assert_row(const struct profile_top_row *row, const char *function, const char *file,
		       int64_t line, int64_t flat, int64_t cum)
{
	assert_string_equal(row->function, function);
	assert_string_equal(row->file, file);
	assert_int_equal(row->line, line);
	assert_int_equal(row->flat, flat);
	assert_int_equal(row->cum, cum);
}

static void by_flat(void **state)
{
	(void)state;
	_cleanup_(profile_freep) struct profile *profile = fixture_heap();
	_cleanup_(profile_top_freep) struct profile_top *top = top_of(profile, PROFILE_TOP_FLAT);
	const struct profile_top_row *rows = top->rows.items;
	assert_int_equal(top->total, 17344);
	assert_int_equal(top->rows.count, 9); // not never.used
	assert_row(&rows[0], "cache.put", "/src/cache.go", 14, 13312, 13312);
	assert_row(&rows[1], "tree.walk", "/src/tree.go", 7, 2560, 2560); // recursion: once
	assert_row(&rows[2], "tie.a", "/src/tie.go", 1, 640, 640);
	assert_row(&rows[3], "tie.b", "/src/tie.go", 1, 640, 640);
	assert_row(&rows[4], "labelled.alloc", "/src/labelled.go", 4, 160, 160);
	assert_row(&rows[5], "generic.Map[...].Set", "/src/generic.go", 3, 32, 32);
	assert_row(&rows[6], "cache.grow", "/src/cache.go", 20, 0, 4096); // by name, not by cum
	assert_row(&rows[7], "main.main", "/src/main.go", 5, 0, 17344);
	assert_row(&rows[8], "main.serve", "/src/main.go", 30, 0, 13312);
}

static void by_cum(void **state)
{
	(void)state;
	_cleanup_(profile_freep) struct profile *profile = fixture_heap();
	_cleanup_(profile_top_freep) struct profile_top *top = top_of(profile, PROFILE_TOP_CUM);
	const struct profile_top_row *rows = top->rows.items;
	assert_string_equal(rows[0].function, "main.main");
	assert_string_equal(rows[1].function, "cache.put"); // a tie, by name
	assert_string_equal(rows[2].function, "main.serve");
	profile_top_sort(top, PROFILE_TOP_FLAT);
	assert_string_equal(top->rows.items[0].function, "cache.put");
}

static void without_symbols(void **state)
{
	(void)state;
	_cleanup_(profile_freep) struct profile *profile = fixture_new();
	fixture_add(profile, 0, "? main.main:1", 100);
	fixture_add(profile, 5, "? main.main:1", 50);
	fixture_add(profile, 0, "?nowhere main.main:1", 10);
	_cleanup_(profile_top_freep) struct profile_top *top = top_of(profile, PROFILE_TOP_FLAT);
	assert_row(&top->rows.items[0], "[leaky]", "", 0, 150, 150);
	assert_row(&top->rows.items[1], "<unknown>", "", 0, 10, 10);
}

static void result_outlives_the_profile(void **state)
{
	(void)state;
	struct profile *profile = fixture_heap();
	_cleanup_(profile_top_freep) struct profile_top *top = top_of(profile, PROFILE_TOP_FLAT);
	profile_free(profile);
	assert_string_equal(top->rows.items[0].function, "cache.put");
}

static void sums_do_not_overflow(void **state)
{
	(void)state;
	struct error error;
	_cleanup_(profile_freep) struct profile *profile = fixture_new();
	fixture_add(profile, 0, "a.b:1", 0);
	const uint32_t *locations = profile->samples.items[0].locations;
	int64_t most[4] = {INT64_MAX, INT64_MIN, INT64_MAX, INT64_MAX};
	for (int i = 0; i < 3; i++)
		assert_ok(profile_add_sample(profile, locations, 1, most, NULL, 0, &error));
	_cleanup_(profile_top_freep) struct profile_top *top = NULL, *lowest = NULL;
	_cleanup_(profile_top_stacks_freep) struct profile_top_stacks *stacks = NULL;
	assert_ok(profile_top_new(profile, 3, PROFILE_TOP_FLAT, &top, &error));
	assert_true(top->rows.items[0].flat == INT64_MAX && top->total == INT64_MAX);
	assert_ok(profile_top_new(profile, 1, PROFILE_TOP_FLAT, &lowest, &error));
	assert_true(lowest->rows.items[0].cum == INT64_MIN && lowest->total == INT64_MAX);
	assert_ok(profile_top_stacks_new(profile, 1, &stacks, &error));
	assert_true(stacks->rows.items[0].value == INT64_MIN);
	assert_true(stacks->rows.items[0].values[0] == INT64_MAX);
}

static void no_such_type(void **state)
{
	(void)state;
	struct error error = {0};
	struct profile_top *top = NULL;
	struct profile_top_stacks *stacks = NULL;
	_cleanup_(profile_freep) struct profile *profile = fixture_heap();
	assert_false(profile_top_new(profile, 4, PROFILE_TOP_FLAT, &top, &error));
	assert_int_equal(error.code, ERROR_USAGE);
	assert_non_null(strstr(error.message, "inuse_objects, inuse_space"));
	assert_false(profile_top_stacks_new(profile, PROFILE_NONE, &stacks, &error));
	assert_null(top);
	assert_null(stacks);
}

static void nothing_to_show(void **state)
{
	(void)state;
	struct error error;
	_cleanup_(profile_freep) struct profile *profile = fixture_new();
	_cleanup_(profile_top_freep) struct profile_top *top = top_of(profile, PROFILE_TOP_FLAT);
	_cleanup_(profile_top_stacks_freep) struct profile_top_stacks *stacks = NULL;
	assert_ok(profile_top_stacks_new(profile, INUSE_SPACE, &stacks, &error));
	assert_int_equal(top->rows.count + stacks->rows.count, 0);
	assert_int_equal(top->total, 0);
}

static void stacks_are_merged(void **state)
{
	(void)state;
	struct error error;
	_cleanup_(profile_freep) struct profile *profile = fixture_new();
	fixture_add(profile, 0, "cache.put:12,cache.grow:20 main.main:5", 1600);
	fixture_add(profile, 0, "tree.walk:7 main.main:5", 2400);
	fixture_add(profile, 9, "cache.put:12,cache.grow:20 main.main:5", 1600); // other addresses
	fixture_add(profile, 0, "cache.put:13,cache.grow:20 main.main:5", 320);  // another line
	fixture_add(profile, 0, "main.main:5", 0);
	_cleanup_(profile_top_stacks_freep) struct profile_top_stacks *stacks = NULL;
	assert_ok(profile_top_stacks_new(profile, INUSE_SPACE, &stacks, &error));
	assert_int_equal(profile->samples.count, 5);
	assert_int_equal(stacks->rows.count, 3);
	assert_int_equal(stacks->total, 5920);
	const struct profile_stack_row *rows = stacks->rows.items;
	assert_int_equal(rows[0].value, 3200);
	assert_int_equal(rows[0].values[2], 200);
	assert_int_equal(rows[0].stack.count, 3);
	assert_string_equal(rows[0].stack.frames[0]->function, "cache.put");
	assert_string_equal(rows[0].stack.frames[1]->function, "cache.grow");
	assert_int_equal(rows[0].stack.frames[1]->line, 20);
	assert_string_equal(rows[0].stack.frames[2]->file, "/src/main.go");
	assert_int_equal(rows[1].value, 2400);
	assert_int_equal(rows[2].value, 320);
	assert_int_equal(rows[2].stack.frames[0]->line, 13);
}

static void equal_stacks_sort_by_content(void **state)
{
	(void)state;
	struct error error;
	_cleanup_(profile_freep) struct profile *profile = fixture_new();
	fixture_add(profile, 0, "b.b:1 main.main:1", 64);
	fixture_add(profile, 0, "a.a:2 main.main:1", 64);
	fixture_add(profile, 0, "a.a:1 main.main:1", 64);
	fixture_add(profile, 0, "a.a:1", 64);
	_cleanup_(profile_top_stacks_freep) struct profile_top_stacks *stacks = NULL;
	assert_ok(profile_top_stacks_new(profile, INUSE_SPACE, &stacks, &error));
	const struct profile_stack_row *rows = stacks->rows.items;
	assert_int_equal(rows[0].stack.count, 1);
	assert_int_equal(rows[1].stack.frames[0]->line, 1);
	assert_int_equal(rows[2].stack.frames[0]->line, 2);
	assert_string_equal(rows[3].stack.frames[0]->function, "b.b");
}

static void add_bare(struct profile *profile, uint64_t start, uint64_t address)
{
	struct error error;
	uint32_t mapping, location;
	int64_t values[4] = {1, 1, 1, 1};
	struct profile_mapping module = {
		.start = start, .limit = start + 0x10000, .offset = 0x1000, .file = "/lib/x.so"};
	assert_ok(profile_add_mapping(profile, &module, &mapping, &error));
	assert_ok(profile_add_location(profile, mapping, address, NULL, 0, &location, &error));
	assert_ok(profile_add_sample(profile, &location, 1, values, NULL, 0, &error));
}

// Where a library was loaded does not matter, where in it does.
static void bare_addresses_count_from_the_module(void **state)
{
	(void)state;
	struct error error;
	_cleanup_(profile_freep) struct profile *profile = fixture_new();
	add_bare(profile, 0x7f0000000000, 0x7f0000000123);
	add_bare(profile, 0x7f5550000000, 0x7f5550000123);
	add_bare(profile, 0x7f5550000000, 0x7f5550000124);
	_cleanup_(profile_top_stacks_freep) struct profile_top_stacks *stacks = NULL;
	assert_ok(profile_top_stacks_new(profile, INUSE_SPACE, &stacks, &error));
	assert_int_equal(stacks->rows.count, 2);
	assert_int_equal(stacks->rows.items[0].value, 2);
	assert_string_equal(stacks->rows.items[0].stack.frames[0]->function, "[x.so]");
	assert_int_equal(stacks->rows.items[0].stack.frames[0]->address, 0x1123);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(by_flat),
		cmocka_unit_test(by_cum),
		cmocka_unit_test(without_symbols),
		cmocka_unit_test(result_outlives_the_profile),
		cmocka_unit_test(sums_do_not_overflow),
		cmocka_unit_test(no_such_type),
		cmocka_unit_test(nothing_to_show),
		cmocka_unit_test(stacks_are_merged),
		cmocka_unit_test(equal_stacks_sort_by_content),
		cmocka_unit_test(bare_addresses_count_from_the_module),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
