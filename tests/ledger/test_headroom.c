// SPDX-License-Identifier: Apache-2.0
#include "system/lab.h"

#include <stdio.h>
#include <string.h>

#include "ledger/headroom.h"

static struct cgroup_stat make_stat(void)
{
	return (struct cgroup_stat){
		.counts = {.usage_bytes = known(1000)},
		.file_bytes = known(500),
		.shmem_bytes = known(100),
		.active_file_bytes = known(150),
		.inactive_file_bytes = known(200),
		.unevictable_bytes = known(30),
		.slab_reclaimable_bytes = known(40),
	};
}

static void what_is_locked_or_shared_is_not_reclaimable(void **state)
{
	(void)state;
	struct cgroup_stat stat = make_stat();
	// 400 of cache: 350 on the lists, 30 locked, 20 on the way to a list.
	assert_int_equal(350 + 20 + 40, headroom_reclaimable_bytes(&stat));
	stat.unevictable_bytes = known(1 << 20); // most of it anonymous
	assert_int_equal(350 + 40, headroom_reclaimable_bytes(&stat));
	stat.active_file_bytes = (struct known_u64){0};
	assert_int_equal(400 + 40, headroom_reclaimable_bytes(&stat));
	stat.file_bytes = (struct known_u64){0};
	assert_int_equal(40, headroom_reclaimable_bytes(&stat));
}

static void absurd_values_stay_in_bounds(void **state)
{
	(void)state;
	struct cgroup_stat stat = make_stat();
	stat.active_file_bytes = stat.inactive_file_bytes = known(UINT64_MAX);
	stat.slab_reclaimable_bytes = known(UINT64_MAX);
	assert_int_equal(1000, headroom_reclaimable_bytes(&stat));
	stat.counts.usage_bytes = (struct known_u64){0};
	assert_true(headroom_reclaimable_bytes(&stat) > 0);
}

static void write_level(const struct lab_dir *dir, const char *name, const char *stat,
			const char *current, const char *max, const char *high)
{
	const struct {
		const char *file, *text;
	} files[] = {{"memory.stat", stat},
		     {"memory.current", current},
		     {"memory.max", max},
		     {"memory.high", high},
		     {"memory.swap.current", "10\n"},
		     {"memory.swap.max", "max\n"},
		     {"cgroup.procs", ""}};
	char path[96];
	for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
		snprintf(path, sizeof path, "%s/%s", name, files[i].file);
		lab_dir_write(dir, path, files[i].text);
	}
}

static struct headroom read_below(const struct lab_dir *dir, const char *name, char *bites,
				  size_t size)
{
	char path[128];
	struct cgroup *cgroup;
	struct headroom headroom;
	snprintf(path, sizeof path, "%s/%s", dir->path, name);
	assert_ok(cgroup_open(path, &cgroup, &error));
	assert_ok(headroom_read(cgroup, &headroom, &error));
	snprintf(bites, size, "%s",
		 headroom.limited && headroom.bites.path ? headroom.bites.path + strlen(dir->path)
							 : "");
	cgroup_close(cgroup);
	return headroom;
}

static const char little[] = "anon 300000\nfile 100000\nactive_file 60000\n"
			     "inactive_file 40000\nslab_reclaimable 0\n";
static const char much[] = "anon 900000\nfile 1000000\nactive_file 500000\n"
			   "inactive_file 500000\nslab_reclaimable 50000\n";

static void the_least_headroom_bites(void **state)
{
	(void)state;
	struct lab_dir dir;
	char bites[64];
	lab_dir_make(&dir);
	write_level(&dir, "pod", much, "1950000\n", "2000000\n", "max\n");
	write_level(&dir, "pod/app", little, "400000\n", "1000000\n", "700000\n");
	// The app has 700,000 left; the pod, with the larger limit, twice as much: its cache goes.
	struct headroom headroom = read_below(&dir, "pod/app", bites, sizeof bites);
	assert_true(headroom.limited && !headroom.partial);
	assert_string_equal("/pod/app", bites);
	assert_int_equal(100000, headroom.bites.reclaimable_bytes);
	assert_int_equal(300000, headroom.bites.unreclaimable_bytes);
	assert_int_equal(700000, headroom.bites.headroom_bytes);
	assert_true(headroom.throttled);
	assert_int_equal(400000, headroom.throttles.headroom_bytes);
	assert_false(headroom.swap_left_bytes.known);
	// A neighbour fills the pod with what cannot be reclaimed: now the larger limit bites.
	lab_dir_write(&dir, "pod/memory.stat",
		      "anon 1900000\nfile 50000\nactive_file 0\n"
		      "inactive_file 50000\n");
	lab_dir_write(&dir, "pod/memory.swap.max", "100\n");
	headroom = read_below(&dir, "pod/app", bites, sizeof bites);
	assert_string_equal("/pod", bites);
	assert_int_equal(100000, headroom.bites.headroom_bytes);
	assert_int_equal(90, headroom.swap_left_bytes.value);
	lab_dir_remove(&dir);
}

