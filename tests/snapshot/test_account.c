// SPDX-License-Identifier: Apache-2.0
// Accounts of processes that cannot be looked into, or end in between.
#include "system/lab.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "report/account.h"
#include "snapshot/account.h"

enum { MIB = 1 << 20 };

static void assert_sums(const struct ledger *ledger)
{
	const char *broken;
	if (!ledger_sums(ledger, &broken))
		fail_msg("%s does not sum", broken);
}

static void assert_says(const struct account *account, const char *part)
{
	struct strbuf text = {0};
	report_write_account(account, (struct report_style){0}, &text);
	if (!strstr(text.text, part))
		fail_msg("\"%s\" is not in\n%s", part, text.text);
	strbuf_deinit(&text);
}

static void wait_for_memory(const struct lab_cgroup *lab, uint64_t bytes)
{
	for (int i = 0; i < 500 && lab_cgroup_read(lab, "memory.stat", "total_rss") < bytes; i++)
		lab_sleep_ms(10);
}

static void link_to(const struct lab_dir *dir, const char *name, const char *target)
{
	char path[256];
	snprintf(path, sizeof path, "%s/%s", dir->path, name);
	assert_int_equal(0, symlink(target, path));
}

// A /proc that has everything of a process but `missing`.
static void make_proc(const struct lab_dir *dir, pid_t pid, const char *missing)
{
	static const char *const names[] = {"stat",  "status",  "mem",  "maps",    "smaps",
					    "statm", "cgroup",  "exe",  "pagemap", "cmdline",
					    "comm",  "environ", "root", "ns",      "fd"};
	char name[128], target[64];
	link_to(dir, "self", "/proc/self");
	link_to(dir, "sys", "/proc/sys");
	snprintf(name, sizeof name, "%s/%d", dir->path, (int)pid);
	assert_int_equal(0, mkdir(name, 0755));
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		snprintf(name, sizeof name, "%d/%s", (int)pid, names[i]);
		snprintf(target, sizeof target, "/proc/%d/%s", (int)pid, names[i]);
		if (strcmp(names[i], missing) != 0)
			link_to(dir, name, target);
	}
}

static void without_smaps_the_rest_is_there(void **state)
{
	(void)state;
	struct lab_cgroup lab;
	struct lab_dir proc;
	struct capture *capture;
	struct account_source *source;
	struct account *account;
	size_t bytes = 8 * MIB;
	lab_need_root();
	lab_cgroup_make(&lab, "no-smaps", 64 * MIB);
	lab_dir_make(&proc);
	pid_t child = lab_spawn(&lab, lab_allocate, &bytes);
	wait_for_memory(&lab, bytes);
	make_proc(&proc, child, "smaps");
	assert_ok(capture_open(proc.path, child, lab.path, &capture, &error));
	assert_ok(account_open_process(capture, proc.path, &source, &error));
	assert_ok(account_take(source, &account, &error));
	const struct snapshot *snapshot = account->processes.items[0];
	assert_false(snapshot_has(&snapshot->process_ledger_absent));
	assert_non_null(strstr(snapshot->process_ledger_absent.message, "smaps"));
	assert_true(snapshot_has(&account->cgroup_absent));
	assert_sums(&account->cgroup_ledger);
	assert_true(ledger_bytes(&account->cgroup_ledger, "anon") >= (int64_t)bytes);
	assert_says(account, "no ledger: ");
	assert_says(account, "smaps cannot be opened");
	account_free(account);
	account_close(source);
	capture_close(capture);
	lab_kill(child);
	lab_cgroup_remove(&lab);
	lab_dir_remove(&proc);
}

static void without_pagemap_the_ledger_sums(void **state)
{
	(void)state;
	struct lab_dir proc;
	struct capture *capture;
	struct snapshot *snapshot;
	size_t bytes = 8 * MIB;
	lab_need_root();
	lab_dir_make(&proc);
	pid_t child = lab_spawn(NULL, lab_allocate, &bytes);
	make_proc(&proc, child, "pagemap");
	assert_ok(capture_open(proc.path, child, NULL, &capture, &error));
	assert_ok(capture_take(capture, CAPTURE_LEDGER | CAPTURE_NATIVE, "", &snapshot, &error));
	assert_true(snapshot_has(&snapshot->process_ledger_absent));
	assert_sums(&snapshot->process_ledger);
	snapshot_free(snapshot);
	capture_close(capture);
	lab_kill(child);
	lab_dir_remove(&proc);
}

