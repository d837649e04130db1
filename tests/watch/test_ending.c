// SPDX-License-Identifier: Apache-2.0
// How a real child ended, in a cgroup that is a fixture: a counter that rises, or does not.
#include "../system/lab.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "watch/ending.h"

struct scene {
	struct lab_dir dir;
	struct cgroup *cgroup;
	struct process_files process;
	struct ending ending;
	pid_t child;
};

static void set_counter(const struct scene *scene, const char *events)
{
	lab_dir_write(&scene->dir, "memory.events", events);
}

static void sleep_on(void *context)
{
	(void)context;
}

static void exit_at_once(void *context)
{
	lab_sleep_ms(300);
	_exit(*(int *)context);
}

static void scene_begin(struct scene *scene, lab_work *work, void *context, bool with_log)
{
	*scene = (struct scene){.process = PROCESS_FILES_NONE};
	lab_dir_make(&scene->dir);
	lab_dir_write(&scene->dir, "cgroup.procs", "");
	lab_dir_write(&scene->dir, "memory.stat", "anon 1\n");
	lab_dir_write(&scene->dir, "memory.current", "1\n");
	lab_dir_write(&scene->dir, "memory.max", "1000\n");
	lab_dir_write(&scene->dir, "memory.peak", "1\n");
	set_counter(scene, "oom 3\noom_kill 3\n");
	assert_ok(cgroup_open(scene->dir.path, &scene->cgroup, &error));
	scene->child = lab_spawn(NULL, work, context);
	assert_ok(process_files_open("/proc", scene->child, &scene->process, &error));
	ending_begin(&scene->ending, scene->cgroup, &scene->process);
	kernel_trace_close(scene->ending.trace); // it knows too much
	scene->ending.trace = NULL;
	if (!with_log && scene->ending.has_log) {
		kmsg_close(&scene->ending.log);
		scene->ending.has_log = false;
	}
	ending_update(&scene->ending, 3);
}

static struct kill_facts scene_find(struct scene *scene)
{
	struct kill_facts facts;
	for (int i = 0; i < 300 && !process_ended(&scene->process); i++)
		lab_sleep_ms(10);
	assert_true(process_ended(&scene->process));
	ending_find(&scene->ending, true, &facts);
	return facts;
}

static void scene_end(struct scene *scene)
{
	kill(scene->child, SIGKILL);
	waitpid(scene->child, NULL, 0);
	ending_deinit(&scene->ending);
	process_files_close(&scene->process);
	cgroup_close(scene->cgroup);
	lab_dir_remove(&scene->dir);
}

static struct kill_facts killed_by(int signal, const char *events, bool with_log)
{
	struct scene scene;
	scene_begin(&scene, sleep_on, NULL, with_log);
	kill(scene.child, signal);
	set_counter(&scene, events);
	struct kill_facts facts = scene_find(&scene);
	scene_end(&scene);
	return facts;
}

static void signal_9_without_a_kill_in_the_counter_is_a_signal(void **state)
{
	(void)state;
	for (int with_log = 0; with_log < 2; with_log++) {
		struct kill_facts facts = killed_by(SIGKILL, "oom 3\noom_kill 3\n", with_log);
		assert_int_equal(KILL_SIGNAL, facts.cause);
		assert_int_equal(9, facts.signal);
		assert_int_equal(-1, facts.exit_code);
		assert_int_equal(3, facts.oom_kills_after);
	}
}

static void signal_9_with_a_kill_in_the_counter_is_the_limit_as_far_as_known(void **state)
{
	(void)state;
	struct kill_facts facts = killed_by(SIGKILL, "oom 4\noom_kill 4\n", false);
	assert_int_equal(KILL_CGROUP_OOM, facts.cause);
	assert_true(facts.inferred);
	assert_int_equal(3, facts.oom_kills_before);
	assert_int_equal(4, facts.oom_kills_after);
	assert_int_equal(1000, facts.limit_bytes);
}

