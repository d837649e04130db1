// SPDX-License-Identifier: Apache-2.0
#include "lab.h"

#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "system/exit.h"

static void exit_with_7(void *context)
{
	(void)context;
	pause();
	_exit(7);
}

static void on_signal(int number)
{
	(void)number;
}

static void wait_zombie(pid_t pid)
{
	siginfo_t info;
	assert_int_equal(0, waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT));
}

static struct exit_info find(const struct process_files *files)
{
	struct exit_info info = {0};
	assert_ok(exit_find(files, &info, &error));
	return info;
}

// Before its parent collected it the stat tells; afterwards only the pidfd of a newer kernel.
static void expect_end(struct process_files *files, pid_t child, bool signalled, int value)
{
	wait_zombie(child);
	struct exit_info info = find(files);
	assert_true(info.known);
	assert_int_equal(signalled, info.signalled);
	assert_int_equal(value, signalled ? info.signal : info.code);
	assert_string_equal("the zombie's stat", info.source);
	assert_int_not_equal(-1, lab_wait(child, 1000));
	info = find(files);
	assert_non_null(info.source);
	if (!info.known) {
		print_message("this kernel keeps no exit status for a pidfd\n");
	} else {
		assert_string_equal("the pidfd", info.source);
		assert_int_equal(signalled, info.signalled);
		assert_int_equal(value, signalled ? info.signal : info.code);
	}
	process_files_close(files);
}

static void a_signal_is_told(void **state)
{
	(void)state;
	struct process_files files;
	struct exit_info info;
	pid_t child = lab_spawn(NULL, NULL, NULL);
	assert_ok(process_files_open("/proc", child, &files, &error));
	assert_error(ERROR_USAGE, exit_find(&files, &info, &error));
	kill(child, SIGKILL);
	expect_end(&files, child, true, SIGKILL);
}

static void a_code_is_told(void **state)
{
	(void)state;
	struct process_files files;
	signal(SIGUSR1, on_signal);
	pid_t child = lab_spawn(NULL, exit_with_7, NULL);
	assert_ok(process_files_open("/proc", child, &files, &error));
	lab_sleep_ms(50); // let it reach pause()
	kill(child, SIGUSR1);
	expect_end(&files, child, false, 7);
}

static void nothing_left_is_unknown(void **state)
{
	(void)state;
	struct process_files files;
	pid_t child = lab_spawn(NULL, NULL, NULL);
	assert_ok(process_files_open("/proc", child, &files, &error));
	lab_kill(child);
	close(files.pidfd);
	files.pidfd = -1;
	struct exit_info info = find(&files);
	assert_false(info.known);
	assert_true(strlen(info.source) > 0);
	process_files_close(&files);
}

static void a_wait_status_is_read(void **state)
{
	(void)state;
	struct exit_info info = exit_of_status(9, "test");
	assert_true(info.known && info.signalled && info.signal == 9);
	info = exit_of_status(139, "test"); // with a core: 128 + SIGSEGV
	assert_true(info.signalled && info.signal == 11);
	info = exit_of_status(2 << 8, "test");
	assert_true(info.known && !info.signalled && info.code == 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_signal_is_told),
		cmocka_unit_test(a_code_is_told),
		cmocka_unit_test(nothing_left_is_unknown),
		cmocka_unit_test(a_wait_status_is_read),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
