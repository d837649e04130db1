// SPDX-License-Identifier: Apache-2.0
// The builders: interning, indexes, limits.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "fixture.h"
#include "profile/intern.h"

static void same_content_is_one(void **state)
{
	(void)state;
	struct error error;
	_cleanup_(profile_freep) struct profile *profile = fixture_new();
	uint32_t a, b, c;
	char name[] = "main.alloc";
	assert_ok(profile_add_function(profile, "main.alloc", "/a.go", 3, &a, &error));
	assert_ok(profile_add_function(profile, name, "/a.go", 3, &b, &error));
	assert_ok(profile_add_function(profile, name, "/a.go", 4, &c, &error));
	assert_int_equal(a, b);
	assert_int_not_equal(a, c);
	const struct profile_function *functions = profile->functions.items;
	assert_ptr_equal(functions[a].name, functions[c].name);
	assert_ptr_equal(functions[a].name, functions[a].system_name);

	struct profile_line line = {.function = a, .line = 7}, other = {.function = a, .line = 8};
	assert_ok(profile_add_location(profile, 0, 16, &line, 1, &a, &error));
	assert_ok(profile_add_location(profile, 0, 16, &line, 1, &b, &error));
	assert_ok(profile_add_location(profile, 0, 16, &other, 1, &c, &error));
	assert_int_equal(a, b);
	assert_int_not_equal(a, c);

	struct profile_mapping mapping = profile->mappings.items[0];
	assert_ok(profile_add_mapping(profile, &mapping, &a, &error));
	assert_int_equal(a, 0);
	mapping.has_functions = false;
	assert_ok(profile_add_mapping(profile, &mapping, &a, &error));
	assert_int_equal(a, 1);
}

static void texts_are_never_null(void **state)
{
	(void)state;
	struct error error;
	_cleanup_(profile_freep) struct profile *profile = profile_new();
	uint32_t index;
	assert_ok(profile_add_function(profile, NULL, NULL, 0, &index, &error));
	assert_string_equal(profile->functions.items[index].name, "");
	assert_ptr_equal(profile->functions.items[index].file, profile->doc_url);
	assert_ptr_equal(profile->functions.items[index].file, profile->period_type.unit);
}

static void many_texts_stay_apart(void **state)
{
	(void)state;
	struct arena arena = {0};
	struct string_table table;
	string_table_init(&table);
	char text[32];
	for (int round = 0; round < 2; round++)
		for (int i = 0; i < 20000; i++) {
			snprintf(text, sizeof text, "text %d", i);
			assert_string_equal(string_table_add(&table, &arena, text, 32), text);
			assert_int_equal(table.texts.count, round ? 20001 : i + 2);
		}
	assert_string_equal(string_table_add(&table, &arena, "text 77 and more", 7), "text 77");
	assert_string_equal(string_table_add(&table, &arena, "cut\0here", 8), "cut");
	assert_int_equal(table.texts.count, 20002);
	string_table_deinit(&table);
	arena_deinit(&arena);
}

static bool never_equal(const void *items, uint32_t index, const void *wanted)
{
	return items && index == UINT32_MAX && wanted;
}

// Two contents with one hash must not become one.
static void collisions_get_new_keys(void **state)
{
	(void)state;
	struct map map = {0};
	uint64_t key = 42;
	map_put(&map, key, 0, NULL);
	assert_int_equal(intern_find(&map, &key, never_equal, NULL, NULL), INTERN_NONE);
	assert_int_not_equal(key, 42);
	assert_null(map_find(&map, key));
	map_deinit(&map);
}

static void bad_indexes_are_refused(void **state)
{
	(void)state;
	struct error error = {0};
	_cleanup_(profile_freep) struct profile *profile = fixture_new();
	uint32_t index = 77, location;
	int64_t values[4] = {1, 2, 3, 4};
	struct profile_line line = {.function = 0};
	assert_false(profile_add_location(profile, 0, 1, &line, 1, &index, &error));
	assert_int_equal(error.code, ERROR_USAGE);
	assert_false(profile_add_location(profile, 1, 1, NULL, 0, &index, &error));
	assert_int_equal(index, 77);
	assert_ok(profile_add_location(profile, PROFILE_NONE, 1, NULL, 0, &location, &error));
	location++;
	assert_false(profile_add_sample(profile, &location, 1, values, NULL, 0, &error));
	assert_int_equal(profile->samples.count, 0);
	location--;
	assert_ok(profile_add_sample(profile, &location, 1, values, NULL, 0, &error));
	assert_false(profile_add_sample_type(profile, "late", "count", &error));
	assert_int_equal(error.code, ERROR_USAGE);
}

static void samples_need_types(void **state)
{
	(void)state;
	struct error error = {0};
	_cleanup_(profile_freep) struct profile *profile = profile_new();
	assert_false(profile_add_sample(profile, NULL, 0, NULL, NULL, 0, &error));
	assert_int_equal(error.code, ERROR_USAGE);
	assert_int_equal(profile_get_default_sample_type(profile), PROFILE_NONE);
}

