// SPDX-License-Identifier: Apache-2.0
// Which incidents are removed: by count, age and size; and what is never touched.
#include "../system/lab.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "watch/retention.h"

static const int64_t HOUR = 3600000000000;
static const struct progress QUIET = {0};

struct folder {
	struct lab_dir dir;
};

static void set_age(const struct folder *folder, const char *name, int64_t age_ns)
{
	char path[256];
	int64_t when_ns = clock_unix_ns() - age_ns;
	struct timespec times[2] = {{when_ns / 1000000000, when_ns % 1000000000},
				    {when_ns / 1000000000, when_ns % 1000000000}};
	snprintf(path, sizeof path, "%s/%s", folder->dir.path, name);
	assert_int_equal(0, utimensat(AT_FDCWD, path, times, 0));
}

static void make(const struct folder *folder, const char *name, int64_t age_ns)
{
	char file[256];
	snprintf(file, sizeof file, "%s/baseline/heap.pb.gz", name);
	lab_dir_write(&folder->dir, file, "heap");
	snprintf(file, sizeof file, "%s/manifest.json", name);
	lab_dir_write(&folder->dir, file, "{}");
	set_age(folder, file, age_ns);
}

static bool is_there(const struct folder *folder, const char *name)
{
	char path[256];
	struct stat stat;
	snprintf(path, sizeof path, "%s/%s", folder->dir.path, name);
	return lstat(path, &stat) == 0;
}

static struct folder begin(void)
{
	struct folder folder;
	lab_dir_make(&folder.dir);
	for (int i = 1; i <= 5; i++) {
		char name[32];
		snprintf(name, sizeof name, "incident-%d", i);
		make(&folder, name, (6 - i) * HOUR); // 5 is the newest
	}
	return folder;
}

static int apply(const struct folder *folder, struct watch_keep keep, const char *newest,
		 const char *spared)
{
	return retention_apply(folder->dir.path, &keep, newest, spared, &QUIET);
}

static void without_a_bound_all_stay(void **state)
{
	(void)state;
	struct folder folder = begin();
	assert_int_equal(0, apply(&folder, (struct watch_keep){0}, NULL, NULL));
	lab_dir_remove(&folder.dir);
}

static void the_oldest_go_by_count(void **state)
{
	(void)state;
	struct folder folder = begin();
	assert_int_equal(3, apply(&folder, (struct watch_keep){.count = 2}, NULL, NULL));
	assert_false(is_there(&folder, "incident-3"));
	assert_true(is_there(&folder, "incident-4/baseline/heap.pb.gz"));
	assert_true(is_there(&folder, "incident-5"));
	lab_dir_remove(&folder.dir);
}

static void the_oldest_go_by_age_but_not_the_newest(void **state)
{
	(void)state;
	struct folder folder = begin();
	assert_int_equal(3,
			 apply(&folder, (struct watch_keep){.age_ns = 5 * HOUR / 2}, NULL, NULL));
	assert_true(is_there(&folder, "incident-4"));
	assert_int_equal(1, apply(&folder, (struct watch_keep){.age_ns = 1}, NULL, NULL));
	assert_true(is_there(&folder, "incident-5"));
	lab_dir_remove(&folder.dir);
}

static void the_oldest_go_by_size_but_not_the_newest(void **state)
{
	(void)state;
	struct folder folder = begin();
	assert_int_equal(0, apply(&folder, (struct watch_keep){.size_bytes = 1 << 30}, NULL, NULL));
	assert_int_equal(4, apply(&folder, (struct watch_keep){.size_bytes = 1}, NULL, NULL));
	assert_true(is_there(&folder, "incident-5"));
	lab_dir_remove(&folder.dir);
}

static void the_one_in_hand_stays(void **state)
{
	(void)state;
	struct folder folder = begin();
	assert_int_equal(
		2, apply(&folder, (struct watch_keep){.count = 1}, "/x/incident-1", "incident-3"));
	assert_true(is_there(&folder, "incident-1"));
	assert_false(is_there(&folder, "incident-2"));
	assert_true(is_there(&folder, "incident-3"));
	lab_dir_remove(&folder.dir);
}

static void what_is_not_ours_stays(void **state)
{
	(void)state;
	struct folder folder = begin();
	char link[256], target[256];
	lab_dir_write(&folder.dir, "incident-notes/text", "no manifest");
	lab_dir_write(&folder.dir, "incident-9.partial/manifest.json", "being written");
	lab_dir_write(&folder.dir, "other/manifest.json", "another name");
	lab_dir_write(&folder.dir, "outside/manifest.json", "{}");
	lab_dir_write(&folder.dir, "incident-0.tar.zst", "a bundle");
	set_age(&folder, "incident-0.tar.zst", 9 * HOUR);
	snprintf(link, sizeof link, "%s/incident-link", folder.dir.path);
	snprintf(target, sizeof target, "%s/outside", folder.dir.path);
	assert_int_equal(0, symlink(target, link));
	snprintf(link, sizeof link, "%s/incident-1/inner", folder.dir.path);
	assert_int_equal(0, symlink(target, link));
	assert_int_equal(5, apply(&folder, (struct watch_keep){.count = 1}, NULL, NULL));
	assert_false(is_there(&folder, "incident-0.tar.zst"));
	assert_false(is_there(&folder, "incident-1"));
	assert_true(is_there(&folder, "incident-5"));
	assert_true(is_there(&folder, "incident-notes/text"));
	assert_true(is_there(&folder, "incident-9.partial/manifest.json"));
	assert_true(is_there(&folder, "other/manifest.json"));
	assert_true(is_there(&folder, "outside/manifest.json"));
	assert_true(is_there(&folder, "incident-link"));
	lab_dir_remove(&folder.dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_a_bound_all_stay),
		cmocka_unit_test(the_oldest_go_by_count),
		cmocka_unit_test(the_oldest_go_by_age_but_not_the_newest),
		cmocka_unit_test(the_oldest_go_by_size_but_not_the_newest),
		cmocka_unit_test(the_one_in_hand_stays),
		cmocka_unit_test(what_is_not_ours_stays),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