static void one_that_ends_in_between_is_counted(void **state)
{
	(void)state;
	struct lab_cgroup lab;
	struct account_source *source;
	struct account *account;
	size_t bytes = 8 * MIB;
	lab_need_root();
	lab_cgroup_make(&lab, "between", 64 * MIB);
	pid_t stays = lab_spawn(&lab, lab_allocate, &bytes);
	pid_t ends = lab_spawn(&lab, lab_allocate, &bytes);
	wait_for_memory(&lab, 2 * bytes);
	assert_ok(account_open_cgroup(lab.path, "/proc", &source, &error));
	lab_kill(ends);
	assert_ok(account_take(source, &account, &error));
	assert_int_equal(1, account->processes.count);
	assert_int_equal(stays, account->processes.items[0]->identity.pid);
	assert_int_equal(1, account->unread_processes);
	assert_sums(&account->cgroup_ledger);
	assert_says(account, "not read    1 process: ");
	account_free(account);
	account_close(source);
	lab_kill(stays);
	lab_cgroup_remove(&lab);
}

static void the_one_that_was_asked_for_ends_in_between(void **state)
{
	(void)state;
	struct capture *capture;
	struct account_source *source;
	struct account *account;
	size_t bytes = MIB;
	lab_need_root();
	pid_t child = lab_spawn(NULL, lab_allocate, &bytes);
	assert_ok(capture_open("/proc", child, NULL, &capture, &error));
	assert_ok(account_open_process(capture, "/proc", &source, &error));
	lab_kill(child);
	assert_error(ERROR_NOT_FOUND, account_take(source, &account, &error));
	account_close(source);
	capture_close(capture);
}

// What comes after the snapshot leaves it as it was.
static void nothing_more_of_a_process_that_ended(void **state)
{
	(void)state;
	struct lab_cgroup lab;
	struct capture *capture;
	struct snapshot *snapshot;
	size_t bytes = 8 * MIB;
	lab_need_root();
	lab_cgroup_make(&lab, "more", 64 * MIB);
	pid_t child = lab_spawn(&lab, lab_allocate, &bytes);
	wait_for_memory(&lab, bytes);
	assert_ok(capture_open("/proc", child, lab.path, &capture, &error));
	capture_more_begin(capture, "/proc");
	assert_ok(capture_take(capture, CAPTURE_LEDGER, "", &snapshot, &error));
	assert_true(capture_worth_native(snapshot));
	int64_t total = snapshot->process_ledger.total_bytes;
	assert_ok(capture_more_native(capture, snapshot, &error));
	assert_sums(&snapshot->process_ledger);
	assert_sums(&snapshot->cgroup_ledger);
	assert_string_equal(lab.path, snapshot->cgroup.path);
	assert_true(snapshot->process_ledger.total_bytes >= total);
	total = snapshot->process_ledger.total_bytes;
	lab_kill(child);
	assert_error(ERROR_NOT_FOUND, capture_more_native(capture, snapshot, &error));
	assert_true(snapshot_has(&snapshot->process_ledger_absent));
	assert_int_equal(total, snapshot->process_ledger.total_bytes);
	// So little page cache is not worth the time.
	assert_false(capture_more_files(capture, snapshot));
	assert_non_null(strstr(snapshot->files_absent.message, "less than 1 MiB"));
	snapshot_free(snapshot);
	capture_close(capture);
	lab_cgroup_remove(&lab);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_smaps_the_rest_is_there),
		cmocka_unit_test(without_pagemap_the_ledger_sums),
		cmocka_unit_test(one_that_ends_in_between_is_counted),
		cmocka_unit_test(the_one_that_was_asked_for_ends_in_between),
		cmocka_unit_test(nothing_more_of_a_process_that_ended),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
