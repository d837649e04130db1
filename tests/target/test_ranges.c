// SPDX-License-Identifier: Apache-2.0
// Many small ranges: each is visited once with its own bytes, close ones by one read.
#include "system/lab.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "target/ranges.h"

enum { BYTES = 1 << 20, BASE = 0x10000, COUNT = 500 };

struct seen {
	int visits[COUNT];
	size_t read, failed;
	taddr_t last;
};

static uint8_t byte_at(uint64_t offset)
{
	return (uint8_t)(offset * 7 + offset / 251);
}

static void visit(void *context, const struct target_range *range, const uint8_t *bytes)
{
	struct seen *seen = context;
	assert_true(range->start >= seen->last);
	seen->last = range->start;
	seen->visits[range->index]++;
	seen->read += bytes != NULL;
	seen->failed += bytes == NULL;
	for (uint32_t i = 0; bytes && i < range->size; i++)
		assert_int_equal(byte_at(range->start - BASE + i), bytes[i]);
}

// A target of one mapping, of which the file holds all but the last `hole` bytes.
static struct target *make_target(int *fd, size_t hole)
{
	static uint8_t bytes[BYTES];
	for (size_t i = 0; i < BYTES; i++)
		bytes[i] = byte_at(i);
	*fd = memfd_create("memory", MFD_CLOEXEC);
	assert_int_equal(BYTES - hole, write(*fd, bytes, BYTES - hole));
	struct target_mapping mapping = {
		.start = BASE, .end = BASE + BYTES, .data_size = BYTES - hole, .readable = true};
	struct target_source source = {*fd, -1, &mapping, 1};
	return target_new(&source);
}

static void each_is_visited_once_in_order(void **state)
{
	(void)state;
	struct target_range ranges[COUNT];
	struct seen seen = {0};
	int fd;
	struct target *target = make_target(&fd, 0);
	for (uint32_t i = 0; i < COUNT; i++) // backwards, some overlapping, some far from others
		ranges[i] = (struct target_range){
			.start = BASE + BYTES - 3000 - (uint64_t)i * (i % 100 ? 2000 : 2040),
			.size = i % 3 ? 100 : 2500,
			.index = i,
		};
	target_read_ranges(target, ranges, COUNT, visit, &seen);
	for (size_t i = 0; i < COUNT; i++)
		assert_int_equal(1, seen.visits[i]);
	assert_int_equal(COUNT, seen.read);
	assert_true(target_get_counters(target).reads < 20);
	assert_int_equal(0, target_get_counters(target).failed_reads);
	target_free(target);
	close(fd);
}

static void what_cannot_be_read_is_visited_without_bytes(void **state)
{
	(void)state;
	static const taddr_t starts[] = {0,
					 BASE - 50,
					 BASE,
					 BASE + 200,
					 BASE + BYTES - 4200, // runs into what is not there
					 BASE + BYTES - 100,
					 BASE + BYTES,
					 UINT64_MAX - 10};
	enum { STARTS = sizeof starts / sizeof *starts };
	struct target_range ranges[STARTS];
	struct seen seen = {0};
	int fd;
	struct target *target = make_target(&fd, 4096);
	for (uint32_t i = 0; i < STARTS; i++)
		ranges[i] = (struct target_range){starts[STARTS - 1 - i], 120, i};
	target_read_ranges(target, ranges, STARTS, visit, &seen);
	assert_int_equal(2, seen.read);
	assert_int_equal(STARTS - 2, seen.failed);
	target_read_ranges(target, NULL, 0, visit, &seen);
	target_free(target);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_is_visited_once_in_order),
		cmocka_unit_test(what_cannot_be_read_is_visited_without_bytes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
