// SPDX-License-Identifier: Apache-2.0
#include "system/lab.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "relief/record_priv.h"

static void begin(struct lab_dir *dir, struct relief_state *state, struct relief_record *record)
{
	lab_dir_make(dir);
	assert_ok(relief_state_open(dir->path, state, &error));
	assert_ok(relief_record_begin(4711, 99, 0, "", record, &error));
}

static void finish(struct lab_dir *dir, struct relief_state *state)
{
	relief_state_close(state);
	lab_dir_remove(dir);
}

static struct relief_record load(const struct relief_state *state, uint64_t ticks, bool *stale)
{
	struct relief_record record;
	assert_ok(relief_record_begin(4711, ticks, 0, "", &record, &error));
	assert_ok(relief_record_load(state, &record, stale, &error));
	return record;
}

static void what_is_stored_is_loaded(void **state)
{
	(void)state;
	struct lab_dir dir;
	struct relief_state folder;
	struct relief_record record, again;
	bool stale;
	begin(&dir, &folder, &record);
	assert_ok(relief_record_add(&record, "memory_limit", INT64_MAX, 100, &error));
	assert_ok(relief_record_add(&record, "gc_percent", -1, 50, &error));
	assert_ok(relief_record_store(&folder, &record, &error));
	again = load(&folder, 99, &stale);
	assert_false(stale);
	assert_int_equal(2, again.count);
	assert_int_equal(INT64_MAX, relief_record_find(&again, "memory_limit")->before);
	assert_int_equal(-1, relief_record_find(&again, "gc_percent")->before);
	assert_int_equal(50, relief_record_find(&again, "gc_percent")->written);
	assert_null(relief_record_find(&again, "mem_profile_rate"));
	again = load(&folder, 100, &stale); // another process
	assert_true(stale);
	assert_int_equal(0, again.count);
	finish(&dir, &folder);
}

static void an_empty_record_is_no_file(void **state)
{
	(void)state;
	struct lab_dir dir;
	struct relief_state folder;
	struct relief_record record;
	char path[PATH_MAX + 64];
	begin(&dir, &folder, &record);
	relief_record_path(&folder, &record, path);
	assert_ok(relief_record_store(&folder, &record, &error));
	assert_ok(relief_record_add(&record, "gc_percent", 400, 50, &error));
	assert_ok(relief_record_store(&folder, &record, &error));
	assert_int_equal(0, access(path, F_OK));
	relief_record_drop(&record, "gc_percent");
	assert_ok(relief_record_store(&folder, &record, &error));
	assert_int_not_equal(0, access(path, F_OK));
	finish(&dir, &folder);
}

// none, then 100 by us, then 200 by us: undo is to none; whether the last write came through or
// not.
static void the_first_value_stays_on_record(void **state)
{
	(void)state;
	struct relief_record record = {0};
	assert_ok(relief_record_add(&record, "memory_limit", 1, 100, &error));
	assert_ok(relief_record_add(&record, "memory_limit", 100, 200, &error));
	const struct relief_entry *entry = relief_record_find(&record, "memory_limit");
	assert_int_equal(1, entry->before);
	assert_true(relief_entry_is_ours(entry, 200));
	assert_true(relief_entry_is_ours(entry, 100));
	assert_false(relief_entry_is_ours(entry, 1));
	assert_false(relief_entry_is_ours(entry, 300));
	assert_ok(relief_record_add(&record, "memory_limit", 300, 200, &error)); // by the program
	assert_int_equal(300, relief_record_find(&record, "memory_limit")->before);
	assert_int_equal(1, record.count);
}

static void too_many_changes_are_refused(void **state)
{
	(void)state;
	struct relief_record record = {0};
	char name[16];
	for (int i = 0; i < RELIEF_ENTRIES_MAX; i++) {
		snprintf(name, sizeof name, "n%d", i);
		assert_ok(relief_record_add(&record, name, 1, 2, &error));
	}
	assert_error(ERROR_LIMIT, relief_record_add(&record, "more", 1, 2, &error));
}

static void a_record_cut_anywhere_is_none(void **state)
{
	(void)state;
	struct relief_record record = {.pid = 7, .start_ticks = 8, .boot_id = "abc"}, parsed;
	assert_ok(relief_record_add(&record, "memory_limit", 1, 2, &error));
	char *text = relief_record_write_text(&record);
	size_t size = strlen(text);
	assert_ok(relief_record_parse(text, size, &parsed, &error));
	assert_int_equal(8, parsed.start_ticks);
	for (size_t cut = 0; cut < size; cut++)
		assert_error(ERROR_BAD_DATA, relief_record_parse(text, cut, &parsed, &error));
	free(text);
}

static void records_that_make_no_sense_are_none(void **state)
{
	(void)state;
	static const char *const texts[] = {
		"[]",
		"{}",
		"{\"version\":2,\"boot_id\":\"\",\"pid\":1,\"start_ticks\":1,\"inode\":0,\"path\":\"\","
		"\"changes\":[]}",
		"{\"version\":1,\"boot_id\":\"\",\"pid\":-1,\"start_ticks\":1,\"inode\":0,\"path\":\"\","
		"\"changes\":[]}",
		"{\"version\":1,\"boot_id\":\"\",\"pid\":1,\"start_ticks\":1,\"inode\":0,\"path\":\"\","
		"\"changes\":[0]}",
		"{\"version\":1,\"boot_id\":\"\",\"pid\":1,\"start_ticks\":1,\"inode\":0,\"path\":\"\","
		"\"changes\":[0,0,0,0,0,0,0,0,0]}",
		"{\"version\":1,\"boot_id\":\"0123456789012345678901234567890123456789\",\"pid\":1,"
		"\"start_ticks\":1,\"inode\":0,\"path\":\"\",\"changes\":[]}",
	};
	struct relief_record record;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		assert_error(ERROR_BAD_DATA,
			     relief_record_parse(texts[i], strlen(texts[i]), &record, &error));
}

static void a_folder_of_others_is_refused(void **state)
{
	(void)state;
	struct lab_dir dir;
	struct relief_state folder;
	lab_dir_make(&dir);
	assert_int_equal(0, chmod(dir.path, 0777));
	assert_error(ERROR_USAGE, relief_state_open(dir.path, &folder, &error));
	lab_dir_remove(&dir);
}

static void one_whyoom_at_a_time(void **state)
{
	(void)state;
	struct lab_dir dir;
	struct relief_state first, second;
	lab_dir_make(&dir);
	assert_ok(relief_state_open(dir.path, &first, &error));
	assert_error(ERROR_LIMIT, relief_state_open(dir.path, &second, &error));
	relief_state_close(&first);
	assert_ok(relief_state_open(dir.path, &second, &error));
	finish(&dir, &second);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_stored_is_loaded),
		cmocka_unit_test(an_empty_record_is_no_file),
		cmocka_unit_test(the_first_value_stays_on_record),
		cmocka_unit_test(too_many_changes_are_refused),
		cmocka_unit_test(a_record_cut_anywhere_is_none),
		cmocka_unit_test(records_that_make_no_sense_are_none),
		cmocka_unit_test(a_folder_of_others_is_refused),
		cmocka_unit_test(one_whyoom_at_a_time),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
