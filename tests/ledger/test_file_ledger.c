// SPDX-License-Identifier: Apache-2.0
#include "system/lab.h"

#include <stdio.h>
#include <string.h>

#include "ledger/file_ledger.h"

static struct file_cache make_cache(void)
{
	struct file_cache cache = {.charge_known = true};
	vec_push(&cache.list, {.path = "/srv/app.log.1",
			       .mount = "",
			       .found = FILE_BESIDE,
			       .log = true,
			       .rotated = true,
			       .cached_bytes = 600,
			       .charged_bytes = known(500)});
	vec_push(&cache.list, {.path = "/srv/app.log",
			       .mount = "",
			       .found = FILE_OPEN,
			       .pid = 7,
			       .log = true,
			       .deleted = true,
			       .cached_bytes = 300,
			       .dirty_bytes = known(100),
			       .charged_bytes = known(300),
			       .sampled = true});
	vec_push(&cache.list, {.path = "/usr/lib/x.so",
			       .mount = "",
			       .found = FILE_MAPPED,
			       .cached_bytes = 900,
			       .charged_bytes = known(0)});
	vec_push(&cache.list, {.path = "/dev/shm/a",
			       .mount = "/dev/shm",
			       .found = FILE_ON_TMPFS,
			       .shmem = true,
			       .cached_bytes = 70,
			       .charged_bytes = known(70)});
	vec_push(&cache.list, {.path = "/memfd:x",
			       .mount = "memfd",
			       .found = FILE_OPEN,
			       .shmem = true,
			       .deleted = true,
			       .cached_bytes = 20,
			       .charged_bytes = known(20)});
	return cache;
}

static const struct cgroup_stat stat_of_it = {.file_bytes = {1100, true},
					      .shmem_bytes = {100, true}};

static void check_sums(const struct ledger *ledger)
{
	const char *broken = NULL;
	if (!ledger_sums(ledger, &broken))
		fail_msg("%s does not sum", broken);
}

static void files_are_named(void **state)
{
	(void)state;
	struct file_cache cache = make_cache();
	struct ledger ledger;
	cache_ledger_build(&cache, &stat_of_it, &ledger);
	check_sums(&ledger);
	assert_string_equal("cache", ledger.total_key);
	assert_int_equal(1000, ledger.total_bytes);
	const struct ledger_row *rotated = ledger_find(&ledger, "cache.file.1");
	assert_string_equal("/srv/app.log.1", rotated->label);
	assert_int_equal(500, rotated->bytes);
	assert_string_equal("rotated log, 100 B more is charged elsewhere", rotated->note);
	assert_int_equal(LEDGER_RECLAIMABLE, rotated->flags);
	const struct ledger_row *log = ledger_find(&ledger, "cache.file.2");
	assert_true(log->flags & LEDGER_ESTIMATED);
	assert_non_null(strstr(log->note, "deleted, open by process 7"));
	assert_non_null(strstr(log->note, "100 B of it to be written first"));
	assert_null(ledger_find(&ledger, "cache.file.3")); // all of it is charged elsewhere
	assert_int_equal(200, ledger_bytes(&ledger, "cache.unnamed"));
	assert_true(ledger_find(&ledger, "cache.unnamed")->flags & LEDGER_UNEXPLAINED);
	assert_int_equal(800, ledger_bytes(&ledger, "cache.logs"));
	assert_int_equal(500, ledger_bytes(&ledger, "cache.logs.rotated"));
	ledger_deinit(&ledger);
	file_cache_deinit(&cache);
}

