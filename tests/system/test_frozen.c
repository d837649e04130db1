// SPDX-License-Identifier: Apache-2.0
// Calls made by threads of a real process, and copies of it: it may notice neither.
#include "lab.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "blocked.h"
#include "system/frozen.h"
#include "system/inject.h"

static int64_t in_seconds(int seconds)
{
	return clock_monotonic_ns() + (int64_t)seconds * 1000000000;
}

// ---- calls ----

static void each_thread_that_waits_can_make_a_call(void **state)
{
	(void)state;
	struct blocked blocked;
	struct tracer tracer;
	struct tracer_thread *thread;
	blocked_start(&blocked);
	for (int round = 0; round < 20; round++) {
		int calls = 0;
		assert_ok(tracer_stop(&tracer, &blocked.files, in_seconds(10), &error));
		while ((thread = inject_choose(&tracer, &blocked.files))) {
			const struct inject_call call = {.number = SYS_gettid};
			bool done = false;
			long result = 0;
			thread->refused = true;
			assert_ok(inject_call(thread, &call, &done, &result, &error));
			assert_true(done);
			assert_int_equal(thread->id, result);
			assert_int_equal(TRACER_STOPPED, thread->state);
			calls++;
		}
		// All but the one that computes; epoll_wait is not begun again once it was
		// interrupted.
		assert_in_range(calls, BLOCKED_CALLS - 1, BLOCKED_CALLS + 1);
		tracer_let_go(&tracer);
	}
	blocked_assert_running(&blocked);
	blocked_assert_undisturbed(&blocked);
	blocked_end(&blocked);
}

static void arguments_and_errors_go_through(void **state)
{
	(void)state;
	struct blocked blocked;
	struct tracer tracer;
	bool done = false;
	long result = 0;
	const struct inject_call wrong = {.number = SYS_close, .arguments = {1000000}};
	const struct inject_call fine = {.number = SYS_getpgid, .arguments = {(uint64_t)getpid()}};
	blocked_start(&blocked);
	assert_ok(tracer_stop(&tracer, &blocked.files, in_seconds(10), &error));
	struct tracer_thread *thread = inject_choose(&tracer, &blocked.files);
	assert_non_null(thread);
	assert_ok(inject_call(thread, &wrong, &done, &result, &error));
	assert_true(done);
	assert_int_equal(-EBADF, result);
	assert_ok(inject_call(thread, &fine, &done, &result, &error));
	assert_int_equal(getpgid(0), result);
	tracer_let_go(&tracer);
	blocked_assert_undisturbed(&blocked);
	blocked_end(&blocked);
}

static void a_signal_goes_before_our_call(void **state)
{
	(void)state;
	struct blocked blocked;
	struct tracer tracer;
	const struct inject_call call = {.number = SYS_gettid};
	blocked_start(&blocked);
	assert_ok(tracer_stop(&tracer, &blocked.files, in_seconds(10), &error));
	struct tracer_thread *thread = inject_choose(&tracer, &blocked.files);
	assert_non_null(thread);
	pid_t id = thread->id;
	// The thread that only waits takes a signal of its own: blocked elsewhere, not here.
	assert_int_equal(0, syscall(SYS_tgkill, blocked.pid, id, SIGUSR2));
	bool done = true;
	long result = 0;
	assert_ok(inject_call(thread, &call, &done, &result, &error));
	assert_false(done);
	assert_int_equal(SIGUSR2, thread->signal);
	tracer_let_go(&tracer);
	for (int waited = 0; waited < 5000 && !blocked.shared->other_signals; waited++)
		lab_sleep_ms(1);
	assert_int_equal(1, blocked.shared->other_signals);
	blocked_assert_running(&blocked);
	blocked_end(&blocked);
}

// ---- copies ----

static uint64_t turns_in(const struct frozen *frozen)
{
	uint64_t turns = 0;
	assert_int_equal(sizeof turns, pread(frozen->memory_fd, &turns, sizeof turns,
					     (off_t)(uintptr_t)&blocked_private_turns));
	return turns;
}

static void assert_no_children(pid_t pid)
{
	char path[64], text[64] = "";
	snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)pid, (int)pid);
	int fd = open(path, O_RDONLY);
	assert_true(fd >= 0);
	assert_int_equal(0, read(fd, text, sizeof text));
	close(fd);
}

