// SPDX-License-Identifier: Apache-2.0
#include "lab.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "system/process.h"

static const char status_text[] =
	"Name:\tweb (1) \\n\nUmask:\t0022\nState:\tS (sleeping)\nTgid:\t70\n"
	"Uid:\t1000\t1001\t1002\t1003\nNSpid:\t70\t8\t1\n"
	"VmHWM:\t  2048 kB\nVmRSS:\t  1024 kB\nRssAnon:\t   512 kB\n"
	"RssFile:\t   300 kB\nRssShmem:\t   212 kB\nVmPTE:\t 40 kB\n"
	"VmSwap:\t     0 kB\nThreads:\t17\n";

static const char stat_text[] =
	"4242 (a)\n b) S 1 4242 4242 0 -1 4194560 100 0 1 0 5 6 7 8 20 0 17 0 123456 10485760 256 "
	"18446744073709551615 1 2 3 0 0 0 0 0 0 0 0 0 17 1 0 0 0 0 0 9 10 11 12 13 14 15 137\n";

static void status_is_parsed(void **state)
{
	(void)state;
	struct process_status status;
	assert_ok(process_status_parse(status_text, &status, &error));
	assert_string_equal("web (1) \\n", status.name);
	assert_int_equal('S', status.state);
	assert_true(status.uid.known && status.uid.value == 1000);
	assert_true(status.threads.known && status.threads.value == 17);
	assert_int_equal(1024 << 10, status.vm_rss_bytes.value);
	assert_int_equal(2048 << 10, status.vm_peak_rss_bytes.value);
	assert_int_equal(512 << 10, status.rss_anon_bytes.value);
	assert_int_equal(300 << 10, status.rss_file_bytes.value);
	assert_int_equal(212 << 10, status.rss_shmem_bytes.value);
	assert_true(status.vm_swap_bytes.known && status.vm_swap_bytes.value == 0);
	assert_false(status.vm_size_bytes.known);
	assert_int_equal(3, status.ns_pid_count);
	assert_int_equal(70, status.ns_pids[0]);
	assert_int_equal(1, status.ns_pids[2]);
}

static void bad_status_is_refused(void **state)
{
	(void)state;
	struct process_status status = {.state = '!'};
	assert_error(ERROR_BAD_DATA, process_status_parse("", &status, &error));
	assert_error(ERROR_BAD_DATA,
		     process_status_parse("Name:\ta\nState:\tS\nVmRSS:\tx kB\n", &status, &error));
	assert_error(ERROR_BAD_DATA,
		     process_status_parse("Name:\ta\nState:\tS\nVmRSS:\t1 kB\nVmRSS:\t1 kB\n",
					  &status, &error));
	assert_error(ERROR_BAD_DATA,
		     process_status_parse("Name:\ta\nState:\tS\nVmRSS:\t99999999999999999999 kB\n",
					  &status, &error));
	assert_error(ERROR_BAD_DATA,
		     process_status_parse("Name:\ta\nState:\tS\nVmRSS:\t18446744073709551615 kB\n",
					  &status, &error));
	assert_int_equal('!', status.state);
}

static void stat_is_parsed(void **state)
{
	(void)state;
	struct process_stat stat;
	assert_ok(process_stat_parse(stat_text, &stat, &error));
	assert_int_equal(4242, stat.pid);
	assert_int_equal(1, stat.parent_pid);
	assert_string_equal("a)\n b", stat.name);
	assert_int_equal('S', stat.state);
	assert_int_equal(17, stat.thread_count);
	assert_int_equal(123456, stat.start_ticks);
	assert_int_equal(10485760, stat.vm_size_bytes);
	assert_int_equal(256, stat.rss_pages);
	assert_false(stat.kernel_thread);
	assert_true(stat.exit_status.known);
	assert_int_equal(137, stat.exit_status.value);
	assert_error(ERROR_BAD_DATA, process_stat_parse("1 (a) S 1 1 x 1\n", &stat, &error));
	assert_error(ERROR_BAD_DATA, process_stat_parse("1 ) (\n", &stat, &error));
	assert_error(ERROR_BAD_DATA, process_stat_parse("\n", &stat, &error));
}

static bool parse_status(const char *text, struct error *error)
{
	struct process_status status;
	return process_status_parse(text, &status, error);
}

static bool parse_stat(const char *text, struct error *error)
{
	struct process_stat stat;
	return process_stat_parse(text, &stat, error);
}

