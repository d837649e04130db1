// SPDX-License-Identifier: Apache-2.0
#include "lab.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "system/maps.h"
#include "system/pagemap.h"

static const char smaps_text[] =
	"00400000-00401000 r-xp 00002000 fe:01 247278                 /usr/bin/my app (deleted)\n"
	"Size:                  4 kB\nRss:                   4 kB\nPss:                   2 kB\n"
	"Shared_Clean:          4 kB\nAnonymous:             0 kB\nVmFlags: rd ex mr mw me \n"
	"c000000000-c004000000 rw-p 00000000 00:00 0                  [anon: Go: heap]\n"
	"Rss:               65536 kB\nAnonymous:         65536 kB\nSwap:      12 kB\n"
	"LazyFree:              8 kB\nAnonHugePages:      2048 kB\nLocked:     0 kB\n"
	"c0f0000000-c0f1000000 rw-s 00000000 00:01 5                  \n";

static void smaps_are_parsed(void **state)
{
	(void)state;
	struct maps maps;
	assert_ok(maps_parse(smaps_text, sizeof smaps_text - 1, &maps, &error));
	assert_int_equal(3, maps.list.count);
	const struct mapping *exe = &maps.list.items[0], *heap = &maps.list.items[1];
	assert_string_equal("/usr/bin/my app", exe->name);
	assert_true(exe->deleted);
	assert_string_equal("r-xp", exe->perms);
	assert_int_equal(0x2000, exe->offset);
	assert_int_equal(247278, exe->inode);
	assert_int_equal(0xfe, exe->device_major);
	assert_int_equal(2048, exe->pss_bytes.value);
	assert_true(exe->anonymous_bytes.known && !exe->anonymous_bytes.value);
	assert_false(exe->swap_bytes.known);
	assert_string_equal("[anon: Go: heap]", heap->name);
	assert_int_equal(0xc004000000, heap->end);
	assert_int_equal(64 << 20, heap->rss_bytes.value);
	assert_int_equal(8192, heap->lazy_free_bytes.value);
	assert_int_equal(2 << 20, heap->anon_huge_bytes.value);
	assert_int_equal(12288, heap->swap_bytes.value);
	assert_string_equal("", maps.list.items[2].name);
	assert_int_equal('s', maps.list.items[2].perms[3]);
	assert_ptr_equal(exe, maps_find(&maps, 0x400fff));
	assert_ptr_equal(heap, maps_find(&maps, 0xc000000000));
	assert_null(maps_find(&maps, 0x401000));
	assert_null(maps_find(&maps, 0));
	maps_deinit(&maps);
}

static bool parse(const char *text, struct error *error)
{
	struct maps maps;
	if (!maps_parse(text, strlen(text), &maps, error))
		return false;
	maps_deinit(&maps);
	return true;
}

static void bad_maps_are_refused(void **state)
{
	(void)state;
	assert_error(ERROR_BAD_DATA,
		     parse("00500000-00600000 r-xp 0 00:00 0\n00400000-00500000 r-xp 0 00:00 0\n",
			   &error));
	assert_error(ERROR_BAD_DATA, parse("Rss: 1 kB\n", &error));
	assert_error(ERROR_BAD_DATA, parse("00400000-00300000 r-xp 0 00:00 0\n", &error));
	assert_error(ERROR_BAD_DATA, parse("00400000-00500000 r-x\n", &error));
	assert_error(ERROR_BAD_DATA, parse("00400000-00500000 r-xp 0 00:00 0\nRss: kB\n", &error));
	assert_error(ERROR_BAD_DATA,
		     parse("11112222333344445-11112222333344446 r-xp 0 00:00 0\n", &error));
}

static void cut_maps_are_refused(void **state)
{
	(void)state;
	lab_cut(smaps_text, parse);
}

static struct maps read_own(const char *path)
{
	struct maps maps;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_ok(maps_read(fd, path, &maps, &error));
	close(fd);
	return maps;
}

#define MANY 600

// More text than one piece, so that lines are cut between reads.
static void a_real_process_is_read_in_pieces(void **state)
{
	(void)state;
	size_t page = (size_t)sysconf(_SC_PAGESIZE), size = 2 * MANY * page;
	char *memory = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(MAP_FAILED, memory);
	for (size_t i = 0; i < MANY; i++)
		assert_int_equal(0, mprotect(memory + 2 * i * page, page, PROT_READ | PROT_WRITE));
	for (size_t i = 0; i < MANY; i++)
		memory[2 * i * page] = 1;
	struct maps smaps = read_own("/proc/self/smaps"), maps = read_own("/proc/self/maps");
	for (size_t i = 0; i < MANY; i++) {
		const struct mapping *mapping = maps_find(&smaps, (uintptr_t)memory + 2 * i * page);
		assert_non_null(mapping);
		assert_string_equal("rw-p", mapping->perms);
		assert_true(mapping->rss_bytes.known && mapping->rss_bytes.value == page);
		assert_true(mapping->anonymous_bytes.value == page);
		mapping = maps_find(&maps, mapping->start);
		assert_non_null(mapping);
		assert_false(mapping->rss_bytes.known);
	}
	maps_deinit(&smaps);
	maps_deinit(&maps);
	munmap(memory, size);
}

