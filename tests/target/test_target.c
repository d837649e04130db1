// SPDX-License-Identifier: Apache-2.0
// A file as the memory of a process that never was; and the test's own memory.
#include "system/lab.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/random.h"
#include "target/target.h"

enum { BLOCK = 64 << 10, PAGE = 4096, FILE_BYTES = 8 * BLOCK };

// The byte that the memory file, or the executable, has at `offset`.
static uint8_t memory_byte(uint64_t offset)
{
	return (uint8_t)(offset * 31 + (offset >> 8) + 7);
}

static uint8_t exe_byte(uint64_t offset)
{
	return (uint8_t)~memory_byte(offset);
}

static int make_file(uint8_t (*byte)(uint64_t), size_t size)
{
	int fd = memfd_create("test", MFD_CLOEXEC);
	uint8_t *bytes = malloc(size);
	for (size_t i = 0; i < size; i++)
		bytes[i] = byte(i);
	assert_int_equal(size, pwrite(fd, bytes, size, 0));
	free(bytes);
	return fd;
}

/*
 *   0x10000  three blocks and a page, at offset 0 of the file
 *   0x41000  a page that follows at once, at offset 5 * BLOCK
 *            a hole
 *   0x50000  a page that starts a block; its mapping is no longer than that
 *   0x61000  a core's mapping: two pages, but only 100 bytes of them are in the file
 *   0x70000  not readable
 *   0x80000  of the executable, read-only, from offset PAGE of it
 *   0x90000  of the executable, writable
 *   0xa0000  of the executable, read-only, behind its end
 */
static const struct target_mapping mappings[] = {
	{0x10000, 0x41000, 0, 0x31000, 0, true, true, false},
	{0x41000, 0x42000, 5 * BLOCK, PAGE, 0, true, true, false},
	{0x50000, 0x51000, 6 * BLOCK, PAGE, 0, true, true, false},
	{0x61000, 0x63000, 7 * BLOCK, 100, 0, true, true, false},
	{0x70000, 0x71000, 0, PAGE, 0, false, false, false},
	{0x80000, 0x90000, 0, BLOCK, PAGE, true, false, true},
	{0x90000, 0x91000, 3 * PAGE, PAGE, 0, true, true, true},
	{0xa0000, 0xa1000, 4 * PAGE, PAGE, 64 * PAGE, true, false, true},
};

struct world {
	int memory_fd, exe_fd;
	struct target *target;
};

static struct world make_world(void)
{
	struct world world = {make_file(memory_byte, FILE_BYTES), make_file(exe_byte, 32 * PAGE),
			      NULL};
	struct target_source source = {world.memory_fd, world.exe_fd, mappings,
				       sizeof mappings / sizeof *mappings};
	world.target = target_new(&source);
	return world;
}

static void end_world(struct world *world)
{
	target_free(world->target);
	close(world->memory_fd);
	close(world->exe_fd);
}

// What is at `address`, by the table alone; -1: nothing.
static int expected_byte(uint64_t address)
{
	for (size_t i = 0; i < sizeof mappings / sizeof *mappings; i++) {
		const struct target_mapping *mapping = &mappings[i];
		if (address < mapping->start || address >= mapping->end)
			continue;
		uint64_t inside = address - mapping->start;
		if (mapping->of_exe && !mapping->writable && mapping->exe_offset < 32 * PAGE)
			return exe_byte(mapping->exe_offset + inside);
		if (!mapping->readable || inside >= mapping->data_size)
			return -1;
		return memory_byte(mapping->data_offset + inside);
	}
	return -1;
}

static void check_read(struct target *target, uint64_t address, size_t size)
{
	static uint8_t bytes[4 * BLOCK];
	struct error error = {0};
	bool there = true;
	for (size_t i = 0; i < size; i++)
		there &= expected_byte(address + i) >= 0;
	for (int bulk = 0; bulk < 2; bulk++) {
		bool ok = bulk ? target_read_bulk(target, address, bytes, size, &error)
			       : target_read(target, address, bytes, size, &error);
		if (ok != there)
			fail_msg("%zu bytes at %#lx: %d", size, (unsigned long)address, ok);
		if (!ok)
			assert_int_equal(ERROR_FAULT, error.code);
		for (size_t i = 0; ok && i < size; i++)
			if (bytes[i] != expected_byte(address + i))
				fail_msg("byte %zu at %#lx", i, (unsigned long)address);
	}
}

