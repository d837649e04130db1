// SPDX-License-Identifier: Apache-2.0
// The hash map, and the vector.
#include "system/lab.h"

#include "base/map.h"
#include "base/vec.h"
#include "random.h"

static void a_new_key_is_told_from_a_known_one(void **state)
{
	(void)state;
	struct map map = {0};
	bool is_new = false;
	assert_null(map_find(&map, 0));
	assert_int_equal(5, *map_put(&map, 0, 5, &is_new)); // 0 is a key like any other
	assert_true(is_new);
	assert_int_equal(5, *map_put(&map, 0, 6, &is_new));
	assert_false(is_new);
	*map_put(&map, 0, 0, NULL) = 7;
	assert_int_equal(7, *map_find(&map, 0));
	assert_null(map_find(&map, UINT64_MAX));
	assert_int_equal(1, map.count);
	map_deinit(&map);
	assert_null(map_find(&map, 0));
}

static void nothing_is_lost_as_it_grows(void **state)
{
	(void)state;
	struct map map = {0};
	uint64_t seed = 1;
	enum { MANY = 20000 };
	for (uint64_t i = 0; i < MANY; i++)
		map_put(&map, random_next(&seed), i, NULL);
	assert_int_equal(MANY, map.count);
	assert_true(map.count < map.capacity);
	seed = 1;
	for (uint64_t i = 0; i < MANY; i++) {
		uint64_t key = random_next(&seed);
		assert_int_equal(i, *map_find(&map, key));
		assert_null(map_find(&map, key + 1));
	}
	map_deinit(&map);
}

// Keys that all belong into one slot of a table of 64.
static void colliding_keys_stay_apart(void **state)
{
	(void)state;
	struct map map = {0};
	uint64_t keys[40] = {0}, key = 1;
	map_put(&map, 0, 0, NULL); // now it has its seed
	for (size_t i = 1; i < 40; i++, key++) {
		while (hash_mix(map.seed, key) % 64 != 63) // the last one: the walk goes around
			key++;
		keys[i] = key;
		map_put(&map, key, i, NULL);
	}
	assert_int_equal(64, map.capacity);
	for (size_t i = 0; i < 40; i++)
		assert_int_equal(i, *map_find(&map, keys[i]));
	while (hash_mix(map.seed, key) % 64 != 63)
		key++;
	assert_null(map_find(&map, key));
	map_deinit(&map);
}

static void hashes_tell_apart(void **state)
{
	(void)state;
	assert_true(hash_bytes("ab", 2) == hash_bytes("ab", 2));
	assert_true(hash_bytes("ab", 2) != hash_bytes("ba", 2));
	assert_true(hash_bytes("\0", 1) != hash_bytes("\0\0", 2));
	assert_true(hash_bytes("", 0) != hash_bytes("\0", 1));
	assert_true(hash_mix(hash_mix(0, 1), 2) != hash_mix(hash_mix(0, 2), 1));
}

struct item {
	uint64_t number;
	char padding[40];
};

static void a_vector_keeps_what_is_pushed(void **state)
{
	(void)state;
	VEC(struct item) items = {0};
	VEC_FOREACH (item, &items)
		fail_msg("%p: the vector is empty", (void *)item);
	for (uint64_t i = 0; i < 1000; i++)
		assert_int_equal(i, vec_push(&items, {.number = i})->number);
	assert_int_equal(1000, items.count);
	uint64_t sum = 0;
	VEC_FOREACH (item, &items)
		sum += item->number;
	assert_int_equal(999 * 1000 / 2, sum);
	vec_deinit(&items);
	assert_null(items.items);
	assert_int_equal(0, items.count + items.capacity);
}

static void sizes_that_overflow_get_nothing(void **state)
{
	(void)state;
	assert_null(alloc_try_array(SIZE_MAX / 2, 4));
	char *empty = alloc_try_array(0, 0);
	assert_non_null(empty);
	free(empty);
	assert_null(alloc_string(NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_new_key_is_told_from_a_known_one),
		cmocka_unit_test(nothing_is_lost_as_it_grows),
		cmocka_unit_test(colliding_keys_stay_apart),
		cmocka_unit_test(hashes_tell_apart),
		cmocka_unit_test(a_vector_keeps_what_is_pushed),
		cmocka_unit_test(sizes_that_overflow_get_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
