// SPDX-License-Identifier: Apache-2.0
// The heap of a real program, whole and damaged.
#include <string.h>

#include "base/random.h"
#include "native/native_lab.h"

static const char *const commands[] = {"leak 1", "holes 2", "fast 100", "mmapped 3 200",
				       "threads 2 1"};

static struct native_lab lab;

static int start(void **state)
{
	(void)state;
	native_lab_start(&lab, commands, sizeof commands / sizeof *commands);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	native_lab_stop(&lab);
	return 0;
}

static int undo(void **state)
{
	(void)state;
	native_lab_undo(&lab);
	return 0;
}

static struct native_memory read_lab(void)
{
	struct native_memory memory;
	struct target *target = native_lab_target(&lab);
	assert_ok(native_memory_read(target, &lab.maps, &memory, &error));
	target_free(target);
	native_lab_require_sane(&memory);
	return memory;
}

static void overwrite(taddr_t address, uint64_t value)
{
	uint8_t *place = native_lab_at(&lab, address);
	assert_non_null(place);
	native_lab_change(&lab, place, value);
}

static void test_whole(void **state)
{
	(void)state;
	struct native_memory memory = read_lab();
	assert_true(memory.has_malloc);
	const struct glibc_malloc *malloc = &memory.malloc;
	assert_int_equal(3, malloc->arenas.count);
	assert_int_equal(3, malloc->heaps.count);
	VEC_FOREACH (arena, &malloc->arenas) {
		assert_true(arena->complete);
		assert_false(arena->by_bins);
		assert_int_equal(arena->system_bytes, arena->used_bytes + arena->free_bytes);
		assert_true(arena->tcache_bytes.known && arena->fast_bytes.known);
	}
	assert_int_equal(3, malloc->mmapped.count);
	assert_false(malloc->mmapped_estimated);
	assert_int_equal(2, memory.stacks.live_count);
	assert_int_equal(0, memory.stacks.cached_count);
	const struct thread_stack *stack = &memory.stacks.list.items[0];
	assert_ptr_equal(stack, thread_stacks_find(&memory.stacks, stack->end - 1));
	assert_null(thread_stacks_find(&memory.stacks, stack->start - 1));
	const struct glibc_heap *heap = &malloc->heaps.items[1];
	assert_ptr_equal(heap, glibc_malloc_find_heap(malloc, heap->end - 1));
	assert_null(glibc_malloc_find_heap(malloc, heap->end));
	native_memory_deinit(&memory);
}

// A walk that breaks is no loss where glibc's own lists hold together.
static void test_broken_chunk(void **state)
{
	(void)state;
	struct native_memory whole = read_lab();
	const struct glibc_arena *main = &whole.malloc.arenas.items[0];
	struct glibc_range first = whole.malloc.free_ranges.items[main->first_free];
	// The free chunk that holds the range has its header below it: damage what comes behind.
	taddr_t chunk = whole.malloc.heaps.items[0].start;
	assert_true(chunk < first.start);
	overwrite(chunk + 8, 12345678);
	struct native_memory broken = read_lab();
	const struct glibc_arena *arena = &broken.malloc.arenas.items[0];
	assert_true(arena->by_bins && arena->complete);
	assert_int_equal(main->bins_bytes, arena->bins_bytes);
	assert_int_equal(main->bins_count, arena->bins_count);
	assert_int_equal(main->free_bytes, arena->free_bytes);
	assert_int_equal(main->used_bytes, arena->used_bytes);
	assert_int_equal(main->largest_free_bytes, arena->largest_free_bytes);
	assert_int_equal(main->free_count, arena->free_count);
	assert_memory_equal(whole.malloc.free_ranges.items, broken.malloc.free_ranges.items,
			    main->free_count * sizeof first);
	assert_false(arena->tcache_bytes.known);
	native_memory_deinit(&whole);
	native_memory_deinit(&broken);
}

// Chunk and list damaged: what was seen is said, and that it is not all.
static void test_broken_chunk_and_list(void **state)
{
	(void)state;
	struct native_memory whole = read_lab();
	taddr_t heap = whole.malloc.heaps.items[0].start;
	uint64_t bytes;
	memcpy(&bytes, native_lab_at(&lab, heap + 8), 8);
	overwrite(heap + (bytes & ~(uint64_t)7) + 8, 12345678);
	for (size_t i = 0; i < whole.malloc.free_ranges.count; i++) {
		taddr_t page = whole.malloc.free_ranges.items[i].start - 4096;
		for (taddr_t at = page; at < page + 4096; at += 8)
			if (glibc_malloc_find_heap(&whole.malloc, at) ==
			    &whole.malloc.heaps.items[0])
				overwrite(at, 1);
	}
	struct native_memory broken = read_lab();
	const struct glibc_arena *arena = &broken.malloc.arenas.items[0];
	assert_false(arena->complete);
	assert_true(arena->unwalked_bytes > (1 << 20));
	assert_int_equal(arena->system_bytes,
			 arena->unwalked_bytes + arena->used_bytes + arena->free_bytes);
	assert_non_null(strstr(arena->why_not.message, "chunk at"));
	native_memory_deinit(&whole);
	native_memory_deinit(&broken);
}