static void reads_cross_what_joins_and_stop_at_holes(void **state)
{
	(void)state;
	struct world world = make_world();
	static const uint64_t edges[] = {0x10000, 0x20000, 0x30000, 0x40000, 0x41000,
					 0x42000, 0x50000, 0x51000, 0x61000, 0x61064,
					 0x62000, 0x63000, 0x70000, 0x71000, 0x80000,
					 0x90000, 0x91000, 0xa0000, 0xa1000};
	static const size_t sizes[] = {0, 1, 2, 8, 100, PAGE, PAGE + 1, BLOCK, 3 * BLOCK};
	for (size_t e = 0; e < sizeof edges / sizeof *edges; e++)
		for (int before = 0; before <= 9; before += 3)
			for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
				check_read(world.target, edges[e] - before, sizes[s]);
	end_world(&world);
}

static void random_reads_agree_with_the_table(void **state)
{
	(void)state;
	struct world world = make_world();
	uint64_t seed = 1;
	for (int i = 0; i < 3000; i++) {
		uint64_t address = 0xf000 + random_next(&seed) % 0x93000;
		check_read(world.target, address, random_next(&seed) % (i % 9 ? 300 : 2 * BLOCK));
		if (i % 100 == 0)
			target_forget(world.target);
	}
	end_world(&world);
}

static void the_ends_of_the_address_space_are_no_trap(void **state)
{
	(void)state;
	struct world world = make_world();
	uint8_t bytes[16];
	static const taddr_t addresses[] = {0, 1, UINT64_MAX - 15, UINT64_MAX, 1ull << 63};
	for (size_t i = 0; i < sizeof addresses / sizeof *addresses; i++) {
		assert_error(ERROR_FAULT,
			     target_read(world.target, addresses[i], bytes, 16, &error));
		assert_int_equal(0, target_read_some(world.target, addresses[i], bytes, 16));
	}
	assert_int_equal(5, target_get_counters(world.target).failed_reads);
	end_world(&world);
}

static void the_message_has_the_address(void **state)
{
	(void)state;
	struct world world = make_world();
	uint64_t value = 7;
	struct error error;
	assert_false(target_read_u64(world.target, 0x42ffc, &value, &error));
	assert_non_null(strstr(error.message, "0x42ffc"));
	assert_int_equal(7, value);
	end_world(&world);
}

static void numbers_are_little_endian(void **state)
{
	(void)state;
	struct world world = make_world();
	uint64_t u64, expected = 0;
	uint32_t u32;
	assert_ok(target_read_u64(world.target, 0x10ffd, &u64, &error));
	assert_ok(target_read_u32(world.target, 0x10ffd, &u32, &error));
	for (unsigned int i = 0; i < 8; i++)
		expected |= (uint64_t)memory_byte(0xffd + i) << 8 * i;
	assert_true(u64 == expected && u32 == (uint32_t)expected);
	end_world(&world);
}

static void some_is_cut_at_the_end_of_what_is_there(void **state)
{
	(void)state;
	struct world world = make_world();
	uint8_t bytes[300];
	assert_int_equal(300, target_read_some(world.target, 0x10010, bytes, 300));
	assert_int_equal(16, target_read_some(world.target, 0x1fff0, bytes, 300)); // the block
	assert_int_equal(16, target_read_some(world.target, 0x50ff0, bytes, 300)); // the mapping
	assert_int_equal(memory_byte(6 * BLOCK + 0xff0), bytes[0]);
	assert_int_equal(90, target_read_some(world.target, 0x6100a, bytes, 300)); // the core
	assert_int_equal(0, target_read_some(world.target, 0x61064, bytes, 300));
	assert_int_equal(0, target_read_some(world.target, 0x70000, bytes, 300));
	end_world(&world);
}

static void what_is_cached_is_read_once(void **state)
{
	(void)state;
	struct world world = make_world();
	uint64_t before, value;
	assert_ok(target_read_u64(world.target, 0x20100, &before, &error));
	uint64_t reads = target_get_counters(world.target).reads;
	uint8_t changed = (uint8_t)(before + 1);
	assert_int_equal(1, pwrite(world.memory_fd, &changed, 1, 0x10100));
	assert_ok(target_read_u64(world.target, 0x20100, &value, &error));
	assert_true(value == before);
	assert_int_equal(reads, target_get_counters(world.target).reads);
	assert_ok(target_read_bulk(world.target, 0x20100, &value, 8, &error)); // past the cache
	assert_true(value != before);
	target_forget(world.target);
	assert_ok(target_read_u64(world.target, 0x20100, &value, &error));
	assert_true((uint8_t)value == changed);
	end_world(&world);
}

