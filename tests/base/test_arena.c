// SPDX-License-Identifier: Apache-2.0
#include "system/lab.h"

#include <string.h>

#include "base/arena.h"
#include "random.h"

enum { BLOCK_BYTES = 64 << 10 };

static void memory_is_aligned_zeroed_and_apart(void **state)
{
	(void)state;
	struct arena arena = {0};
	uint64_t seed = 1;
	struct {
		unsigned char *bytes;
		size_t size;
	} pieces[2000];
	for (size_t i = 0; i < 2000; i++) {
		size_t size = random_next(&seed) % (i % 50 ? 300 : 40000);
		unsigned char *bytes = arena_alloc(&arena, size);
		assert_non_null(bytes);
		assert_int_equal(0, (uintptr_t)bytes % 16);
		for (size_t k = 0; k < size; k++)
			assert_int_equal(0, bytes[k]);
		memset(bytes, (int)(i % 251 + 1), size);
		pieces[i].bytes = bytes;
		pieces[i].size = size;
	}
	for (size_t i = 0; i < 2000; i++) // nobody wrote into another's
		for (size_t k = 0; k < pieces[i].size; k++)
			assert_int_equal(i % 251 + 1, pieces[i].bytes[k]);
	arena_deinit(&arena);
	assert_null(arena.blocks);
	assert_int_equal(0, arena.used_bytes);
}

static void the_limit_holds(void **state)
{
	(void)state;
	struct arena arena = {.limit_bytes = 1000};
	assert_null(arena_alloc(&arena, 1001));
	assert_null(arena_alloc(&arena, SIZE_MAX));
	assert_null(arena_alloc(&arena, SIZE_MAX - 8)); // rounding up would wrap around
	assert_non_null(arena_alloc(&arena, 900));
	assert_null(arena_alloc(&arena, 100)); // 912 are in use
	assert_non_null(arena_alloc(&arena, 80));
	assert_int_equal(992, arena.used_bytes);
	arena_deinit(&arena);
	assert_int_equal(1000, arena.limit_bytes);
	assert_non_null(arena_alloc(&arena, 900)); // empty again, and usable
	arena_deinit(&arena);
}

static void a_large_piece_leaves_the_block_in_use(void **state)
{
	(void)state;
	struct arena arena = {0};
	char *first = arena_alloc(&arena, 16);
	assert_non_null(arena_alloc(&arena, 4 * BLOCK_BYTES));
	assert_ptr_equal(first + 16, arena_alloc(&arena, 16));
	arena_deinit(&arena);
	assert_non_null(arena_alloc(&arena, 4 * BLOCK_BYTES)); // as the first one too
	assert_non_null(arena_alloc(&arena, 16));
	arena_deinit(&arena);
}

static void arrays_are_checked_for_overflow(void **state)
{
	(void)state;
	struct arena arena = {0};
	assert_null(arena_array(&arena, SIZE_MAX / 4, 8));
	assert_null(arena_array(&arena, (size_t)1 << 40, 8)); // over the limit
	assert_non_null(arena_array(&arena, 0, 8));
	assert_non_null(arena_array(&arena, 3, 8));
	arena_deinit(&arena);
}

static void strings_are_terminated_copies(void **state)
{
	(void)state;
	struct arena arena = {0};
	char text[] = "abcdef";
	char *copy = arena_string(&arena, text, 3);
	text[0] = 'x';
	assert_string_equal("abc", copy);
	assert_string_equal("", arena_string(&arena, text, 0));
	assert_null(arena_string(&arena, text, SIZE_MAX));
	arena_deinit(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memory_is_aligned_zeroed_and_apart),
		cmocka_unit_test(the_limit_holds),
		cmocka_unit_test(a_large_piece_leaves_the_block_in_use),
		cmocka_unit_test(arrays_are_checked_for_overflow),
		cmocka_unit_test(strings_are_terminated_copies),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
