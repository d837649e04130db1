// SPDX-License-Identifier: Apache-2.0
#include "lab.h"

#include "system/cgroup_write.h"

enum { LIMIT = 64 << 20, MORE = 96 << 20 };

static struct cgroup_limit at(uint64_t bytes)
{
	return (struct cgroup_limit){.known = true, .bytes = bytes};
}

struct opened {
	struct lab_cgroup lab;
	struct cgroup *cgroup;
	struct cgroup_limits from;
};

static void open_lab(struct opened *opened, const char *name)
{
	lab_cgroup_make(&opened->lab, name, LIMIT);
	assert_ok(cgroup_open(opened->lab.path, &opened->cgroup, &error));
	assert_ok(cgroup_limits_read(opened->cgroup, &opened->from, &error));
	assert_int_equal(LIMIT, opened->from.memory.bytes);
}

static void close_lab(struct opened *opened)
{
	cgroup_close(opened->cgroup);
	lab_cgroup_remove(&opened->lab);
}

static uint64_t limit_of(const struct opened *opened, const char *file)
{
	return lab_cgroup_read(&opened->lab, file, NULL);
}

static void both_limits_go_up_and_down(void **state)
{
	(void)state;
	struct opened opened;
	open_lab(&opened, "write");
	if (opened.from.with_swap.known)
		lab_cgroup_write(&opened.lab, "memory.memsw.limit_in_bytes", "67108864");
	assert_ok(cgroup_limits_read(opened.cgroup, &opened.from, &error));
	struct cgroup_limits to = opened.from;
	to.memory = at(MORE + 100); // no whole page
	if (to.with_swap.known)
		to.with_swap = at(MORE);
	assert_ok(cgroup_limits_write(opened.cgroup, &opened.from, &to, &error));
	assert_int_equal(MORE, limit_of(&opened, "memory.limit_in_bytes"));
	to.memory = at(MORE);
	assert_ok(cgroup_limits_write(opened.cgroup, &to, &opened.from, &error));
	assert_int_equal(LIMIT, limit_of(&opened, "memory.limit_in_bytes"));
	if (to.with_swap.known)
		assert_int_equal(LIMIT, limit_of(&opened, "memory.memsw.limit_in_bytes"));
	close_lab(&opened);
}

static void a_limit_can_be_taken_away(void **state)
{
	(void)state;
	struct opened opened;
	open_lab(&opened, "unlimited");
	struct cgroup_limits to = {.memory = {.known = true, .unlimited = true}}, after;
	if (opened.from.with_swap.known)
		to.with_swap = to.memory;
	assert_ok(cgroup_limits_write(opened.cgroup, &opened.from, &to, &error));
	assert_ok(cgroup_limits_read(opened.cgroup, &after, &error));
	assert_true(after.memory.unlimited);
	close_lab(&opened);
}

// Memory above memory and swap: the kernel refuses the second write, and the first is undone.
static void what_the_kernel_refuses_leaves_nothing(void **state)
{
	(void)state;
	struct opened opened;
	open_lab(&opened, "refused");
	if (!opened.from.with_swap.known) {
		close_lab(&opened);
		skip();
	}
	lab_cgroup_write(&opened.lab, "memory.memsw.limit_in_bytes", "67108864");
	assert_ok(cgroup_limits_read(opened.cgroup, &opened.from, &error));
	struct cgroup_limits to = {at((uint64_t)MORE * 2), at(MORE)};
	assert_error(ERROR_OS, cgroup_limits_write(opened.cgroup, &opened.from, &to, &error));
	assert_int_equal(LIMIT, limit_of(&opened, "memory.limit_in_bytes"));
	assert_int_equal(LIMIT, limit_of(&opened, "memory.memsw.limit_in_bytes"));
	close_lab(&opened);
}

static void a_removed_cgroup_is_not_there(void **state)
{
	(void)state;
	struct opened opened;
	struct cgroup_limits limits;
	open_lab(&opened, "removed");
	lab_cgroup_remove(&opened.lab);
	assert_error(ERROR_NOT_FOUND, cgroup_limits_read(opened.cgroup, &limits, &error));
	cgroup_close(opened.cgroup);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_limits_go_up_and_down),
		cmocka_unit_test(a_limit_can_be_taken_away),
		cmocka_unit_test(what_the_kernel_refuses_leaves_nothing),
		cmocka_unit_test(a_removed_cgroup_is_not_there),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