struct made {
	struct blocked blocked;
	struct frozen frozen;
	struct target_thread threads[TRACER_THREADS_MAX];
	size_t thread_count;
	int64_t pause_ns;
};

static struct made *make(void)
{
	struct made *made = calloc(1, sizeof *made);
	assert_non_null(made);
	blocked_start(&made->blocked);
	assert_ok(frozen_make(&made->blocked.files, 10000000000, &made->frozen, made->threads,
			      &made->thread_count, &made->pause_ns, &error));
	return made;
}

static void unmake(struct made *made)
{
	blocked_end(&made->blocked);
	free(made);
}

static void a_copy_stands_still_while_the_process_runs(void **state)
{
	(void)state;
	struct made *made = make();
	uint64_t turns = turns_in(&made->frozen);
	assert_true(turns > 0);
	blocked_assert_running(&made->blocked);
	assert_int_equal(turns, turns_in(&made->frozen));
	assert_int_equal(BLOCKED_CALLS + 2, made->thread_count);
	assert_true(made->pause_ns > 0);
	assert_true(frozen_is_whole(&made->frozen));
	assert_int_equal('t', blocked_state(made->frozen.copy, made->frozen.copy));
	pid_t copy = made->frozen.copy;
	assert_ok(frozen_end(&made->blocked.files, &made->frozen, &error));
	assert_int_equal('X', blocked_state(copy, copy));
	assert_no_children(made->blocked.pid);
	blocked_assert_running(&made->blocked);
	blocked_assert_undisturbed(&made->blocked);
	unmake(made);
}

static void many_copies_leave_nothing(void **state)
{
	(void)state;
	struct made *made = make();
	for (int i = 0; i < 30; i++) {
		assert_ok(frozen_end(&made->blocked.files, &made->frozen, &error));
		assert_no_children(made->blocked.pid);
		assert_ok(frozen_make(&made->blocked.files, 10000000000, &made->frozen,
				      made->threads, &made->thread_count, &made->pause_ns, &error));
	}
	assert_ok(frozen_end(&made->blocked.files, &made->frozen, &error));
	blocked_assert_running(&made->blocked);
	blocked_assert_undisturbed(&made->blocked);
	unmake(made);
}

// The table of descriptors is shared: the other end sees that the process closed a socket.
static void a_copy_keeps_nothing_open(void **state)
{
	(void)state;
	struct made *made = make();
	struct tracer tracer;
	bool done = false;
	long result = 0;
	char byte;
	int *pipe = made->blocked.pipes[BLOCKED_SLEEP]; // which does not use it
	close(pipe[0]);
	const struct inject_call call = {.number = SYS_close, .arguments = {(uint64_t)pipe[0]}};
	assert_ok(tracer_stop(&tracer, &made->blocked.files, in_seconds(10), &error));
	struct tracer_thread *thread = inject_choose(&tracer, &made->blocked.files);
	assert_non_null(thread);
	assert_ok(inject_call(thread, &call, &done, &result, &error));
	tracer_let_go(&tracer);
	assert_true(done && result == 0);
	assert_int_equal(0, recv(pipe[1], &byte, 1, MSG_DONTWAIT));
	assert_ok(frozen_end(&made->blocked.files, &made->frozen, &error));
	pipe[0] = open("/dev/null", O_RDONLY);
	unmake(made);
}

static void an_ended_copy_is_told(void **state)
{
	(void)state;
	struct made *made = make();
	kill(made->frozen.copy, SIGKILL);
	for (int waited = 0; waited < 5000 && frozen_is_whole(&made->frozen); waited++)
		lab_sleep_ms(1);
	assert_false(frozen_is_whole(&made->frozen));
	assert_ok(frozen_end(&made->blocked.files, &made->frozen, &error));
	assert_no_children(made->blocked.pid);
	unmake(made);
}

static void the_process_may_end_before_its_copy(void **state)
{
	(void)state;
	struct made *made = make();
	uint64_t turns = turns_in(&made->frozen);
	kill(made->blocked.pid, SIGKILL);
	while (blocked_state(made->blocked.pid, made->blocked.pid) != 'Z')
		lab_sleep_ms(1);
	assert_int_equal(turns, turns_in(&made->frozen));
	pid_t copy = made->frozen.copy;
	assert_ok(frozen_end(&made->blocked.files, &made->frozen, &error));
	assert_int_not_equal('t', blocked_state(copy, copy));
	unmake(made);
}

