// SPDX-License-Identifier: Apache-2.0
// What may be written to another process: a number, where it was, in memory that is its own.
#include "system/lab.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "golang/settings_write.h"

enum { PAGE = 4096, OLD_LIMIT = 1 << 30, NEW_LIMIT = 900 << 20 };

// A page for each kind of mapping; the child has them at the same addresses.
struct pages {
	int64_t *own, *read_only, *shared;
};

struct other {
	struct pages pages;
	pid_t pid;
	struct process_files files;
	struct go_settings_writer writer;
};

static int64_t *map_page(int flags)
{
	int64_t *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, flags | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(MAP_FAILED, page);
	page[0] = OLD_LIMIT;
	return page;
}

static void nothing(void *context)
{
	(void)context;
}

static void begin(struct other *other)
{
	other->pages =
		(struct pages){map_page(MAP_PRIVATE), map_page(MAP_PRIVATE), map_page(MAP_SHARED)};
	assert_int_equal(0, mprotect(other->pages.read_only, PAGE, PROT_READ));
	other->pid = lab_spawn(NULL, nothing, NULL);
	assert_ok(process_files_open("/proc", other->pid, &other->files, &error));
	assert_ok(go_settings_writer_open(&other->files, &other->writer, &error));
}

static void finish(struct other *other)
{
	go_settings_writer_close(&other->writer);
	process_files_close(&other->files);
	if (other->pid)
		lab_kill(other->pid);
	munmap(other->pages.own, PAGE);
	munmap(other->pages.read_only, PAGE);
	munmap(other->pages.shared, PAGE);
}

static struct go_setting_place place_at(const void *address)
{
	return (struct go_setting_place){(taddr_t)(uintptr_t)address, 8, OLD_LIMIT};
}

static int64_t read_back(const struct other *other, const int64_t *address)
{
	int64_t value = 0;
	assert_int_equal(8, pread(other->files.mem, &value, 8, (off_t)(uintptr_t)address));
	return value;
}

static bool put(const struct other *other, const struct go_setting_place *place, int64_t value,
		struct error *error)
{
	return go_setting_write(&other->writer, GO_SETTING_MEMORY_LIMIT, place, value, error);
}

static void writes_what_it_was_told_to(void **state)
{
	(void)state;
	struct other other;
	begin(&other);
	struct go_setting_place place = place_at(other.pages.own);
	assert_ok(put(&other, &place, NEW_LIMIT, &error));
	assert_int_equal(NEW_LIMIT, read_back(&other, other.pages.own));
	assert_int_equal(OLD_LIMIT, other.pages.own[0]); // ours, not the child's
	finish(&other);
}

static void writes_four_bytes_of_a_narrow_one(void **state)
{
	(void)state;
	struct other other;
	begin(&other);
	struct go_setting_place place = place_at(other.pages.own);
	place.bytes = 4;
	assert_ok(go_setting_write(&other.writer, GO_SETTING_GC_PERCENT, &place, -1, &error));
	assert_int_equal(0xffffffff, read_back(&other, other.pages.own)); // the rest is as before
	finish(&other);
}

static void refuses_memory_that_is_not_the_targets_own(void **state)
{
	(void)state;
	struct other other;
	begin(&other);
	struct go_setting_place read_only = place_at(other.pages.read_only);
	struct go_setting_place shared = place_at(other.pages.shared);
	struct go_setting_place unmapped = place_at(NULL), end = place_at(other.pages.own);
	struct go_setting_place kernel = place_at((void *)(uintptr_t)0xffffffffff600000);
	end.address = UINT64_MAX - 7;
	assert_error(ERROR_BAD_DATA, put(&other, &read_only, NEW_LIMIT, &error));
	assert_error(ERROR_BAD_DATA, put(&other, &shared, NEW_LIMIT, &error));
	assert_error(ERROR_BAD_DATA, put(&other, &unmapped, NEW_LIMIT, &error));
	assert_error(ERROR_BAD_DATA, put(&other, &kernel, NEW_LIMIT, &error));
	assert_error(ERROR_BAD_DATA, put(&other, &end, NEW_LIMIT, &error));
	assert_int_equal(OLD_LIMIT, read_back(&other, other.pages.read_only));
	assert_int_equal(OLD_LIMIT, other.pages.shared[0]);
	finish(&other);
}

static void refuses_what_cannot_be_the_setting(void **state)
{
	(void)state;
	struct other other;
	begin(&other);
	struct go_setting_place crooked = place_at((char *)other.pages.own + 4);
	struct go_setting_place narrow = place_at(other.pages.own), moved = narrow, good = narrow;
	narrow.bytes = 4;
	moved.value++;
	assert_error(ERROR_BAD_DATA, put(&other, &crooked, NEW_LIMIT, &error));
	assert_error(ERROR_BAD_DATA, put(&other, &narrow, NEW_LIMIT, &error));
	assert_error(ERROR_BAD_DATA, put(&other, &moved, NEW_LIMIT, &error));
	assert_error(ERROR_USAGE, put(&other, &good, -1, &error));
	assert_error(ERROR_USAGE, go_setting_write(&other.writer, GO_SETTING_MEM_PROFILE_RATE,
						   &good, (int64_t)1 << 40, &error));
	assert_int_equal(OLD_LIMIT, read_back(&other, other.pages.own));
	finish(&other);
}

static void an_ended_process_is_not_written_to(void **state)
{
	(void)state;
	struct other other;
	begin(&other);
	struct go_setting_place place = place_at(other.pages.own);
	lab_kill(other.pid);
	other.pid = 0;
	assert_error(ERROR_NOT_FOUND, put(&other, &place, NEW_LIMIT, &error));
	finish(&other);
}

static void names_go_there_and_back(void **state)
{
	(void)state;
	for (int i = 0; i < GO_SETTING_COUNT; i++)
		assert_int_equal(i, go_setting_parse(go_setting_name((enum go_setting_id)i)));
	assert_int_equal(GO_SETTING_COUNT, go_setting_parse("colour"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writes_what_it_was_told_to),
		cmocka_unit_test(writes_four_bytes_of_a_narrow_one),
		cmocka_unit_test(refuses_memory_that_is_not_the_targets_own),
		cmocka_unit_test(refuses_what_cannot_be_the_setting),
		cmocka_unit_test(an_ended_process_is_not_written_to),
		cmocka_unit_test(names_go_there_and_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
