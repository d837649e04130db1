// SPDX-License-Identifier: Apache-2.0
#include "lab.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "system/cgroup_members.h"

static const char status_of_a[] = "Name:\ta\\nb\nState:\tS (sleeping)\nPid:\t7\nVmRSS:\t   300 kB\n"
				  "RssAnon:\t   100 kB\nRssFile:\t   150 kB\nRssShmem:\t    50 kB\n"
				  "VmPTE:\t    40 kB\nVmSwap:\t     8 kB\nThreads:\t5\n";
static const char status_of_b[] = "Name:\tb\nState:\tS (sleeping)\nPid:\t8\n"
				  "RssAnon:\t   900 kB\nVmPTE:\t    60 kB\nThreads:\t2\n";

static void members_are_read(void **state)
{
	(void)state;
	struct lab_dir dir;
	struct cgroup_pids pids = {0};
	struct cgroup_members members;
	lab_dir_make(&dir);
	lab_dir_write(&dir, "7/status", status_of_a);
	lab_dir_write(&dir, "8/status", status_of_b);
	lab_dir_write(&dir, "9/status", "Name:\tcut\nState");
	lab_dir_write(&dir, "11/status", "Name:\tx\nState:\tS (sleeping)\nRssAnon:\t-1 kB\n");
	// 0: of another pid namespace; 10: has ended, or is hidden by hidepid.
	const pid_t all[] = {7, 8, 9, 10, 0, 11};
	for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
		vec_push(&pids.list, all[i]);
	cgroup_members_read(dir.path, &pids, &members);
	assert_int_equal(2, members.list.count);
	assert_int_equal(4, members.unseen);
	assert_int_equal(8, members.list.items[0].pid); // the larger one
	assert_int_equal(900 << 10, members.list.items[0].anon_bytes);
	assert_int_equal(50 << 10, members.list.items[1].shmem_bytes);
	assert_string_equal("a\\nb", members.list.items[1].name);
	assert_int_equal(7, members.threads.value);
	assert_int_equal(100 << 10, members.page_table_bytes.value);
	assert_true(members.swap_bytes.known && members.swap_bytes.value == 8 << 10);
	cgroup_members_deinit(&members);
	cgroup_pids_deinit(&pids);
	lab_dir_remove(&dir);
}

static void nobody_is_not_zero(void **state)
{
	(void)state;
	struct cgroup_pids pids = {0};
	struct cgroup_members members;
	cgroup_members_read("/nowhere", &pids, &members);
	assert_int_equal(0, members.list.count);
	assert_false(members.threads.known || members.page_table_bytes.known);
	cgroup_members_deinit(&members);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(members_are_read),
		cmocka_unit_test(nobody_is_not_zero),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