// The log can be read and does not name this process: the kill was another's, perhaps.
static void a_log_that_is_silent_leaves_it_open(void **state)
{
	(void)state;
	struct scene scene;
	scene_begin(&scene, sleep_on, NULL, true);
	bool has_log = scene.ending.has_log;
	kill(scene.child, SIGKILL);
	set_counter(&scene, "oom 4\noom_kill 4\n");
	struct kill_facts facts = scene_find(&scene);
	scene_end(&scene);
	if (!has_log)
		skip();
	assert_int_equal(KILL_UNKNOWN, facts.cause);
}

static void without_a_counter_nobody_knows(void **state)
{
	(void)state;
	struct scene scene;
	scene_begin(&scene, sleep_on, NULL, false);
	scene.ending.oom_kills_before = scene.ending.oom_kills_now = -1;
	kill(scene.child, SIGKILL);
	set_counter(&scene, "low 0\n");
	struct kill_facts facts = scene_find(&scene);
	scene_end(&scene);
	assert_int_equal(KILL_UNKNOWN, facts.cause);
	assert_int_equal(9, facts.signal);
}

static void another_signal_accuses_nobody(void **state)
{
	(void)state;
	struct kill_facts facts = killed_by(SIGUSR1, "oom 4\noom_kill 4\n", false);
	assert_int_equal(KILL_SIGNAL, facts.cause);
	assert_int_equal(SIGUSR1, facts.signal);
}

static void an_exit_has_its_code(void **state)
{
	(void)state;
	int code = 7;
	struct scene scene;
	scene_begin(&scene, exit_at_once, &code, false);
	struct kill_facts facts = scene_find(&scene);
	scene_end(&scene);
	assert_int_equal(KILL_EXIT, facts.cause);
	assert_int_equal(7, facts.exit_code);
	assert_int_equal(0, facts.signal);
}

// Go's runtime throws "out of memory" with code 2; so does what panics for another reason.
static void code_2_at_the_limit_is_starvation(void **state)
{
	(void)state;
	static const struct {
		const char *peak;
		enum kill_cause cause;
	} cases[] = {{"1000\n", KILL_STARVED}, {"500\n", KILL_EXIT}};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		int code = 2;
		struct scene scene;
		scene_begin(&scene, exit_at_once, &code, false);
		lab_dir_write(&scene.dir, "memory.peak", cases[i].peak);
		struct kill_facts facts = scene_find(&scene);
		scene_end(&scene);
		assert_int_equal(cases[i].cause, facts.cause);
		assert_int_equal(cases[i].cause == KILL_STARVED, kill_is_for_memory(&facts));
		assert_int_equal(2, facts.exit_code);
	}
}

static void a_process_that_lives_has_no_cause(void **state)
{
	(void)state;
	struct scene scene;
	struct kill_facts facts;
	scene_begin(&scene, sleep_on, NULL, false);
	ending_find(&scene.ending, false, &facts);
	scene_end(&scene);
	assert_int_equal(KILL_NONE, facts.cause);
}

// A kill of another process, long settled, is not held against the end of this one.
static void an_old_kill_in_the_counter_does_not_count(void **state)
{
	(void)state;
	struct scene scene;
	scene_begin(&scene, sleep_on, NULL, false);
	set_counter(&scene, "oom 4\noom_kill 4\n");
	ending_update(&scene.ending, 4);
	assert_int_equal(3, scene.ending.oom_kills_before);
	lab_sleep_ms(3100);
	ending_update(&scene.ending, 4);
	kill(scene.child, SIGKILL);
	struct kill_facts facts = scene_find(&scene);
	scene_end(&scene);
	assert_int_equal(KILL_SIGNAL, facts.cause);
}

