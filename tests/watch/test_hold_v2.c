// SPDX-License-Identifier: Apache-2.0
// The guard of a v2 cgroup that is a fixture of files: what it writes when, and puts back. That the
// kernel then stops who allocates is for tests/vm. All numbers that are written have nine digits,
// since a file of ours keeps what stands behind a shorter one.
#include "../system/lab.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "watch/hold.h"

#define SECOND 1000000000ll
#define BEFORE "999997440" // memory.high as it was
#define EDGE   "125829120" // 8 MiB below the limit

struct scene {
	struct lab_dir dir;
	struct cgroup *cgroup;
	struct hold *hold;
};

static void set_memory(const struct scene *scene, long usage, long file)
{
	char text[64];
	snprintf(text, sizeof text, "anon %ld\ninactive_file %ld\nfile %ld\n", usage - file, file,
		 file);
	lab_dir_write(&scene->dir, "memory.stat", text);
	snprintf(text, sizeof text, "%ld\n", usage);
	lab_dir_write(&scene->dir, "memory.current", text);
}

static void make_scene(struct scene *scene)
{
	*scene = (struct scene){0};
	lab_dir_make(&scene->dir);
	lab_dir_write(&scene->dir, "cgroup.procs", "");
	lab_dir_write(&scene->dir, "memory.max", "134217728\n");
	lab_dir_write(&scene->dir, "memory.high", BEFORE "\n");
	lab_dir_write(&scene->dir, "memory.events", "high 0\n");
	lab_dir_write(&scene->dir, "cgroup.freeze", "0\n");
	set_memory(scene, 50000000, 0);
	assert_ok(cgroup_open(scene->dir.path, &scene->cgroup, &error));
}

static void begin(struct scene *scene, int64_t limit_ns)
{
	make_scene(scene);
	assert_ok(hold_begin(scene->cgroup, limit_ns, NULL, &scene->hold, &error));
}

static void end(struct scene *scene)
{
	assert_ok(hold_end(scene->hold, &error));
	cgroup_close(scene->cgroup);
	lab_dir_remove(&scene->dir);
}

static const char *content(const struct scene *scene, const char *name, char text[64])
{
	char path[128];
	snprintf(path, sizeof path, "%s/%s", scene->dir.path, name);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t size = read(fd, text, 63);
	close(fd);
	text[size > 0 ? size : 0] = '\0';
	text[strcspn(text, "\n")] = '\0';
	return text;
}

static void expect(const struct scene *scene, const char *high, const char *frozen)
{
	char text[64];
	assert_string_equal(high, content(scene, "memory.high", text));
	assert_string_equal(frozen, content(scene, "cgroup.freeze", text));
}

static bool await_state(struct hold *hold, enum hold_state state)
{
	struct pollfd event = {.fd = hold_event_fd(hold), .events = POLLIN};
	return hold_get_state(hold) == state ||
	       (poll(&event, 1, 5000) == 1 && hold_get_state(hold) == state);
}

static void at_the_edge_it_freezes_until_released(void **state)
{
	(void)state;
	struct scene scene;
	begin(&scene, 30 * SECOND);
	expect(&scene, EDGE, "0");
	set_memory(&scene, 126000000, 0);
	assert_true(await_state(scene.hold, HOLD_UNDER_OOM));
	expect(&scene, EDGE, "1");
	assert_ok(hold_release(scene.hold, &error));
	expect(&scene, BEFORE, "0");
	end(&scene);
}

static void the_deadline_releases(void **state)
{
	(void)state;
	struct scene scene;
	begin(&scene, SECOND / 5);
	set_memory(&scene, 126000000, 0);
	assert_true(await_state(scene.hold, HOLD_UNDER_OOM));
	assert_true(await_state(scene.hold, HOLD_RELEASED_BY_DEADLINE));
	expect(&scene, BEFORE, "0");
	end(&scene);
}

static void page_cache_is_not_held(void **state)
{
	(void)state;
	struct scene scene;
	begin(&scene, 30 * SECOND);
	set_memory(&scene, 126000000, 60000000);
	lab_sleep_ms(500);
	assert_int_equal(HOLD_ARMED, hold_get_state(scene.hold));
	expect(&scene, EDGE, "0");
	end(&scene);
}