static void default_type(void **state)
{
	(void)state;
	struct error error;
	_cleanup_(profile_freep) struct profile *profile = fixture_new();
	_cleanup_free_ char *types = profile_format_sample_types(profile);
	assert_string_equal(types, "alloc_objects, alloc_space, inuse_objects, inuse_space");
	assert_ok(profile_set_default_sample_type(profile, "alloc_space", &error));
	assert_int_equal(profile_get_default_sample_type(profile), 1);
	assert_ok(profile_set_default_sample_type(profile, "unheard of", &error));
	assert_int_equal(profile_get_default_sample_type(profile), 3);
	assert_int_equal(profile_find_sample_type(profile, "inuse_objects"), 2);
	assert_int_equal(profile_find_sample_type(profile, "objects"), PROFILE_NONE);
}

static void limits(void **state)
{
	(void)state;
	struct error error = {0};
	_cleanup_(profile_freep) struct profile *profile = fixture_new();
	_cleanup_free_ uint32_t *deep = calloc(PROFILE_MAX_DEPTH + 1, sizeof *deep);
	_cleanup_free_ char *text = calloc(PROFILE_MAX_STRING_BYTES + 2, 1);
	struct profile_label labels[PROFILE_MAX_NEW_LABELS + 1] = {0};
	int64_t values[4] = {0};
	uint32_t index;
	assert_ok(profile_add_location(profile, 0, 1, NULL, 0, &index, &error));
	assert_ok(profile_add_sample(profile, deep, PROFILE_MAX_DEPTH, values, NULL, 0, &error));
	assert_false(
		profile_add_sample(profile, deep, PROFILE_MAX_DEPTH + 1, values, NULL, 0, &error));
	assert_int_equal(error.code, ERROR_LIMIT);
	assert_ok(profile_add_sample(profile, NULL, 0, values, labels, PROFILE_MAX_NEW_LABELS,
				     &error));
	assert_false(profile_add_sample(profile, NULL, 0, values, labels,
					PROFILE_MAX_NEW_LABELS + 1, &error));
	memset(text, 'x', PROFILE_MAX_STRING_BYTES);
	assert_ok(profile_add_comment(profile, text, &error));
	text[PROFILE_MAX_STRING_BYTES] = 'x';
	error.code = ERROR_NONE;
	assert_false(profile_add_comment(profile, text, &error));
	assert_int_equal(error.code, ERROR_LIMIT);
	assert_int_equal(profile->samples.count, 2);
	assert_int_equal(profile->comments.count, 2);
}

static void limit_of_types(void **state)
{
	(void)state;
	struct error error = {0};
	_cleanup_(profile_freep) struct profile *profile = profile_new();
	for (int i = 0; i < PROFILE_MAX_SAMPLE_TYPES; i++)
		assert_ok(profile_add_sample_type(profile, "t", "u", &error));
	assert_false(profile_add_sample_type(profile, "t", "u", &error));
	assert_int_equal(error.code, ERROR_LIMIT);
}

// An inlined call is a frame: few locations with many lines are deep all the same.
static void inlined_calls_count_as_depth(void **state)
{
	(void)state;
	struct error error = {0};
	_cleanup_(profile_freep) struct profile *profile = fixture_new();
	struct profile_line lines[PROFILE_MAX_INLINE_DEPTH + 1] = {0};
	uint32_t index, locations[PROFILE_MAX_DEPTH / PROFILE_MAX_INLINE_DEPTH + 1] = {0};
	int64_t values[4] = {0};
	assert_ok(profile_add_function(profile, "f", "f.go", 1, &index, &error));
	assert_false(profile_add_location(profile, 0, 1, lines, PROFILE_MAX_INLINE_DEPTH + 1,
					  &index, &error));
	assert_int_equal(error.code, ERROR_LIMIT);
	assert_ok(profile_add_location(profile, 0, 1, lines, PROFILE_MAX_INLINE_DEPTH, &index,
				       &error));
	uint32_t fits = PROFILE_MAX_DEPTH / PROFILE_MAX_INLINE_DEPTH;
	assert_ok(profile_add_sample(profile, locations, fits, values, NULL, 0, &error));
	assert_false(profile_add_sample(profile, locations, fits + 1, values, NULL, 0, &error));
	assert_int_equal(profile->frame_count, PROFILE_MAX_DEPTH);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(same_content_is_one),
		cmocka_unit_test(texts_are_never_null),
		cmocka_unit_test(many_texts_stay_apart),
		cmocka_unit_test(collisions_get_new_keys),
		cmocka_unit_test(bad_indexes_are_refused),
		cmocka_unit_test(samples_need_types),
		cmocka_unit_test(default_type),
		cmocka_unit_test(limits),
		cmocka_unit_test(limit_of_types),
		cmocka_unit_test(inlined_calls_count_as_depth),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