static void an_overlong_line_is_a_limit(void **state)
{
	(void)state;
	char path[] = "/tmp/whyoom-test-XXXXXX", block[4096];
	int fd = mkstemp(path);
	struct maps maps;
	memset(block, 'a', sizeof block);
	for (int i = 0; i < 40; i++)
		assert_int_equal(sizeof block, write(fd, block, sizeof block));
	assert_error(ERROR_LIMIT, maps_read(fd, path, &maps, &error));
	assert_int_equal(0, ftruncate(fd, 0));
	assert_error(ERROR_NOT_FOUND, maps_read(fd, path, &maps, &error));
	close(fd);
	unlink(path);
}

static void pages_are_counted(void **state)
{
	(void)state;
	uint64_t page = pagemap_page_bytes();
	size_t pages = 20000, touched = 0; // more than two batches
	char *memory = mmap(NULL, pages * page, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	assert_ptr_not_equal(MAP_FAILED, memory);
	madvise(memory, pages * page, MADV_NOHUGEPAGE);
	for (size_t i = 0; i < pages; i += 7, touched++)
		memory[i * page] = 1;
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	struct pagemap_counts counts;
	uint8_t *bitmap = malloc((pages + 7) / 8);
	uint64_t start = (uintptr_t)memory, end = start + pages * page;
	assert_ok(pagemap_count(fd, start, end, &counts, &error));
	assert_int_equal(pages, counts.page_count);
	assert_int_equal(touched, counts.present_count + counts.swapped_count);
	assert_int_equal(0, counts.shared_count);
	assert_ok(pagemap_fill_present(fd, start, end, bitmap, &error));
	for (size_t i = 0; i < pages && !counts.swapped_count; i++)
		assert_int_equal(i % 7 == 0, bitmap[i / 8] >> (i % 8) & 1);
	assert_error(ERROR_USAGE, pagemap_count(fd, start + 1, end, &counts, &error));
	assert_error(ERROR_USAGE, pagemap_count(fd, end, start, &counts, &error));
	assert_error(ERROR_LIMIT, pagemap_count(fd, 0, (uint64_t)1 << 60, &counts, &error));
	free(bitmap);
	close(fd);
	munmap(memory, pages * page);
}

// Read and never written: mapped, but nobody's memory. An older kernel does not tell.
static void the_page_of_zeros_is_not_resident(void **state)
{
	(void)state;
	uint64_t page = pagemap_page_bytes();
	size_t pages = 20000, written = 0;
	bool zeros_told;
	char *memory = mmap(NULL, pages * page, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	madvise(memory, pages * page, MADV_NOHUGEPAGE);
	for (size_t i = 0; i < pages; i++) // single pages, and runs that end inside a byte of bits
		if (i % 11 == 0 || (i > 5003 && i < 9017)) {
			memory[i * page] = 1;
			written++;
		} else if (i % 3 == 0) {
			(void)*(volatile char *)&memory[i * page];
		}
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	uint8_t *bitmap = malloc((pages + 7) / 8);
	uint64_t start = (uintptr_t)memory, end = start + pages * page;
	assert_ok(pagemap_fill_resident(fd, start, end, bitmap, &zeros_told, &error));
	if (zeros_told) {
		assert_int_equal(written, pagemap_count_bits(bitmap, 0, pages));
		assert_int_equal(4013, pagemap_count_bits(bitmap, 5004, 4013));
		for (size_t i = 0; i < pages; i++)
			assert_int_equal(i % 11 == 0 || (i > 5003 && i < 9017),
					 pagemap_count_bits(bitmap, i, 1));
	} else {
		assert_true(pagemap_count_bits(bitmap, 0, pages) >= written);
	}
	assert_error(ERROR_USAGE,
		     pagemap_fill_resident(fd, start + 1, end, bitmap, &zeros_told, &error));
	free(bitmap);
	close(fd);
	munmap(memory, pages * page);
}

static void the_pagemap_of_a_dead_process_ends(void **state)
{
	(void)state;
	char path[64];
	struct pagemap_counts counts;
	pid_t child = lab_spawn(NULL, NULL, NULL);
	snprintf(path, sizeof path, "/proc/%d/pagemap", (int)child);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_ok(pagemap_count(fd, 0x10000, 0x20000, &counts, &error));
	lab_kill(child);
	assert_error(ERROR_NOT_FOUND, pagemap_count(fd, 0x10000, 0x20000, &counts, &error));
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(smaps_are_parsed),
		cmocka_unit_test(bad_maps_are_refused),
		cmocka_unit_test(cut_maps_are_refused),
		cmocka_unit_test(a_real_process_is_read_in_pieces),
		cmocka_unit_test(an_overlong_line_is_a_limit),
		cmocka_unit_test(pages_are_counted),
		cmocka_unit_test(the_page_of_zeros_is_not_resident),
		cmocka_unit_test(the_pagemap_of_a_dead_process_ends),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
