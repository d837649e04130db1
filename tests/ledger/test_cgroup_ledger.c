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

static struct ledger build_input(const struct cgroup_ledger_input *input)
{
	struct ledger ledger;
	const char *broken = NULL;
	cgroup_ledger_build(input, &ledger);
	if (!ledger_sums(&ledger, &broken))
		fail_msg("%s does not sum", broken);
	return ledger;
}

static void version_1_is_estimated(void **state)
{
	(void)state;
	struct cgroup_stat stat = {.counts = {.usage_bytes = known(200000)},
				   .kernel_bytes = known(200000)};
	struct cgroup_ledger_input input = {.version = CGROUP_V1,
					    .stat = &stat,
					    .thread_count = known(5),
					    .page_table_bytes = known(40960)};
	struct ledger ledger = build_input(&input);
	assert_int_equal(5 * 16384, ledger_bytes(&ledger, "kernel.stacks"));
	assert_true(ledger_find(&ledger, "kernel.stacks")->flags & LEDGER_ESTIMATED);
	assert_int_equal(40960, ledger_bytes(&ledger, "kernel.pagetables"));
	assert_int_equal(200000 - 5 * 16384 - 40960, ledger_bytes(&ledger, "kernel.rest"));
	ledger_deinit(&ledger);
	input.thread_count = known(UINT64_MAX); // nonsense stays in bounds, and shows
	ledger = build_input(&input);
	assert_true(ledger_find(&ledger, "kernel.rest")->flags & LEDGER_UNEXPLAINED ||
		    !ledger_find(&ledger, "kernel.stacks"));
	ledger_deinit(&ledger);
	// A kernel that still tells the slabs of a v1 cgroup.
	input.thread_count = known(1);
	stat.slab_reclaimable_bytes = known(30000);
	stat.slab_dentries_bytes = known(10000);
	stat.slab_inodes_bytes = known(20000);
	stat.slab_unreclaimable_bytes = known(8000);
	ledger = build_input(&input);
	assert_int_equal(10000, ledger_bytes(&ledger, "kernel.slab.dentries"));
	assert_int_equal(20000, ledger_bytes(&ledger, "kernel.slab.inodes"));
	assert_int_equal(200000 - 16384 - 40960 - 38000, ledger_bytes(&ledger, "kernel.rest"));
	ledger_deinit(&ledger);
}

static void older_kernels_tell_no_sum(void **state)
{
	(void)state;
	struct cgroup_stat stat = make_stat();
	stat.kernel_bytes = (struct known_u64){0};
	struct ledger ledger = build(CGROUP_V2, &stat, NULL, 0);
	assert_int_equal(70, ledger_bytes(&ledger, "kernel"));
	assert_null(ledger_find(&ledger, "kernel.rest"));
	assert_int_equal(90, ledger_bytes(&ledger, "unexplained"));
	ledger_deinit(&ledger);
}

static void the_root_has_no_total(void **state)
{
	(void)state;
	struct cgroup_stat stat = make_stat();
	stat.counts.usage_bytes = (struct known_u64){0};
	struct ledger ledger = build(CGROUP_V2, &stat, NULL, 0);
	assert_int_equal(600 + 200 + 100 + 40, ledger.total_bytes);
	assert_null(ledger_find(&ledger, "unexplained"));
	ledger_deinit(&ledger);
}

static void swap_cache_explains_what_it_can(void **state)
{
	(void)state;
	struct cgroup_stat stat = make_stat();
	stat.swapcached_bytes = known(45);
	stat.swap_bytes = known(77);
	struct ledger ledger = build(CGROUP_V2, &stat, NULL, 0);
	assert_int_equal(45, ledger_bytes(&ledger, "swapcache"));
	assert_int_equal(15, ledger_bytes(&ledger, "unexplained"));
	assert_int_equal(77, ledger_bytes(&ledger, "swap"));
	assert_false(is_row(&ledger, "swap"));
	ledger_deinit(&ledger);
	stat.swapcached_bytes = known(4500); // most of it is mapped, and anonymous memory
	ledger = build(CGROUP_V2, &stat, NULL, 0);
	assert_int_equal(60, ledger_bytes(&ledger, "swapcache"));
	ledger_deinit(&ledger);
}

static void limits_stand_beside(void **state)
{
	(void)state;
	struct cgroup_stat stat = make_stat();
	stat.limit = (struct cgroup_limit){.known = true, .bytes = 5000};
	stat.effective_limit = (struct cgroup_limit){.known = true, .bytes = 4000};
	stat.effective_limit_path = "/pod";
	stat.high = (struct cgroup_limit){.known = true, .unlimited = true};
	stat.file_dirty_bytes = known(11);
	struct ledger ledger = build(CGROUP_V2, &stat, NULL, 0);
	assert_int_equal(5000, ledger_bytes(&ledger, "limit"));
	assert_string_equal("/pod", ledger_find(&ledger, "limit.effective")->note);
	assert_null(ledger_find(&ledger, "limit.high"));
	assert_int_equal(11, ledger_bytes(&ledger, "cache.dirty"));
	assert_int_equal(150 + 15, ledger_bytes(&ledger, "reclaimable"));
	ledger_deinit(&ledger);
}

static void absurd_values_still_sum(void **state)
{
	(void)state;
	struct cgroup_stat stat = make_stat();
	struct known_u64 *fields[] = {&stat.anon_bytes,
				      &stat.file_bytes,
				      &stat.kernel_bytes,
				      &stat.sock_bytes,
				      &stat.slab_reclaimable_bytes,
				      &stat.counts.usage_bytes,
				      &stat.active_file_bytes};
	for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
		*fields[i] = known(UINT64_MAX - i);
		for (int version = CGROUP_V1; version <= CGROUP_V2; version++) {
			struct ledger ledger = build((enum cgroup_version)version, &stat, NULL, 0);
			ledger_deinit(&ledger);
		}
	}
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
		cmocka_unit_test(version_1_is_estimated),
		cmocka_unit_test(older_kernels_tell_no_sum),
		cmocka_unit_test(the_root_has_no_total),
		cmocka_unit_test(swap_cache_explains_what_it_can),
		cmocka_unit_test(limits_stand_beside),
		cmocka_unit_test(absurd_values_still_sum),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