static void test_broken_arena(void **state)
{
	(void)state;
	struct native_memory memory = read_lab();
	overwrite(memory.malloc.arenas.items[0].address + 1000, 0x1234);
	native_memory_deinit(&memory);
	memory = read_lab();
	assert_false(memory.has_malloc);
	assert_int_equal(ERROR_NOT_FOUND, memory.malloc_absent.code);
	native_memory_deinit(&memory);
}

static void test_list_of_arenas_that_does_not_close(void **state)
{
	(void)state;
	struct native_memory memory = read_lab();
	taddr_t second = memory.malloc.arenas.items[1].address;
	overwrite(second + 2160, second);
	native_memory_deinit(&memory);
	memory = read_lab();
	assert_false(memory.has_malloc);
	native_memory_deinit(&memory);
}

static void test_swapped_heap_is_not_walked(void **state)
{
	(void)state;
	VEC_FOREACH (mapping, &lab.maps.list)
		if (strcmp(mapping->name, "[heap]") == 0)
			mapping->swap_bytes = known(2 << 20);
	struct native_memory memory = read_lab();
	const struct glibc_arena *arena = &memory.malloc.arenas.items[0];
	assert_false(arena->complete);
	assert_non_null(strstr(arena->why_not.message, "swapped out"));
	assert_true(arena->top_bytes > 0);
	assert_int_equal(arena->system_bytes - arena->top_bytes, arena->unwalked_bytes);
	assert_true(memory.malloc.arenas.items[1].complete);
	native_memory_deinit(&memory);
	VEC_FOREACH (mapping, &lab.maps.list)
		mapping->swap_bytes = known(0);
}

static void test_broken_list_of_stacks(void **state)
{
	(void)state;
	struct native_memory memory = read_lab();
	overwrite(memory.stacks.list.items[0].descriptor + 704, 0x10);
	native_memory_deinit(&memory);
	memory = read_lab();
	assert_true(memory.has_stacks);
	assert_false(memory.stacks.complete);
	assert_true(memory.stacks.why_not.message[0]);
	native_memory_deinit(&memory);
}

static void test_random_damage(void **state)
{
	(void)state;
	uint64_t seed = 7;
	for (int round = 0; round < 60; round++) {
		for (int i = 0; i < 30; i++) {
			size_t page = lab.pages.items[random_next(&seed) % lab.pages.count];
			uint8_t *place = lab.memory + page + random_next(&seed) % 512 * 8;
			uint64_t value;
			memcpy(&value, place, 8);
			native_lab_change(&lab, place,
					  value ^ (uint64_t)1 << random_next(&seed) % 64);
		}
		struct native_memory memory = read_lab();
		native_memory_deinit(&memory);
		native_lab_undo(&lab);
	}
}

static void test_no_memory(void **state)
{
	(void)state;
	static const char text[] = "1000-2000 r--p 00000000 00:00 0 \n";
	struct maps maps;
	struct native_memory memory;
	struct error error = {0};
	assert_true(maps_parse(text, sizeof text - 1, &maps, &error));
	struct target *target = native_lab_target(&lab);
	assert_false(native_memory_read(target, &maps, &memory, &error));
	assert_int_equal(ERROR_NOT_FOUND, error.code);
	target_free(target);
	maps_deinit(&maps);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole),
		cmocka_unit_test_teardown(test_broken_chunk, undo),
		cmocka_unit_test_teardown(test_broken_chunk_and_list, undo),
		cmocka_unit_test_teardown(test_broken_arena, undo),
		cmocka_unit_test_teardown(test_list_of_arenas_that_does_not_close, undo),
		cmocka_unit_test(test_swapped_heap_is_not_walked),
		cmocka_unit_test_teardown(test_broken_list_of_stacks, undo),
		cmocka_unit_test_teardown(test_random_damage, undo),
		cmocka_unit_test(test_no_memory),
	};
	return cmocka_run_group_tests(tests, start, stop);
}
