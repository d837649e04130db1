// SPDX-License-Identifier: Apache-2.0
// Real cgroups, real kills. Every wait is bounded, and each test looks at memory.oom_control itself
// to see that the setting is what it was.
#include "../system/lab.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "watch/hold.h"

#define LIMIT  ((uint64_t)24 << 20)
#define SECOND 1000000000

static size_t too_much = 64 << 20;

static struct cgroup *open_lab(const struct lab_cgroup *lab)
{
	struct cgroup *cgroup = NULL;
	assert_ok(cgroup_open(lab->path, &cgroup, &error));
	return cgroup;
}

static bool is_held(const struct lab_cgroup *lab)
{
	return lab_cgroup_read(lab, "memory.oom_control", "oom_kill_disable ") == 1;
}

static bool await_free(const struct lab_cgroup *lab, int timeout_ms)
{
	for (int waited = 0; waited < timeout_ms; waited += 10, lab_sleep_ms(10))
		if (!is_held(lab))
			return true;
	return false;
}

static bool await_state(struct hold *hold, enum hold_state state, int timeout_ms)
{
	struct pollfd event = {.fd = hold_event_fd(hold), .events = POLLIN};
	if (hold_get_state(hold) == state)
		return true;
	return poll(&event, 1, timeout_ms) == 1 && hold_get_state(hold) == state;
}

static void expect_killed(pid_t child)
{
	int status = lab_wait(child, 5000);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static void the_kill_waits_until_released(void **state)
{
	(void)state;
	struct lab_cgroup lab;
	struct hold *hold;
	struct cgroup_sample sample;
	lab_cgroup_make(&lab, "hold", LIMIT);
	struct cgroup *cgroup = open_lab(&lab);
	assert_ok(hold_begin(cgroup, 30ll * SECOND, NULL, &hold, &error));
	assert_true(is_held(&lab));
	assert_int_equal(HOLD_ARMED, hold_get_state(hold));
	pid_t child = lab_spawn(&lab, lab_allocate, &too_much);
	assert_true(await_state(hold, HOLD_UNDER_OOM, 5000));
	// It sleeps; without the hold it would be dead within milliseconds.
	assert_int_equal(-1, lab_wait(child, 500));
	assert_ok(cgroup_sample(cgroup, &sample, &error));
	assert_int_equal(1, sample.under_oom.value);
	assert_int_equal(0, sample.oom_kill_count.value);
	assert_ok(hold_release(hold, &error));
	assert_false(is_held(&lab));
	assert_int_equal(HOLD_RELEASED, hold_get_state(hold));
	expect_killed(child);
	assert_ok(hold_release(hold, &error));
	assert_ok(hold_end(hold, &error));
	assert_int_equal(-1, waitpid(-1, NULL, WNOHANG)); // the guard was collected
	cgroup_close(cgroup);
	lab_cgroup_remove(&lab);
}

static void the_deadline_releases(void **state)
{
	(void)state;
	struct lab_cgroup lab;
	struct hold *hold;
	lab_cgroup_make(&lab, "deadline", LIMIT);
	struct cgroup *cgroup = open_lab(&lab);
	assert_ok(hold_begin(cgroup, SECOND / 2, NULL, &hold, &error));
	lab_sleep_ms(700); // the deadline counts from the OOM, not from here
	assert_int_equal(HOLD_ARMED, hold_get_state(hold));
	pid_t child = lab_spawn(&lab, lab_allocate, &too_much);
	assert_true(await_state(hold, HOLD_UNDER_OOM, 5000));
	int64_t start_ns = clock_monotonic_ns();
	assert_true(await_state(hold, HOLD_RELEASED_BY_DEADLINE, 5000));
	int64_t took_ns = clock_monotonic_ns() - start_ns;
	assert_true(took_ns > SECOND / 4 && took_ns < 4ll * SECOND);
	assert_false(is_held(&lab));
	expect_killed(child);
	assert_ok(hold_end(hold, &error));
	cgroup_close(cgroup);
	lab_cgroup_remove(&lab);
}

static void the_end_restores(void **state)
{
	(void)state;
	struct lab_cgroup lab;
	struct hold *hold;
	lab_cgroup_make(&lab, "end", LIMIT);
	struct cgroup *cgroup = open_lab(&lab);
	assert_ok(hold_begin(cgroup, SECOND, NULL, &hold, &error));
	assert_true(is_held(&lab));
	assert_ok(hold_end(hold, &error));
	assert_false(is_held(&lab));
	assert_ok(hold_end(NULL, &error));
	cgroup_close(cgroup);
	lab_cgroup_remove(&lab);
}

struct holder {
	struct lab_cgroup *lab;
	int ready;
	bool with_heir; // a worker that inherits the channel and outlives the holder
};

static void hold_forever(void *context)
{
	struct holder *holder = context;
	struct cgroup *cgroup;
	struct hold *hold;
	if (!cgroup_open(holder->lab->path, &cgroup, NULL) ||
	    !hold_begin(cgroup, 600ll * SECOND, NULL, &hold, NULL))
		_exit(3);
	if (holder->with_heir && fork() == 0) {
		lab_sleep_ms(3000);
		_exit(0);
	}
	if (write(holder->ready, "r", 1) != 1)
		_exit(4);
}

// SIGKILL of the process that holds: no handler, no chance to clean up.
static void expect_undone_by_guard(bool with_heir)
{
	struct lab_cgroup lab;
	int ready[2];
	char byte;
	lab_cgroup_make(&lab, "killed", LIMIT);
	assert_int_equal(0, pipe(ready));
	struct holder holder = {.lab = &lab, .ready = ready[1], .with_heir = with_heir};
	pid_t parent = lab_spawn(NULL, hold_forever, &holder);
	assert_int_equal(1, read(ready[0], &byte, 1));
	assert_true(is_held(&lab));
	pid_t child = lab_spawn(&lab, lab_allocate, &too_much);
	assert_int_equal(-1, lab_wait(child, 300));
	lab_kill(parent);
	assert_true(await_free(&lab, 1500));
	expect_killed(child);
	close(ready[0]);
	close(ready[1]);
	lab_cgroup_remove(&lab);
}

static void the_death_of_the_holder_releases(void **state)
{
	(void)state;
	expect_undone_by_guard(false);
}

static void a_worker_of_the_holder_does_not_hide_its_death(void **state)
{
	(void)state;
	expect_undone_by_guard(true);
}

static pid_t find_guard(void)
{
	char path[64], line[32] = "";
	snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)getpid());
	FILE *file = fopen(path, "re");
	if (!file || !fgets(line, sizeof line, file)) {
		print_message("skipped: the kernel does not list children\n");
		skip();
	}
	fclose(file);
	return (pid_t)strtol(line, NULL, 10);
}