// Page cache that does not come back, although it should: slowed down, but not for ever.
static void who_is_stuck_is_let_go(void **state)
{
	(void)state;
	struct scene scene;
	begin(&scene, SECOND / 5);
	set_memory(&scene, 133000000, 60000000);
	assert_true(await_state(scene.hold, HOLD_RELEASED_BY_DEADLINE));
	expect(&scene, BEFORE, "0");
	end(&scene);
}

static void the_edge_follows_the_limit(void **state)
{
	(void)state;
	struct scene scene;
	begin(&scene, 30 * SECOND);
	lab_dir_write(&scene.dir, "memory.max", "268435456\n");
	lab_sleep_ms(500);
	expect(&scene, "257695744", "0");
	set_memory(&scene, 126000000, 0);
	lab_sleep_ms(500);
	assert_int_equal(HOLD_ARMED, hold_get_state(scene.hold));
	end(&scene);
}

static void what_others_set_stays_theirs(void **state)
{
	(void)state;
	struct scene scene;
	begin(&scene, 30 * SECOND);
	lab_dir_write(&scene.dir, "memory.high", "199999488\n");
	lab_sleep_ms(500);
	set_memory(&scene, 126000000, 0);
	assert_true(await_state(scene.hold, HOLD_UNDER_OOM)); // frozen all the same
	expect(&scene, "199999488", "1");
	assert_ok(hold_release(scene.hold, &error));
	expect(&scene, "199999488", "0");
	end(&scene);
}

static void a_lower_memory_high_is_left_alone(void **state)
{
	(void)state;
	struct scene scene;
	make_scene(&scene);
	lab_dir_write(&scene.dir, "memory.high", "100000000\n");
	assert_ok(hold_begin(scene.cgroup, 30 * SECOND, NULL, &scene.hold, &error));
	expect(&scene, "100000000", "0");
	end(&scene);
}

// Where it lives near its limit, the edge is in the middle of what is left.
static void a_full_cgroup_has_a_nearer_edge(void **state)
{
	(void)state;
	struct scene scene;
	make_scene(&scene);
	set_memory(&scene, 130023424, 0);
	assert_ok(hold_begin(scene.cgroup, 30 * SECOND, NULL, &scene.hold, &error));
	expect(&scene, "132120576", "0");
	assert_int_equal(HOLD_ARMED, hold_get_state(scene.hold));
	end(&scene);
}

static void what_is_frozen_is_refused(void **state)
{
	(void)state;
	struct scene scene;
	make_scene(&scene);
	lab_dir_write(&scene.dir, "cgroup.freeze", "1\n");
	assert_error(ERROR_USAGE, hold_begin(scene.cgroup, SECOND, NULL, &scene.hold, &error));
	assert_error(ERROR_USAGE, hold_begin(scene.cgroup, 0, NULL, &scene.hold, &error));
	expect(&scene, BEFORE, "1");
	end(&scene);
}

// The root has none, and cannot be limited.
static void without_memory_high_it_is_refused(void **state)
{
	(void)state;
	struct scene scene;
	char path[128];
	make_scene(&scene);
	snprintf(path, sizeof path, "%s/memory.high", scene.dir.path);
	assert_int_equal(0, unlink(path));
	assert_error(ERROR_OS, hold_begin(scene.cgroup, SECOND, NULL, &scene.hold, &error));
	end(&scene);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(at_the_edge_it_freezes_until_released),
		cmocka_unit_test(the_deadline_releases),
		cmocka_unit_test(page_cache_is_not_held),
		cmocka_unit_test(who_is_stuck_is_let_go),
		cmocka_unit_test(the_edge_follows_the_limit),
		cmocka_unit_test(what_others_set_stays_theirs),
		cmocka_unit_test(a_lower_memory_high_is_left_alone),
		cmocka_unit_test(a_full_cgroup_has_a_nearer_edge),
		cmocka_unit_test(what_is_frozen_is_refused),
		cmocka_unit_test(without_memory_high_it_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
