// SPDX-License-Identifier: Apache-2.0
#include "system/lab.h"

#include <string.h>

#include "ledger/cgroup_ledger.h"

static struct cgroup_stat make_stat(void)
{
	return (struct cgroup_stat){
		.counts = {.usage_bytes = known(1000)},
		.anon_bytes = known(600),
		.file_bytes = known(200), // shmem included
		.shmem_bytes = known(50),
		.active_file_bytes = known(90),
		.inactive_file_bytes = known(50),
		.kernel_bytes = known(100),
		.kernel_stack_bytes = known(20),
		.pagetables_bytes = known(30),
		.slab_reclaimable_bytes = known(15),
		.slab_unreclaimable_bytes = known(5),
		.sock_bytes = known(40),
	};
}

static struct ledger build(enum cgroup_version version, const struct cgroup_stat *stat,
			   const struct cgroup_process *processes, size_t count)
{
	struct ledger ledger;
	const char *broken = NULL;
	struct cgroup_ledger_input input = {
		.version = version, .stat = stat, .processes = processes, .process_count = count};
	cgroup_ledger_build(&input, &ledger);
	if (!ledger_sums(&ledger, &broken))
		fail_msg("%s does not sum", broken);
	return ledger;
}

static bool is_row(const struct ledger *ledger, const char *key)
{
	VEC_FOREACH (row, &ledger->rows)
		if (strcmp(row->key, key) == 0)
			return true;
	return false;
}

static void version_2_charges_sockets(void **state)
{
	(void)state;
	struct cgroup_stat stat = make_stat();
	struct ledger ledger = build(CGROUP_V2, &stat, NULL, 0);
	assert_int_equal(1000, ledger.total_bytes);
	assert_int_equal(600, ledger_bytes(&ledger, "anon"));
	assert_int_equal(150, ledger_bytes(&ledger, "cache"));
	assert_int_equal(10, ledger_bytes(&ledger, "cache.rest"));
	assert_int_equal(50, ledger_bytes(&ledger, "shmem"));
	assert_int_equal(30, ledger_bytes(&ledger, "kernel.rest"));
	assert_int_equal(40, ledger_bytes(&ledger, "sock"));
	assert_int_equal(60, ledger_bytes(&ledger, "unexplained"));
	assert_true(ledger_find(&ledger, "cache")->flags & LEDGER_RECLAIMABLE);
	assert_false(ledger_find(&ledger, "shmem")->flags & LEDGER_RECLAIMABLE);
	assert_true(ledger_find(&ledger, "unexplained")->flags & LEDGER_UNEXPLAINED);
	ledger_deinit(&ledger);
}

static void version_1_does_not(void **state)
{
	(void)state;
	struct cgroup_stat stat = make_stat();
	stat.kernel_stack_bytes = stat.pagetables_bytes = (struct known_u64){0};
	stat.slab_reclaimable_bytes = stat.slab_unreclaimable_bytes = (struct known_u64){0};
	struct ledger ledger = build(CGROUP_V1, &stat, NULL, 0);
	assert_false(is_row(&ledger, "sock"));
	assert_int_equal(40, ledger_bytes(&ledger, "sock")); // beside the sum
	assert_int_equal(100, ledger_bytes(&ledger, "kernel"));
	assert_null(ledger_find(&ledger, "kernel.rest")); // its parts are not told
	assert_int_equal(100, ledger_bytes(&ledger, "unexplained"));
	ledger_deinit(&ledger);
}

static void counters_that_moved_give_a_negative_rest(void **state)
{
	(void)state;
	struct cgroup_stat stat = make_stat();
	stat.counts.usage_bytes = known(700);
	stat.active_file_bytes = known(500);
	stat.kernel_stack_bytes = known(500);
	struct ledger ledger = build(CGROUP_V2, &stat, NULL, 0);
	assert_int_equal(-240, ledger_bytes(&ledger, "unexplained"));
	assert_int_equal(-400, ledger_bytes(&ledger, "cache.rest"));
	assert_int_equal(-450, ledger_bytes(&ledger, "kernel.rest"));
	ledger_deinit(&ledger);
}