static void a_process_stopped_meanwhile_stays_stopped(void **state)
{
	(void)state;
	struct made *made = make();
	pid_t pid = made->blocked.pid;
	kill(pid, SIGSTOP);
	while (blocked_state(pid, pid) != 'T')
		lab_sleep_ms(1);
	assert_ok(frozen_end(&made->blocked.files, &made->frozen, &error));
	assert_no_children(pid);
	for (int waited = 0; waited < 5000 && blocked_state(pid, pid) != 'T'; waited++)
		lab_sleep_ms(1);
	assert_int_equal('T', blocked_state(pid, pid));
	assert_error(ERROR_UNSUPPORTED, frozen_check(&made->blocked.files, NULL, &error));
	kill(pid, SIGCONT);
	blocked_assert_running(&made->blocked);
	blocked_assert_undisturbed(&made->blocked);
	unmake(made);
}

// ---- when the one who made the copy is killed ----

static uint64_t now_ticks(void)
{
	struct timespec now;
	clock_gettime(CLOCK_BOOTTIME, &now);
	return (uint64_t)now.tv_sec * (uint64_t)sysconf(_SC_CLK_TCK);
}

static void a_copy_dies_with_who_made_it(void **state)
{
	(void)state;
	struct blocked blocked;
	uint64_t since = now_ticks();
	blocked_start(&blocked);
	pid_t maker = fork();
	if (maker == 0) {
		static struct target_thread threads[TRACER_THREADS_MAX];
		struct frozen frozen;
		size_t count;
		int64_t pause_ns;
		bool made = frozen_make(&blocked.files, 10000000000, &frozen, threads, &count,
					&pause_ns, NULL);
		raise(made ? SIGKILL : SIGABRT);
	}
	int status = lab_wait(maker, 20000);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	blocked_assert_running(&blocked);
	assert_ok(frozen_clean_up(&blocked.files, since, 0, &error));
	assert_no_children(blocked.pid);
	blocked_assert_running(&blocked);
	blocked_assert_undisturbed(&blocked);
	blocked_end(&blocked);
}

// As when its maker is killed between the kernel's making it and our binding it.
static void a_copy_that_is_let_run_dies_at_once(void **state)
{
	(void)state;
	struct blocked blocked;
	struct tracer tracer;
	bool done = false;
	long result = 0;
	const struct inject_call call = frozen_call(NULL);
	uint64_t since = now_ticks();
	blocked_start(&blocked);
	assert_ok(tracer_stop(&tracer, &blocked.files, in_seconds(10), &error));
	struct tracer_thread *thread = inject_choose(&tracer, &blocked.files);
	assert_non_null(thread);
	assert_ok(inject_call(thread, &call, &done, &result, &error));
	tracer_let_go(&tracer);
	assert_true(done && result > 0);
	for (int waited = 0; waited < 5000 && blocked_state((pid_t)result, (pid_t)result) != 'Z';
	     waited++)
		lab_sleep_ms(1);
	assert_int_equal('Z', blocked_state((pid_t)result, (pid_t)result));
	assert_ok(frozen_clean_up(&blocked.files, since, 2000000000, &error));
	assert_no_children(blocked.pid);
	blocked_assert_running(&blocked);
	blocked_assert_undisturbed(&blocked);
	blocked_end(&blocked);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_thread_that_waits_can_make_a_call),
		cmocka_unit_test(arguments_and_errors_go_through),
		cmocka_unit_test(a_signal_goes_before_our_call),
		cmocka_unit_test(a_copy_stands_still_while_the_process_runs),
		cmocka_unit_test(many_copies_leave_nothing),
		cmocka_unit_test(a_copy_keeps_nothing_open),
		cmocka_unit_test(an_ended_copy_is_told),
		cmocka_unit_test(the_process_may_end_before_its_copy),
		cmocka_unit_test(a_process_stopped_meanwhile_stays_stopped),
		cmocka_unit_test(a_copy_dies_with_who_made_it),
		cmocka_unit_test(a_copy_that_is_let_run_dies_at_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