static void a_file_that_shrank_is_a_fault(void **state)
{
	(void)state;
	struct world world = make_world();
	uint64_t value;
	assert_int_equal(0, ftruncate(world.memory_fd, 0x10004));
	assert_error(ERROR_FAULT, target_read_u64(world.target, 0x20000, &value, &error));
	assert_ok(target_read_u64(world.target, 0x1fff8, &value, &error));
	end_world(&world);
}

static void mappings_are_found(void **state)
{
	(void)state;
	struct world world = make_world();
	assert_null(target_find_mapping(world.target, 0xffff));
	assert_int_equal(0x10000, target_find_mapping(world.target, 0x10000)->start);
	assert_int_equal(0x10000, target_find_mapping(world.target, 0x40fff)->start);
	assert_int_equal(0x41000, target_find_mapping(world.target, 0x41000)->start);
	assert_null(target_find_mapping(world.target, 0x42000));
	assert_null(target_find_mapping(world.target, 0xa1000));
	assert_int_equal(0x90000, target_exe_start(world.target)); // exe_offset 0
	end_world(&world);
	struct target_source none = {-1, -1, NULL, 0};
	struct target *target = target_new(&none);
	assert_null(target_find_mapping(target, 0));
	assert_int_equal(0, target_exe_start(target));
	target_free(target);
	target_free(NULL);
}

struct reloads {
	int count;
	bool grow; // the table has one mapping more each time
};

static bool reload(void *context, struct target *target)
{
	static const struct target_mapping more[] = {
		{0x10000, 0x11000, 0, PAGE, 0, true, true, false},
		{0x200000, 0x201000, PAGE, PAGE, 0, true, true, false},
	};
	struct reloads *reloads = context;
	reloads->count++;
	target_set_mappings(target, more, reloads->grow ? 2 : 1);
	return true;
}

static void what_was_mapped_since_is_found(void **state)
{
	(void)state;
	struct world world = make_world();
	struct reloads reloads = {0};
	struct target_source source = {world.memory_fd, -1, mappings, 1, reload, &reloads};
	struct target *target = target_new(&source);
	uint64_t value;
	uint8_t byte;
	assert_ok(target_read_u64(target, 0x10000, &value, &error));
	assert_int_equal(0, reloads.count); // nobody looks without need
	assert_error(ERROR_FAULT, target_read_u64(target, 0x200000, &value, &error));
	assert_int_equal(1, reloads.count);
	reloads.grow = true;
	assert_ok(target_read(target, 0x200003, &byte, 1, &error));
	assert_int_equal(memory_byte(PAGE + 3), byte);
	assert_int_equal(2, reloads.count);
	for (int i = 0; i < 1000; i++) // a target full of wild pointers
		assert_error(ERROR_FAULT, target_read_u64(target, 0x300000, &value, &error));
	assert_in_range(reloads.count, 3, 100);
	target_free(target);
	end_world(&world);
}

static void ones_own_memory_is_read(void **state)
{
	(void)state;
	size_t size = 5 * PAGE;
	char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int fd = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
	taddr_t start = (uintptr_t)memory;
	memset(memory, 'm', size);
	memory[PAGE] = 'x';
	struct target_mapping mapping = {start, start + size, start, size, 0, true, true, false};
	struct target_source source = {fd, -1, &mapping, 1};
	struct target *target = target_new(&source);
	char bytes[4];
	assert_ok(target_read(target, start + PAGE - 2, bytes, 4, &error));
	assert_memory_equal("mmxm", bytes, 4);
	assert_int_equal(0, munmap(memory, PAGE));
	assert_error(ERROR_FAULT, target_read_bulk(target, start + PAGE - 2, bytes, 4, &error));
	assert_ok(target_read_bulk(target, start + PAGE, bytes, 4, &error));
	target_free(target);
	close(fd);
	munmap(memory + PAGE, size - PAGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_cross_what_joins_and_stop_at_holes),
		cmocka_unit_test(random_reads_agree_with_the_table),
		cmocka_unit_test(the_ends_of_the_address_space_are_no_trap),
		cmocka_unit_test(the_message_has_the_address),
		cmocka_unit_test(numbers_are_little_endian),
		cmocka_unit_test(some_is_cut_at_the_end_of_what_is_there),
		cmocka_unit_test(what_is_cached_is_read_once),
		cmocka_unit_test(a_file_that_shrank_is_a_fault),
		cmocka_unit_test(mappings_are_found),
		cmocka_unit_test(what_was_mapped_since_is_found),
		cmocka_unit_test(ones_own_memory_is_read),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
