// SPDX-License-Identifier: Apache-2.0
// Stopping and letting go, on a real process: nobody in it may notice more than the time.
#include "lab.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "blocked.h"
#include "system/maps.h"
#include "system/tracer.h"

static int64_t in_seconds(int seconds)
{
	return clock_monotonic_ns() + (int64_t)seconds * 1000000000;
}

static void every_thread_stands_still(void **state)
{
	(void)state;
	struct blocked blocked;
	struct tracer tracer;
	blocked_start(&blocked);
	assert_ok(tracer_stop(&tracer, &blocked.files, in_seconds(10), &error));
	assert_int_equal(BLOCKED_CALLS + 2, tracer.threads.count);
	VEC_FOREACH (thread, &tracer.threads) {
		assert_int_equal(TRACER_STOPPED, thread->state);
		assert_int_equal('t', blocked_state(blocked.pid, thread->id));
	}
	uint64_t turns = blocked.shared->turns;
	lab_sleep_ms(20);
	assert_int_equal(turns, blocked.shared->turns);
	assert_true(tracer_let_go(&tracer) >= 20000000);
	blocked_assert_running(&blocked);
	blocked_assert_undisturbed(&blocked);
	blocked_end(&blocked);
}

static void calls_survive_many_stops(void **state)
{
	(void)state;
	struct blocked blocked;
	struct tracer tracer;
	blocked_start(&blocked);
	for (int i = 0; i < 100; i++) {
		assert_ok(tracer_stop(&tracer, &blocked.files, in_seconds(10), &error));
		tracer_let_go(&tracer);
	}
	blocked_assert_running(&blocked);
	blocked_assert_undisturbed(&blocked);
	blocked_end(&blocked);
}

// Each program counter is in code, each stack pointer in writable memory, ids are those of /proc.
static void registers_are_the_threads_own(void **state)
{
	(void)state;
	struct blocked blocked;
	struct tracer tracer;
	struct target_thread threads[BLOCKED_CALLS + 3];
	struct maps maps;
	blocked_start(&blocked);
	assert_ok(tracer_stop(&tracer, &blocked.files, in_seconds(10), &error));
	size_t count = tracer_read_threads(&tracer, threads, BLOCKED_CALLS + 3);
	assert_int_equal(BLOCKED_CALLS + 2, count);
	assert_ok(maps_read(blocked.files.maps, "maps", &maps, &error));
	for (size_t i = 0; i < count; i++) {
		const struct mapping *code = maps_find(&maps, threads[i].pc);
		const struct mapping *stack = maps_find(&maps, threads[i].sp);
		assert_true(code && code->perms[2] == 'x');
		assert_true(stack && stack->perms[1] == 'w');
		assert_int_equal('t', blocked_state(blocked.pid, (pid_t)threads[i].id));
	}
	assert_int_equal(2, tracer_read_threads(&tracer, threads, 2));
	maps_deinit(&maps);
	tracer_let_go(&tracer);
	blocked_end(&blocked);
}

static void one_thread_alone_is_stopped(void **state)
{
	(void)state;
	struct blocked blocked;
	struct tracer tracer;
	blocked_start(&blocked);
	assert_ok(tracer_stop_one(&tracer, &blocked.files, blocked.pid, in_seconds(10), &error));
	assert_int_equal(1, tracer.threads.count);
	assert_int_equal('t', blocked_state(blocked.pid, blocked.pid));
	uint64_t turns = blocked.shared->turns;
	for (int i = 0; i < 2000 && blocked.shared->turns == turns; i++)
		lab_sleep_ms(1);
	assert_true(blocked.shared->turns != turns);
	tracer_let_go(&tracer);
	blocked_assert_running(&blocked);
	blocked_assert_undisturbed(&blocked);
	blocked_end(&blocked);
}

static void no_signal_is_lost(void **state)
{
	(void)state;
	struct blocked blocked;
	struct tracer tracer;
	blocked_start(&blocked);
	for (int i = 1; i <= 200; i++) {
		// Now before the stop, so that it is on its way; now during it.
		if (i % 2)
			kill(blocked.pid, SIGUSR1);
		assert_ok(tracer_stop(&tracer, &blocked.files, in_seconds(10), &error));
		if (i % 2 == 0)
			kill(blocked.pid, SIGUSR1);
		tracer_let_go(&tracer);
		for (int waited = 0; waited < 5000 && blocked.shared->signals < i; waited++)
			lab_sleep_ms(1);
		assert_int_equal(i, blocked.shared->signals);
	}
	blocked_assert_undisturbed(&blocked);
	blocked_end(&blocked);
}

static void wait_for_state(pid_t pid, char wanted)
{
	for (int waited = 0; waited < 5000 && blocked_state(pid, pid) != wanted; waited++)
		lab_sleep_ms(1);
	assert_int_equal(wanted, blocked_state(pid, pid));
}