static void the_loss_of_the_guard_releases(void **state)
{
	(void)state;
	struct lab_cgroup lab;
	struct hold *hold;
	lab_cgroup_make(&lab, "guard", LIMIT);
	struct cgroup *cgroup = open_lab(&lab);
	assert_ok(hold_begin(cgroup, SECOND, NULL, &hold, &error));
	pid_t guard = find_guard();
	assert_true(guard > 1);
	kill(guard, SIGTERM);
	kill(guard, SIGINT);
	kill(guard, SIGHUP);
	lab_sleep_ms(200);
	assert_int_equal(HOLD_ARMED, hold_get_state(hold));
	assert_true(is_held(&lab));
	kill(guard, SIGKILL);
	assert_true(await_state(hold, HOLD_GUARD_LOST, 5000));
	assert_false(is_held(&lab));
	assert_ok(hold_end(hold, &error));
	cgroup_close(cgroup);
	lab_cgroup_remove(&lab);
}

static void a_removed_cgroup_ends_it(void **state)
{
	(void)state;
	struct lab_cgroup lab;
	struct hold *hold;
	lab_cgroup_make(&lab, "gone", LIMIT);
	struct cgroup *cgroup = open_lab(&lab);
	assert_ok(hold_begin(cgroup, SECOND, NULL, &hold, &error));
	lab_cgroup_remove(&lab);
	assert_true(await_state(hold, HOLD_CGROUP_GONE, 5000));
	assert_ok(hold_end(hold, &error));
	cgroup_close(cgroup);
}

static void a_kill_held_by_others_stays_theirs(void **state)
{
	(void)state;
	struct lab_cgroup lab;
	struct hold *hold;
	lab_cgroup_make(&lab, "theirs", LIMIT);
	lab_cgroup_write(&lab, "memory.oom_control", "1");
	struct cgroup *cgroup = open_lab(&lab);
	assert_error(ERROR_USAGE, hold_begin(cgroup, SECOND, NULL, &hold, &error));
	assert_true(is_held(&lab));
	cgroup_close(cgroup);
	lab_cgroup_remove(&lab);
}

static void join_and_hold(void *context)
{
	struct lab_cgroup *lab = context;
	struct cgroup *cgroup;
	struct hold *hold;
	struct error error = {0};
	if (!cgroup_open(lab->path, &cgroup, NULL) ||
	    hold_begin(cgroup, SECOND, NULL, &hold, &error))
		_exit(1);
	cgroup_close(cgroup);
	_exit(error.code == ERROR_USAGE && strstr(error.message, "itself") ? 0 : 2);
}

static void our_own_cgroup_is_refused(void **state)
{
	(void)state;
	struct lab_cgroup lab;
	lab_cgroup_make(&lab, "own", 0);
	pid_t child = lab_spawn(&lab, join_and_hold, &lab);
	assert_int_equal(0, lab_wait(child, 5000));
	assert_false(is_held(&lab));
	lab_cgroup_remove(&lab);
}

static void hold_as_nobody(void *context)
{
	struct lab_cgroup *lab = context;
	struct cgroup *cgroup;
	struct hold *hold;
	struct error error = {0};
	if (setgid(65534) != 0 || setuid(65534) != 0)
		_exit(1);
	if (!cgroup_open(lab->path, &cgroup, NULL) ||
	    hold_begin(cgroup, SECOND, NULL, &hold, &error))
		_exit(2);
	cgroup_close(cgroup);
	_exit(error.code == ERROR_OS && error.hint[0] ? 0 : 3);
}

static void without_the_right_to_write_it_is_refused(void **state)
{
	(void)state;
	struct lab_cgroup lab;
	lab_cgroup_make(&lab, "nobody", 0);
	pid_t child = lab_spawn(NULL, hold_as_nobody, &lab);
	assert_int_equal(0, lab_wait(child, 5000));
	lab_cgroup_remove(&lab);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_kill_waits_until_released),
		cmocka_unit_test(the_deadline_releases),
		cmocka_unit_test(the_end_restores),
		cmocka_unit_test(the_death_of_the_holder_releases),
		cmocka_unit_test(a_worker_of_the_holder_does_not_hide_its_death),
		cmocka_unit_test(the_loss_of_the_guard_releases),
		cmocka_unit_test(a_removed_cgroup_ends_it),
		cmocka_unit_test(a_kill_held_by_others_stays_theirs),
		cmocka_unit_test(our_own_cgroup_is_refused),
		cmocka_unit_test(without_the_right_to_write_it_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
