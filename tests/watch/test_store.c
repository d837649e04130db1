// SPDX-License-Identifier: Apache-2.0
// Directories of captures: their names, which stay, which go.
#include "../system/lab.h"

#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "watch/store.h"

struct shop {
	struct lab_dir dir;
	struct store store;
	char out[128];
};

static void shop_begin(struct shop *shop, const char *process_name)
{
	struct process_files process;
	char before[16];
	lab_dir_make(&shop->dir);
	snprintf(shop->out, sizeof shop->out, "%s/out", shop->dir.path);
	prctl(PR_GET_NAME, before);
	prctl(PR_SET_NAME, process_name);
	assert_ok(process_files_open("/proc", getpid(), &process, &error));
	store_begin(&shop->store, shop->out, "incident", &process);
	process_files_close(&process);
	prctl(PR_SET_NAME, before);
}

static bool exists(const char *directory, const char *name)
{
	char path[8192];
	snprintf(path, sizeof path, "%s/%s", directory, name);
	return access(path, F_OK) == 0;
}

static void write_mark(const char *directory, const char *mark)
{
	char path[8192];
	snprintf(path, sizeof path, "%s/%s", directory, mark);
	FILE *file = fopen(path, "we");
	assert_non_null(file);
	fclose(file);
}

static void make_capture(struct shop *shop, char directory[4096], const char *mark)
{
	store_next(&shop->store, directory, 4096);
	assert_int_equal(0, mkdir(directory, 0755));
	write_mark(directory, mark);
}

static void partial_of(const struct shop *shop, char partial[4096])
{
	snprintf(partial, 4096, "%s/%s.partial", shop->out, shop->store.name);
}

// Both begin within a second, and make their directory later.
static void two_of_the_same_name_keep_both(void **state)
{
	(void)state;
	struct shop shop;
	char first[4096], second[4096], incident[4096] = "", other[4096] = "";
	shop_begin(&shop, "twin");
	struct store twin = shop.store;
	make_capture(&shop, first, "first");
	store_next(&twin, second, sizeof second);
	assert_int_equal(0, mkdir(second, 0755));
	assert_string_not_equal(shop.store.name, twin.name);
	assert_ok(store_keep(&shop.store, first, "", incident, sizeof incident, &error));
	assert_ok(store_keep(&twin, second, "", other, sizeof other, &error));
	assert_string_not_equal(incident, other);
	assert_true(exists(incident, "first"));
	store_end(&shop.store, true);
	store_end(&twin, true);
	lab_dir_remove(&shop.dir);
}

static void an_incident_is_not_lost_for_its_name(void **state)
{
	(void)state;
	struct shop shop;
	char capture[4096], taken[4096], incident[4096] = "";
	shop_begin(&shop, "taken");
	make_capture(&shop, capture, "mark");
	snprintf(taken, sizeof taken, "%s/%s", shop.out, shop.store.name);
	assert_int_equal(0, mkdir(taken, 0755));
	write_mark(taken, "of-somebody");
	assert_ok(store_keep(&shop.store, capture, "", incident, sizeof incident, &error));
	assert_true(exists(incident, "mark"));
	assert_false(exists(incident, "of-somebody"));
	store_end(&shop.store, true);
	lab_dir_remove(&shop.dir);
}

static void a_process_name_cannot_lead_elsewhere(void **state)
{
	(void)state;
	static const char *const names[] = {"../../etc", "a/b c", "\033[2J", "\xff\xfe", "..", ""};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		struct shop shop;
		char pid[16];
		shop_begin(&shop, names[i]);
		const char *name = shop.store.name;
		assert_int_equal(strlen(name),
				 strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
					      "0123456789._-"));
		assert_ptr_equal(name, strstr(name, "incident-"));
		snprintf(pid, sizeof pid, "-%d", (int)getpid());
		assert_string_equal(pid, strrchr(name, '-'));
		lab_dir_remove(&shop.dir);
	}
}