static void what_job_control_stopped_stays_stopped(void **state)
{
	(void)state;
	struct blocked blocked;
	struct tracer tracer;
	blocked_start(&blocked);
	kill(blocked.pid, SIGSTOP);
	wait_for_state(blocked.pid, 'T');
	assert_ok(tracer_stop(&tracer, &blocked.files, in_seconds(10), &error));
	VEC_FOREACH (thread, &tracer.threads)
		assert_true(thread->job_stopped);
	tracer_let_go(&tracer);
	wait_for_state(blocked.pid, 'T');
	uint64_t turns = blocked.shared->turns;
	lab_sleep_ms(20);
	assert_int_equal(turns, blocked.shared->turns);
	kill(blocked.pid, SIGCONT);
	blocked_assert_running(&blocked);
	blocked_assert_undisturbed(&blocked);
	blocked_end(&blocked);
}

static void sigstop_during_the_stop_is_obeyed_after_it(void **state)
{
	(void)state;
	struct blocked blocked;
	struct tracer tracer;
	blocked_start(&blocked);
	assert_ok(tracer_stop(&tracer, &blocked.files, in_seconds(10), &error));
	kill(blocked.pid, SIGSTOP);
	tracer_let_go(&tracer);
	wait_for_state(blocked.pid, 'T');
	kill(blocked.pid, SIGCONT);
	blocked_assert_running(&blocked);
	blocked_end(&blocked);
}

static void a_traced_process_is_refused(void **state)
{
	(void)state;
	struct blocked blocked;
	struct tracer tracer;
	int told[2];
	char byte;
	blocked_start(&blocked);
	assert_int_equal(0, pipe(told));
	pid_t other = fork();
	if (other == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (ptrace(PTRACE_SEIZE, blocked.pid, NULL, NULL) != 0 ||
		    write(told[1], "x", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	assert_int_equal(1, read(told[0], &byte, 1));
	struct error error = {0};
	assert_false(tracer_stop(&tracer, &blocked.files, in_seconds(10), &error));
	assert_int_equal(ERROR_UNSUPPORTED, error.code);
	char tracer_text[32];
	snprintf(tracer_text, sizeof tracer_text, "process %d traces it", (int)other);
	assert_non_null(strstr(error.message, tracer_text));
	lab_kill(other);
	blocked_assert_running(&blocked);
	blocked_assert_undisturbed(&blocked);
	blocked_end(&blocked);
	close(told[0]);
	close(told[1]);
}

static void a_process_that_ended_is_not_found(void **state)
{
	(void)state;
	struct blocked blocked;
	struct tracer tracer;
	blocked_start(&blocked);
	kill(blocked.pid, SIGKILL);
	wait_for_state(blocked.pid, 'Z');
	assert_error(ERROR_NOT_FOUND, tracer_stop(&tracer, &blocked.files, in_seconds(10), &error));
	blocked_end(&blocked);
}

static void a_kill_during_the_stop_is_obeyed(void **state)
{
	(void)state;
	struct blocked blocked;
	struct tracer tracer;
	blocked_start(&blocked);
	assert_ok(tracer_stop(&tracer, &blocked.files, in_seconds(10), &error));
	kill(blocked.pid, SIGKILL);
	tracer_let_go(&tracer);
	wait_for_state(blocked.pid, 'X'); // we are its parent: nobody else was to collect it
	blocked_end(&blocked);
}

// A child of vfork keeps its parent where no signal reaches it.
static void do_vfork(void *context)
{
	(void)context;
	if (vfork() == 0) {
		for (;;)
			syscall(SYS_pause);
	}
}

static void a_thread_that_cannot_stop_is_let_go(void **state)
{
	(void)state;
	struct process_files files;
	struct tracer tracer;
	pid_t pid = lab_spawn(NULL, do_vfork, NULL);
	wait_for_state(pid, 'D');
	assert_ok(process_files_open("/proc", pid, &files, &error));
	assert_error(ERROR_LIMIT,
		     tracer_stop(&tracer, &files, clock_monotonic_ns() + 50000000, &error));
	process_files_close(&files);
	char path[64], text[32] = "";
	snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)pid, (int)pid);
	FILE *children = fopen(path, "r");
	assert_non_null(children);
	assert_non_null(fgets(text, sizeof text, children));
	fclose(children);
	kill((pid_t)strtol(text, NULL, 10), SIGKILL);
	lab_kill(pid);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_thread_stands_still),
		cmocka_unit_test(calls_survive_many_stops),
		cmocka_unit_test(registers_are_the_threads_own),
		cmocka_unit_test(one_thread_alone_is_stopped),
		cmocka_unit_test(no_signal_is_lost),
		cmocka_unit_test(what_job_control_stopped_stays_stopped),
		cmocka_unit_test(sigstop_during_the_stop_is_obeyed_after_it),
		cmocka_unit_test(a_traced_process_is_refused),
		cmocka_unit_test(a_process_that_ended_is_not_found),
		cmocka_unit_test(a_kill_during_the_stop_is_obeyed),
		cmocka_unit_test(a_thread_that_cannot_stop_is_let_go),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
