// SPDX-License-Identifier: Apache-2.0
#include "ledger/views.h"

#include <string.h>

#include "system/lab.h"

static const struct view_facts facts = {
	.has_go = true,
	.has_sampled = true,
	.has_process = true,
	.has_cgroup = true,
	.sampled_bytes = 600,
	.heap_alloc = 700,
	.heap_inuse = 750,
	.heap_idle = 400,
	.heap_released = 300,
	.stack_sys = 40,
	.sys = 1250, // 60 of it metadata
	.go_resident_bytes = 900,
	.rss_bytes = 1200,
	.pss_bytes = 1150,
	.anon_bytes = 1000,
	.shmem_bytes = 50,
	.usage_bytes = 5000,
	.cgroup_anon_bytes = 1400,
	.file_bytes = 3000,
	.inactive_file_bytes = 2000,
	.cgroup_shmem_bytes = 100,
	.kernel_bytes = 500,
	.sock_bytes = 70,
};

static int64_t bytes_of(const struct views *views, const char *key)
{
	for (size_t i = 0; i < views->count; i++)
		if (strcmp(views->items[i].key, key) == 0)
			return views->items[i].bytes;
	fail_msg("no view %s", key);
	return 0;
}

// Each number is what the tool itself computes.
static void test_numbers(void **state)
{
	(void)state;
	struct views views;
	views_build(&facts, &views);
	assert_int_equal(views.count, 11);
	assert_int_equal(bytes_of(&views, "pprof_inuse"), 600);
	assert_int_equal(bytes_of(&views, "heap_alloc"), 700);
	assert_int_equal(bytes_of(&views, "heap_inuse"), 750);
	assert_int_equal(bytes_of(&views, "heap_sys"), 1150);
	assert_int_equal(bytes_of(&views, "sys"), 1250);
	assert_int_equal(bytes_of(&views, "top_res"), 1200);
	assert_int_equal(bytes_of(&views, "pss"), 1150);
	assert_int_equal(bytes_of(&views, "container_rss"), 1400);
	assert_int_equal(bytes_of(&views, "usage_less_cache"), 2000);
	assert_int_equal(bytes_of(&views, "working_set"), 3000);
	assert_int_equal(bytes_of(&views, "usage"), 5000);
}

static void test_steps_lead_from_one_to_the_next(void **state)
{
	(void)state;
	struct views views;
	views_build(&facts, &views);
	for (size_t i = 1; i < views.count; i++) {
		int64_t bytes = views.items[i - 1].bytes;
		for (enum view_part part = 0; part < VIEW_PART_COUNT; part++)
			bytes += view_step(&views, i, part);
		assert_int_equal(bytes, views.items[i].bytes);
	}
	assert_int_equal(view_step(&views, 5, VIEW_RELEASED), -300);
	assert_int_equal(view_step(&views, 5, VIEW_UNTOUCHED), 900 - (1250 - 300));
	for (enum view_part part = 0; part < VIEW_PART_COUNT; part++)
		assert_true(view_part_label(part)[0]);
}

static void test_only_what_is_known(void **state)
{
	(void)state;
	struct view_facts known = facts;
	struct views views;
	known.has_go = known.has_sampled = false;
	views_build(&known, &views);
	assert_int_equal(views.count, 6);
	assert_int_equal(bytes_of(&views, "top_res"), 1200);
	assert_int_equal(bytes_of(&views, "usage"), 5000);
	known = facts;
	known.has_cgroup = false;
	views_build(&known, &views);
	assert_int_equal(views.count, 7);
	known.has_sampled = false;
	views_build(&known, &views);
	assert_int_equal(views.count, 6);
	assert_int_equal(bytes_of(&views, "heap_alloc"), 700);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_steps_lead_from_one_to_the_next),
		cmocka_unit_test(test_only_what_is_known),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