static void cut_text_is_refused(void **state)
{
	(void)state;
	lab_cut(status_text, parse_status);
	lab_cut(stat_text, parse_stat);
}

static void a_live_process_is_opened(void **state)
{
	(void)state;
	struct process_files files;
	struct process_status status;
	struct process_stat stat;
	char self[4096] = "";
	pid_t child = lab_spawn(NULL, NULL, NULL);
	assert_ok(process_files_open("/proc", child, &files, &error));
	assert_true(files.pidfd >= 0 && files.mem >= 0 && files.exe >= 0 && files.smaps >= 0 &&
		    files.pagemap >= 0);
	assert_true(readlink("/proc/self/exe", self, sizeof self - 1) > 0);
	assert_string_equal(self, files.exe_path);
	assert_ok(process_status_read(&files, &status, &error));
	assert_true(status.rss_anon_bytes.known && status.rss_anon_bytes.value > 0);
	assert_int_equal(child, status.ns_pids[status.ns_pid_count - 1]);
	assert_ok(process_stat_read(&files, &stat, &error));
	assert_int_equal(getpid(), stat.parent_pid);
	int64_t age_ns = clock_unix_ns() - process_start_unix_ns(&stat, process_boot_unix_ns());
	assert_true(age_ns > -100000000 && age_ns < 60000000000);
	assert_false(process_ended(&files));
	lab_kill(child);
	assert_true(process_ended(&files));
	assert_error(ERROR_NOT_FOUND, process_stat_read(&files, &stat, &error));
	process_files_close(&files);
	assert_int_equal(-1, files.mem);
}

static void what_cannot_be_opened_is_named(void **state)
{
	(void)state;
	struct process_files files;
	assert_error(ERROR_USAGE, process_files_open("/proc", 0, &files, &error));
	assert_error(ERROR_NOT_FOUND, process_files_open("/proc", 0x3ffffff, &files, &error));
	lab_need_root();
	assert_error(ERROR_UNSUPPORTED, process_files_open("/proc", 2, &files, &error));
}

static void a_zombie_is_named(void **state)
{
	(void)state;
	struct process_files files;
	pid_t child = lab_spawn(NULL, NULL, NULL);
	kill(child, SIGKILL);
	siginfo_t info;
	assert_int_equal(0, waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT));
	assert_error(ERROR_NOT_FOUND, process_files_open("/proc", child, &files, &error));
	assert_int_not_equal(-1, lab_wait(child, 1000));
}

static int open_as_nobody(pid_t target)
{
	struct process_files files;
	struct error error = {0};
	if (setgid(65534) != 0 || setuid(65534) != 0)
		return 1;
	if (process_files_open("/proc", target, &files, &error))
		return 2;
	return error.code == ERROR_OS && strstr(error.hint, "CAP_SYS_PTRACE") ? 0 : 3;
}

static void a_foreign_process_needs_privileges(void **state)
{
	(void)state;
	lab_need_root();
	pid_t target = getpid(), child = fork();
	assert_true(child >= 0);
	if (child == 0)
		_exit(open_as_nobody(target));
	assert_int_equal(0, lab_wait(child, 10000));
}

static void a_fixture_stands_in_for_proc(void **state)
{
	(void)state;
	struct lab_dir dir;
	struct process_files files;
	struct process_stat stat;
	lab_dir_make(&dir);
	lab_dir_write(&dir, "4242/stat", stat_text);
	lab_dir_write(&dir, "4242/status", status_text);
	lab_dir_write(&dir, "4242/mem", "");
	assert_error(ERROR_NOT_FOUND, process_files_open(dir.path, 4242, &files, &error));
	lab_dir_write(&dir, "4242/maps", "");
	assert_ok(process_files_open(dir.path, 4242, &files, &error));
	assert_int_equal(-1, files.pidfd);
	assert_int_equal(-1, files.smaps);
	assert_null(files.exe_path);
	assert_ok(process_stat_read(&files, &stat, &error));
	assert_int_equal(123456, stat.start_ticks);
	process_files_close(&files);
	lab_dir_remove(&dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(status_is_parsed),
		cmocka_unit_test(bad_status_is_refused),
		cmocka_unit_test(stat_is_parsed),
		cmocka_unit_test(cut_text_is_refused),
		cmocka_unit_test(a_live_process_is_opened),
		cmocka_unit_test(what_cannot_be_opened_is_named),
		cmocka_unit_test(a_zombie_is_named),
		cmocka_unit_test(a_foreign_process_needs_privileges),
		cmocka_unit_test(a_fixture_stands_in_for_proc),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