static void shared_memory_is_told_by_mount(void **state)
{
	(void)state;
	struct file_cache cache = make_cache();
	struct ledger ledger;
	vec_push(&cache.list, {.path = "segment 3",
			       .mount = "SysV",
			       .found = FILE_SYSV,
			       .shmem = true,
			       .cached_bytes = 4096});
	shmem_ledger_build(&cache, &stat_of_it, &ledger);
	check_sums(&ledger);
	assert_int_equal(100, ledger.total_bytes);
	assert_string_equal("/dev/shm", ledger_find(&ledger, "shmem.mount.1")->label);
	assert_int_equal(70, ledger_bytes(&ledger, "shmem.mount.1.file.1"));
	assert_string_equal("memfd", ledger_find(&ledger, "shmem.mount.2")->label);
	assert_null(strstr(ledger_find(&ledger, "shmem.mount.2.file.1")->note, "deleted"));
	assert_int_equal(10, ledger_bytes(&ledger, "shmem.unnamed"));
	assert_int_equal(4096, ledger_bytes(&ledger, "shmem.unattached")); // beside
	VEC_FOREACH (row, &ledger.rows)
		assert_false(row->flags & LEDGER_RECLAIMABLE);
	ledger_deinit(&ledger);
	file_cache_deinit(&cache);
}

static void many_files_share_a_row(void **state)
{
	(void)state;
	struct file_cache cache = {.charge_known = true, .partial = true};
	struct ledger ledger;
	struct cgroup_stat stat = {.file_bytes = known(1000)};
	snprintf(cache.partial_reason, sizeof cache.partial_reason, "too many");
	for (int i = 0; i < 25; i++)
		vec_push(&cache.list, {.path = "/x", .mount = "", .charged_bytes = known(10)});
	cache_ledger_build(&cache, &stat, &ledger);
	check_sums(&ledger);
	assert_int_equal(50, ledger_bytes(&ledger, "cache.files"));
	assert_string_equal("5 other files", ledger_find(&ledger, "cache.files")->label);
	assert_string_equal("too many", ledger_find(&ledger, "cache.unnamed")->note);
	ledger_deinit(&ledger);
	stat.file_bytes = known(100); // it fell meanwhile
	cache_ledger_build(&cache, &stat, &ledger);
	check_sums(&ledger);
	assert_int_equal(-150, ledger_bytes(&ledger, "cache.unnamed"));
	assert_false(ledger_find(&ledger, "cache.unnamed")->flags & LEDGER_RECLAIMABLE);
	ledger_deinit(&ledger);
	file_cache_deinit(&cache);
}

static void an_unknown_charge_is_never_shown_as_known(void **state)
{
	(void)state;
	struct file_cache cache = make_cache();
	struct cgroup_stat stat = {.file_bytes = known(2000)};
	struct ledger ledger;
	cache.charge_known = false;
	cache_ledger_build(&cache, &stat, &ledger);
	check_sums(&ledger);
	const struct ledger_row *row = ledger_find(&ledger, "cache.file.1");
	assert_int_equal(600, row->bytes);
	assert_true(row->flags & LEDGER_ESTIMATED);
	assert_non_null(strstr(row->note, "may be charged elsewhere"));
	assert_int_equal(200, ledger_bytes(&ledger, "cache.unnamed"));
	ledger_deinit(&ledger);
	// More than the cgroup has: no part of the sum.
	stat.file_bytes = known(1000);
	cache_ledger_build(&cache, &stat, &ledger);
	check_sums(&ledger);
	assert_int_equal(1, ledger.rows.count);
	assert_int_equal(1000, ledger_bytes(&ledger, "cache.unnamed"));
	assert_int_equal(600, ledger_bytes(&ledger, "cache.file.1"));
	ledger_deinit(&ledger);
	file_cache_deinit(&cache);
}

static void absurd_values_still_sum(void **state)
{
	(void)state;
	struct file_cache cache = {.charge_known = true};
	struct cgroup_stat stat = {.file_bytes = known(UINT64_MAX), .shmem_bytes = known(1)};
	struct ledger ledger;
	for (int i = 0; i < 30; i++)
		vec_push(&cache.list, {.path = "/x",
				       .mount = "",
				       .cached_bytes = UINT64_MAX,
				       .charged_bytes = known(UINT64_MAX)});
	cache_ledger_build(&cache, &stat, &ledger);
	check_sums(&ledger);
	ledger_deinit(&ledger);
	file_cache_deinit(&cache);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(files_are_named),
		cmocka_unit_test(shared_memory_is_told_by_mount),
		cmocka_unit_test(many_files_share_a_row),
		cmocka_unit_test(an_unknown_charge_is_never_shown_as_known),
		cmocka_unit_test(absurd_values_still_sum),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