// Where the kernel itself tells, another's kill in the counter accuses nobody.
static void the_trace_tells_a_signal_from_a_kill(void **state)
{
	(void)state;
	struct scene scene;
	scene_begin(&scene, sleep_on, NULL, false);
	if (!kernel_trace_open(scene.child, &scene.ending.trace, NULL)) {
		scene_end(&scene);
		skip();
	}
	kill(scene.child, SIGKILL);
	set_counter(&scene, "oom 4\noom_kill 4\n");
	struct kill_facts facts = scene_find(&scene);
	scene_end(&scene);
	assert_int_equal(KILL_SIGNAL, facts.cause);
	assert_false(facts.inferred);
}

static void the_trace_keeps_the_exit_code_of_who_was_collected(void **state)
{
	(void)state;
	int code = 7;
	struct scene scene;
	struct kill_facts facts;
	scene_begin(&scene, exit_at_once, &code, false);
	if (!kernel_trace_open(scene.child, &scene.ending.trace, NULL)) {
		scene_end(&scene);
		skip();
	}
	assert_int_equal(scene.child, waitpid(scene.child, NULL, 0));
	ending_find(&scene.ending, true, &facts);
	ending_deinit(&scene.ending);
	process_files_close(&scene.process);
	cgroup_close(scene.cgroup);
	lab_dir_remove(&scene.dir);
	assert_int_equal(KILL_EXIT, facts.cause);
	assert_int_equal(7, facts.exit_code);
}

static bool mark(const struct scene *scene, const char *name, const char *value)
{
	return setxattr(scene->dir.path, name, value, strlen(value), 0) == 0;
}

static void the_marks_of_oomd_tell_it_from_a_plain_signal(void **state)
{
	(void)state;
	struct scene scene;
	scene_begin(&scene, sleep_on, NULL, true);
	if (!mark(&scene, "user.oomd_ooms", "4") || !mark(&scene, "user.oomd_kill", "9")) {
		scene_end(&scene);
		skip(); // no user attributes where the fixture is
	}
	oomd_read_marks(scene.cgroup, &scene.ending.oomd); // so much was before
	assert_true(mark(&scene, "user.oomd_ooms", "5"));
	kill(scene.child, SIGKILL);
	struct kill_facts facts = scene_find(&scene);
	assert_int_equal(KILL_OOMD, facts.cause);
	assert_string_equal(scene.dir.path, facts.oomd_cgroup);
	assert_int_equal(9, facts.signal);
	scene_end(&scene);
}

static void old_marks_of_oomd_accuse_nobody(void **state)
{
	(void)state;
	struct scene scene;
	scene_begin(&scene, sleep_on, NULL, true);
	(void)mark(&scene, "user.oomd_ooms", "4");
	oomd_read_marks(scene.cgroup, &scene.ending.oomd);
	(void)mark(&scene, "user.oomd_kill", "not a number");
	kill(scene.child, SIGKILL);
	struct kill_facts facts = scene_find(&scene);
	scene_end(&scene);
	assert_int_equal(KILL_SIGNAL, facts.cause);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(signal_9_without_a_kill_in_the_counter_is_a_signal),
		cmocka_unit_test(signal_9_with_a_kill_in_the_counter_is_the_limit_as_far_as_known),
		cmocka_unit_test(a_log_that_is_silent_leaves_it_open),
		cmocka_unit_test(without_a_counter_nobody_knows),
		cmocka_unit_test(another_signal_accuses_nobody),
		cmocka_unit_test(an_exit_has_its_code),
		cmocka_unit_test(code_2_at_the_limit_is_starvation),
		cmocka_unit_test(a_process_that_lives_has_no_cause),
		cmocka_unit_test(an_old_kill_in_the_counter_does_not_count),
		cmocka_unit_test(the_trace_tells_a_signal_from_a_kill),
		cmocka_unit_test(the_trace_keeps_the_exit_code_of_who_was_collected),
		cmocka_unit_test(the_marks_of_oomd_tell_it_from_a_plain_signal),
		cmocka_unit_test(old_marks_of_oomd_accuse_nobody),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