static struct ledger go_account(void)
{
	struct ledger ledger = {.total_key = "rss", .total_label = "rss", .total_bytes = 500};
	ledger_add(&ledger, 0, "go", "Go", 400, 0, "");
	ledger_add(&ledger, 1, "go.heap.objects", "objects", 300, LEDGER_ESTIMATED, "");
	ledger_add(&ledger, 1, "go.stacks", "stacks", 100, 0, "");
	ledger_add(&ledger, 0, "anon", "anon", 10, 0, "");
	ledger_add(&ledger, 1, "anon.stack", "stack", 10, 0, "");
	ledger_add(&ledger, 0, "files", "files", 90, 0, "");
	ledger_add(&ledger, 1, "files.binary", "binary", 90, 0, "");
	return ledger;
}

static void processes_are_part_of_anonymous_memory(void **state)
{
	(void)state;
	struct cgroup_stat stat = make_stat();
	struct ledger own = go_account();
	const struct cgroup_process processes[] = {
		{7, "app", 430, &own}, // 20 of them are written pages of files
		{8, "side\033[2Jcar", 100, NULL},
		{9, "idle", 0, NULL},
	};
	struct ledger ledger = build(CGROUP_V2, &stat, processes, 3);
	assert_int_equal(430, ledger_bytes(&ledger, "anon.process.7"));
	assert_int_equal(300, ledger_bytes(&ledger, "go.heap.objects"));
	assert_int_equal(2, ledger_find(&ledger, "go.heap.objects")->depth);
	assert_true(ledger_find(&ledger, "go.heap.objects")->flags & LEDGER_ESTIMATED);
	assert_int_equal(20, ledger_bytes(&ledger, "anon.data"));
	assert_null(ledger_find(&ledger, "files.binary"));
	assert_int_equal(100, ledger_bytes(&ledger, "anon.process.8"));
	assert_int_equal(70, ledger_bytes(&ledger, "anon.rest"));
	ledger_deinit(&ledger);
	ledger_deinit(&own);
}

static void a_process_that_grew_meanwhile_still_sums(void **state)
{
	(void)state;
	struct cgroup_stat stat = make_stat();
	struct ledger own = go_account();
	const struct cgroup_process processes[] = {
		{8, "other", 900, NULL}, {7, "app", 350, &own}, // less than its own account says
	};
	struct ledger ledger = build(CGROUP_V2, &stat, processes, 2);
	assert_int_equal(-60, ledger_bytes(&ledger, "anon.data"));
	assert_true(ledger_find(&ledger, "anon.data")->flags & LEDGER_UNEXPLAINED);
	assert_int_equal(-650, ledger_bytes(&ledger, "anon.rest"));
	ledger_deinit(&ledger);
	ledger_deinit(&own);
}

static void what_is_not_known_still_sums(void **state)
{
	(void)state;
	struct cgroup_stat stat = {.counts = {.usage_bytes = known(1000)}};
	struct ledger own = go_account();
	const struct cgroup_process processes[] = {{8, "other", 900, NULL}, {7, "app", 0, &own}};
	struct ledger ledger = build(CGROUP_V1, &stat, processes, 2);
	assert_int_equal(1000, ledger_bytes(&ledger, "unexplained"));
	assert_int_equal(1, ledger.rows.count);
	ledger_deinit(&ledger);
	stat = make_stat();
	ledger = build(CGROUP_V2, &stat, processes, 2); // the process's own is not known
	assert_null(ledger_find(&ledger, "go.heap.objects"));
	ledger_deinit(&ledger);
	ledger_deinit(&own);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(version_2_charges_sockets),
		cmocka_unit_test(version_1_does_not),
		cmocka_unit_test(counters_that_moved_give_a_negative_rest),
		cmocka_unit_test(processes_are_part_of_anonymous_memory),
		cmocka_unit_test(a_process_that_grew_meanwhile_still_sums),
		cmocka_unit_test(what_is_not_known_still_sums),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