static void what_cannot_be_read_is_partial(void **state)
{
	(void)state;
	struct lab_dir dir;
	char bites[64];
	lab_dir_make(&dir);
	write_level(&dir, "pod", "anon 1\nanon 2\n", "1950000\n", "2000000\n", "max\n");
	write_level(&dir, "pod/app", little, "400000\n", "max\n", "max\n");
	struct headroom headroom = read_below(&dir, "pod/app", bites, sizeof bites);
	assert_true(headroom.partial && headroom.reason.message[0]);
	assert_false(headroom.limited || headroom.throttled);
	assert_int_equal(1, headroom.level_count);
	lab_dir_remove(&dir);
}

static void v1_tells_of_a_limit_above_the_mount(void **state)
{
	(void)state;
	struct lab_dir dir;
	char bites[64];
	lab_dir_make(&dir);
	lab_dir_write(&dir, "app/memory.usage_in_bytes", "4000\n");
	lab_dir_write(&dir, "app/memory.limit_in_bytes", "9000\n");
	lab_dir_write(&dir, "app/memory.memsw.limit_in_bytes", "9500\n");
	lab_dir_write(&dir, "app/memory.stat",
		      "total_cache 1000\ntotal_active_file 1000\n"
		      "total_inactive_file 0\ntotal_swap 100\n"
		      "hierarchical_memory_limit 5000\n");
	struct headroom headroom = read_below(&dir, "app", bites, sizeof bites);
	assert_true(headroom.limited);
	assert_null(headroom.bites.path);
	assert_false(headroom.bites.usage_bytes.known);
	assert_int_equal(5000, headroom.bites.limit_bytes);
	assert_int_equal(2000, headroom.bites.headroom_bytes);
	assert_int_equal(400, headroom.swap_left_bytes.value);
	lab_dir_remove(&dir);
}

static void a_real_parent_bites(void **state)
{
	(void)state;
	struct lab_cgroup above, child;
	struct cgroup *cgroup;
	struct headroom headroom;
	size_t size = 16 << 20;
	lab_cgroup_make(&above, "headroom", 64 << 20);
	lab_cgroup_make_below(&above, &child);
	lab_cgroup_write(&child, "memory.limit_in_bytes", "50331648");
	pid_t neighbour = lab_spawn(&above, lab_allocate, &size);
	pid_t inside = lab_spawn(&child, lab_allocate, &size);
	assert_ok(cgroup_open(child.path, &cgroup, &error));
	for (int i = 0; i < 100; i++, lab_sleep_ms(20)) {
		assert_ok(headroom_read(cgroup, &headroom, &error));
		if (headroom.bites.unreclaimable_bytes >= (int64_t)size * 2)
			break;
	}
	// 48 MiB - 16 MiB are left in the child; 64 MiB - 16 MiB - 16 MiB above it.
	assert_true(headroom.limited);
	assert_string_equal(above.path, headroom.bites.path);
	assert_int_equal(64 << 20, headroom.bites.limit_bytes);
	assert_in_range(headroom.bites.headroom_bytes, 20 << 20, 32 << 20);
	lab_kill(neighbour);
	lab_kill(inside);
	cgroup_close(cgroup);
	lab_cgroup_remove(&child);
	lab_cgroup_remove(&above);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_locked_or_shared_is_not_reclaimable),
		cmocka_unit_test(absurd_values_stay_in_bounds),
		cmocka_unit_test(the_least_headroom_bites),
		cmocka_unit_test(what_cannot_be_read_is_partial),
		cmocka_unit_test(v1_tells_of_a_limit_above_the_mount),
		cmocka_unit_test(a_real_parent_bites),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
