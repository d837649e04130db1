// SPDX-License-Identifier: Apache-2.0
// Taking a snapshot of processes that are no Go programs; those that are, are in tests/e2e.
#include "system/lab.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "snapshot/capture.h"
#include "snapshot/convert.h"

static void mappings_are_converted(void **state)
{
	(void)state;
	static const char text[] =
		"00400000-00600000 r-xp 00001000 fe:00 7 /usr/bin/app (deleted)\n"
		"00600000-00700000 rw-p 00200000 fe:00 7 /usr/bin/app\n"
		"00700000-00800000 ---p 00000000 00:00 0 /usr/bin/app\n" // a name, but no file
		"00800000-00900000 r--p 00000000 fe:00 8 /usr/bin/application\n";
	struct maps maps;
	assert_ok(maps_parse(text, sizeof text - 1, &maps, &error));
	struct mapped_file exe = {.path = "/usr/bin/app"};
	struct target_mapping *mappings = convert_mappings(&maps, &exe);
	assert_true(mappings[0].start == 0x400000 && mappings[0].end == 0x600000);
	assert_true(mappings[0].data_offset == 0x400000 && mappings[0].data_size == 0x200000);
	assert_int_equal(0x1000, mappings[0].exe_offset);
	assert_true(mappings[0].of_exe && mappings[0].readable && !mappings[0].writable);
	assert_true(mappings[1].of_exe && mappings[1].writable);
	assert_false(mappings[2].of_exe || mappings[2].readable);
	assert_false(mappings[3].of_exe);
	free(mappings);
	exe.path = ""; // not known
	mappings = convert_mappings(&maps, &exe);
	assert_false(mappings[0].of_exe);
	free(mappings);
	// By number, a name says nothing; where nothing has the number, the name counts.
	exe = (struct mapped_file){8, 0xfe, 0, "/usr/bin/app"};
	mappings = convert_mappings(&maps, &exe);
	assert_false(mappings[0].of_exe || mappings[1].of_exe);
	assert_true(mappings[3].of_exe);
	free(mappings);
	exe.device_minor = 1;
	mappings = convert_mappings(&maps, &exe);
	assert_true(mappings[0].of_exe && mappings[1].of_exe);
	assert_false(mappings[2].of_exe || mappings[3].of_exe);
	free(mappings);
	maps_deinit(&maps);
}

// The dynamic linker has written into this before it was protected.
static int pointed_to;
static int *const relocated = &pointed_to;

static struct target_mapping *find_row(struct target_mapping *rows, size_t count, uint64_t address)
{
	for (size_t i = 0; i < count; i++)
		if (address >= rows[i].start && address < rows[i].end)
			return &rows[i];
	fail_msg("nothing is mapped at %#lx", (unsigned long)address);
	return NULL;
}

static void relocated_pages_are_not_what_the_file_has(void **state)
{
	(void)state;
	struct maps maps;
	struct elf_image *image;
	char path[4096] = "";
	struct mapped_file exe = {.path = path};
	int maps_fd = open("/proc/self/maps", O_RDONLY), exe_fd = open("/proc/self/exe", O_RDONLY);
	assert_true(readlink("/proc/self/exe", path, sizeof path - 1) > 0);
	assert_ok(maps_read(maps_fd, "maps", &maps, &error));
	assert_ok(elf_image_open(exe_fd, &image, &error));
	struct target_mapping *rows = convert_mappings(&maps, &exe);
	size_t count = maps.list.count;
	struct target_mapping *data = find_row(rows, count, (uintptr_t)&relocated);
	struct target_mapping *code = find_row(rows, count, (uintptr_t)find_row);
	if (!elf_image_is_relocatable(image) || data->writable)
		skip(); // built without PIE or RELRO
	assert_true(data->of_exe && code->of_exe);
	convert_relocated(rows, count, NULL);
	assert_false(data->writable);
	convert_relocated(rows, count, image);
	assert_true(data->writable);
	assert_false(code->writable);
	free(rows);
	elf_image_free(image);
	maps_deinit(&maps);
	close(maps_fd);
	close(exe_fd);
}

static void a_process_that_is_no_go_program_has_its_ledger(void **state)
{
	(void)state;
	struct capture *capture;
	struct snapshot *snapshot;
	const char *broken = NULL;
	assert_ok(capture_open("/proc", getpid(), NULL, &capture, &error));
	assert_ok(capture_take(capture, CAPTURE_ALL, "inuse_space", &snapshot, &error));
	assert_int_equal(getpid(), snapshot->identity.pid);
	assert_non_null(strstr(snapshot->identity.executable, "test-snapshot-capture"));
	assert_false(snapshot->identity.is_go);
	assert_int_equal(ERROR_NOT_FOUND, snapshot->go_absent.code);
	assert_non_null(strstr(snapshot->go_absent.message, "not a Go program"));
	assert_int_equal(ERROR_NOT_FOUND, snapshot->heap_absent.code);
	assert_int_equal(ERROR_NOT_FOUND, snapshot->goroutines_absent.code);
	assert_null(snapshot->heap);
	assert_true(snapshot_has(&snapshot->process_ledger_absent));
	assert_true(ledger_sums(&snapshot->process_ledger, &broken));
	assert_true(snapshot->process_ledger.total_bytes > 1 << 20);
	assert_int_equal(0, ledger_bytes(&snapshot->process_ledger, "go"));
	if (snapshot_has(&snapshot->cgroup_ledger_absent))
		assert_true(ledger_sums(&snapshot->cgroup_ledger, &broken));
	else
		assert_true(snapshot->cgroup_absent.message[0]);
	snapshot_free(snapshot);
	capture_close(capture);
}

static void what_was_not_asked_for_is_absent(void **state)
{
	(void)state;
	struct capture *capture;
	struct snapshot *snapshot;
	assert_ok(capture_open("/proc", getpid(), "/nonexistent", &capture, &error));
	assert_ok(capture_take(capture, CAPTURE_HEAP, "inuse_space", &snapshot, &error));
	assert_false(snapshot_has(&snapshot->process_ledger_absent));
	assert_false(snapshot_has(&snapshot->cgroup_absent));
	snapshot_free(snapshot);
	assert_ok(capture_take(capture, CAPTURE_LEDGER, "inuse_space", &snapshot, &error)); // again
	assert_true(snapshot_has(&snapshot->process_ledger_absent));
	assert_false(snapshot_has(&snapshot->cgroup_absent));
	assert_true(snapshot->cgroup_absent.message[0]);
	snapshot_free(snapshot);
	capture_close(capture);
}

static void a_process_that_is_gone_is_an_error(void **state)
{
	(void)state;
	struct capture *capture = NULL;
	struct snapshot *snapshot = NULL;
	pid_t child = lab_spawn(NULL, NULL, NULL);
	assert_ok(capture_open("/proc", child, NULL, &capture, &error));
	lab_kill(child);
	assert_error(ERROR_NOT_FOUND,
		     capture_take(capture, CAPTURE_ALL, "inuse_space", &snapshot, &error));
	assert_null(snapshot);
	capture_close(capture);
	capture = NULL;
	struct error error = {0};
	assert_false(capture_open("/proc", child, NULL, &capture, &error));
	assert_true(error.message[0]);
	assert_null(capture);
	capture_close(NULL);
	snapshot_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mappings_are_converted),
		cmocka_unit_test(relocated_pages_are_not_what_the_file_has),
		cmocka_unit_test(a_process_that_is_no_go_program_has_its_ledger),
		cmocka_unit_test(what_was_not_asked_for_is_absent),
		cmocka_unit_test(a_process_that_is_gone_is_an_error),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