static void the_newest_becomes_the_incident_with_the_others_below(void **state)
{
	(void)state;
	struct shop shop;
	char first[4096], second[4096], third[4096], fourth[4096], incident[4096], partial[4096];
	shop_begin(&shop, "name");
	make_capture(&shop, first, "one");
	make_capture(&shop, second, "two");
	make_capture(&shop, third, "three");
	make_capture(&shop, fourth, "four");
	store_drop(&shop.store, second);
	assert_false(exists(second, ""));
	assert_ok(store_keep(&shop.store, fourth, first, incident, sizeof incident, &error));
	store_end(&shop.store, false);
	partial_of(&shop, partial);
	assert_false(exists(partial, ""));
	assert_true(exists(incident, "four"));
	assert_true(exists(incident, "baseline/one"));
	assert_true(exists(incident, "earlier-1/three"));
	assert_false(exists(incident, "earlier-2"));
	lab_dir_remove(&shop.dir);
}

static void a_baseline_alone_is_the_incident(void **state)
{
	(void)state;
	struct shop shop;
	char only[4096], incident[4096];
	shop_begin(&shop, "name");
	make_capture(&shop, only, "one");
	assert_ok(store_keep(&shop.store, only, only, incident, sizeof incident, &error));
	store_end(&shop.store, false);
	assert_true(exists(incident, "one"));
	assert_false(exists(incident, "baseline"));
	lab_dir_remove(&shop.dir);
}

static void what_is_discarded_leaves_nothing(void **state)
{
	(void)state;
	struct shop shop;
	char directory[4096], partial[4096];
	shop_begin(&shop, "name");
	make_capture(&shop, directory, "one");
	make_capture(&shop, directory, "two");
	partial_of(&shop, partial);
	store_end(&shop.store, true);
	assert_false(exists(partial, ""));
	assert_true(exists(shop.out, "")); // may be the user's
	lab_dir_remove(&shop.dir);
}

static void what_is_not_discarded_stays(void **state)
{
	(void)state;
	struct shop shop;
	char directory[4096];
	shop_begin(&shop, "name");
	make_capture(&shop, directory, "one");
	store_end(&shop.store, false);
	assert_true(exists(directory, "one"));
	lab_dir_remove(&shop.dir);
}

// Somebody else's directory has the final name: nothing of it or of ours is lost.
static void a_failing_rename_loses_nothing(void **state)
{
	(void)state;
	struct shop shop;
	char directory[4096], incident[4096] = "untouched";
	shop_begin(&shop, "name");
	make_capture(&shop, directory, "ours");
	write_mark(shop.out, shop.store.name); // a file: no directory can take its place
	assert_error(ERROR_OS,
		     store_keep(&shop.store, directory, "", incident, sizeof incident, &error));
	assert_string_equal("untouched", incident);
	store_end(&shop.store, false);
	assert_true(exists(directory, "ours"));
	assert_true(exists(shop.out, shop.store.name));
	lab_dir_remove(&shop.dir);
}

static void a_place_that_cannot_be_is_told_by_the_first_mkdir(void **state)
{
	(void)state;
	struct shop shop;
	char directory[4096], incident[4096];
	shop_begin(&shop, "name");
	lab_dir_write(&shop.dir, "out", "a file is in the way");
	store_next(&shop.store, directory, sizeof directory);
	assert_int_equal(-1, mkdir(directory, 0755));
	store_drop(&shop.store, directory);
	assert_error(ERROR_OS,
		     store_keep(&shop.store, directory, "", incident, sizeof incident, &error));
	store_end(&shop.store, true);
	lab_dir_remove(&shop.dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_of_the_same_name_keep_both),
		cmocka_unit_test(an_incident_is_not_lost_for_its_name),
		cmocka_unit_test(a_process_name_cannot_lead_elsewhere),
		cmocka_unit_test(the_newest_becomes_the_incident_with_the_others_below),
		cmocka_unit_test(a_baseline_alone_is_the_incident),
		cmocka_unit_test(what_is_discarded_leaves_nothing),
		cmocka_unit_test(what_is_not_discarded_stays),
		cmocka_unit_test(a_failing_rename_loses_nothing),
		cmocka_unit_test(a_place_that_cannot_be_is_told_by_the_first_mkdir),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
