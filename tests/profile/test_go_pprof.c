// SPDX-License-Identifier: Apache-2.0
// The same answer as `go tool pprof`, row by row, on files we wrote and on one Go wrote. Skipped
// where there is no Go.
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/strbuf.h"
#include "fixture.h"
#include "profile/diff.h"
#include "profile/pprof_read.h"
#include "profile/pprof_write.h"
#include "profile/top.h"

#define TEMPORARY_PATH "/tmp/whyoom-pprof-XXXXXX"

struct go_row {
	char *function;
	int64_t flat, cum;
};

struct go_top {
	VEC(struct go_row) rows;
};

static void go_top_deinit(struct go_top *top)
{
	VEC_FOREACH (row, &top->rows) {
		free(row->function);
	}
	vec_deinit(&top->rows);
}

static void need_go(void)
{
	setenv("GOFLAGS", "", 1);
	setenv("GOTOOLCHAIN", "local", 1);
	if (system("go version >/dev/null 2>&1"))
		skip();
}

static void write_profile(const struct profile *profile, char *path)
{
	struct error error;
	size_t size;
	_cleanup_free_ uint8_t *data = NULL;
	_cleanup_close_ int fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_ok(pprof_write(profile, &data, &size, &error));
	assert_ok(file_write(fd, path, data, size, &error));
}

// "  4096B 23.62% 23.62%  4096B 23.62%  cache.put (inline)": flat, its share, the sum of shares,
// cum, its share, the name.
static bool parse_row(char *line, struct go_row *row)
{
	int64_t columns[5];
	for (size_t i = 0; i < 5; i++) {
		char *end;
		columns[i] = strtoll(line, &end, 10);
		if (end == line)
			return false;
		line = end + strcspn(end, " ");
	}
	line += strspn(line, " ");
	line[strcspn(line, "\n")] = '\0';
	char *note = strstr(line, " (inline)") ?: strstr(line, " (partial-inline)");
	if (note)
		*note = '\0';
	*row = (struct go_row){.function = strdup(line), .flat = columns[0], .cum = columns[3]};
	return true;
}

// Values in single bytes ("B" behind counts too, which strtoll stops at).
static struct go_top run_pprof(const char *arguments)
{
	struct go_top top = {0};
	struct go_row row;
	char line[4096];
	char command[1024];
	snprintf(command, sizeof command,
		 "go tool pprof -top -symbolize=none -nodefraction=0 -unit=B %s 2>/dev/null",
		 arguments);
	FILE *output = popen(command, "r");
	assert_non_null(output);
	while (fgets(line, sizeof line, output))
		if (parse_row(line, &row))
			vec_push(&top.rows, row);
	assert_int_equal(pclose(output), 0);
	return top;
}

static void compare_type(const struct profile *profile, const char *path, uint32_t type,
			 enum profile_top_order order)
{
	struct error error;
	char arguments[512];
	snprintf(arguments, sizeof arguments, "-sample_index=%u %s %s", type,
		 order == PROFILE_TOP_CUM ? "-cum" : "", path);
	_cleanup_(go_top_deinit) struct go_top wanted = run_pprof(arguments);
	_cleanup_(profile_top_freep) struct profile_top *top = NULL;
	assert_ok(profile_top_new(profile, type, order, &top, &error));
	assert_int_equal(top->rows.count, wanted.rows.count);
	for (size_t i = 0; i < wanted.rows.count; i++) {
		assert_string_equal(top->rows.items[i].function, wanted.rows.items[i].function);
		assert_int_equal(top->rows.items[i].flat, wanted.rows.items[i].flat);
		assert_int_equal(top->rows.items[i].cum, wanted.rows.items[i].cum);
	}
}

static void compare_all(const struct profile *profile)
{
	char path[] = TEMPORARY_PATH;
	write_profile(profile, path);
	for (uint32_t type = 0; type < profile->sample_types.count; type++)
		compare_type(profile, path, type, PROFILE_TOP_FLAT);
	compare_type(profile, path, 3, PROFILE_TOP_CUM);
	unlink(path);
}

static void same_on_a_small_profile(void **state)
{
	(void)state;
	need_go();
	_cleanup_(profile_freep) struct profile *profile = fixture_heap();
	compare_all(profile);
}

static void same_without_symbols(void **state)
{
	(void)state;
	need_go();
	_cleanup_(profile_freep) struct profile *profile = fixture_heap();
	fixture_add(profile, 0, "? main.main:1", 960);
	fixture_add(profile, 3, "? ? main.main:1", 320);
	fixture_add(profile, 0, "?nowhere main.main:1", 80);
	compare_all(profile);
}

static void same_on_a_random_profile(void **state)
{
	(void)state;
	need_go();
	_cleanup_(profile_freep) struct profile *profile = fixture_random(3, 4000);
	compare_all(profile);
}

// A heap profile that a Go 1.26 program wrote.
static void same_on_a_profile_of_go(void **state)
{
	(void)state;
	need_go();
	struct error error;
	size_t size;
	_cleanup_free_ char *data = NULL;
	_cleanup_(profile_freep) struct profile *profile = NULL;
	const char *path = getenv("WHYOOM_GO_PROFILE");
	assert_non_null(path);
	assert_ok(file_read_path(AT_FDCWD, path, PPROF_MAX_PLAIN_BYTES, &data, &size, &error));
	assert_ok(pprof_parse(data, size, &profile, &error));
	assert_true(profile->samples.count > 2);
	assert_string_equal(profile->period_type.type, "space");
	for (uint32_t type = 0; type < profile->sample_types.count; type++)
		compare_type(profile, path, type, PROFILE_TOP_FLAT);
	compare_all(profile);
}

static void compare_function(const struct profile_diff *diff, const struct go_row *wanted)
{
	VEC_FOREACH (row, &diff->functions) {
		if (strcmp(row->function, wanted->function))
			continue;
		assert_int_equal(row->flat_delta, wanted->flat);
		assert_int_equal(row->cum_delta, wanted->cum);
		return;
	}
	fail_msg("no %s in the diff", wanted->function);
}

static void same_difference(void **state)
{
	(void)state;
	need_go();
	struct error error;
	char before_path[] = TEMPORARY_PATH, after_path[] = TEMPORARY_PATH, arguments[512];
	_cleanup_(profile_freep) struct profile *before = fixture_random(4, 1000);
	_cleanup_(profile_freep) struct profile *after = fixture_random(5, 1200);
	_cleanup_(profile_diff_freep) struct profile_diff *diff = NULL;
	fixture_add(before, 0, "only.before:1", 4096);
	fixture_add(after, 0, "only.after:1", 8192);
	assert_ok(profile_diff_new(before, after, "inuse_space", &diff, &error));
	write_profile(before, before_path);
	write_profile(after, after_path);
	snprintf(arguments, sizeof arguments, "-sample_index=inuse_space -diff_base=%s %s",
		 before_path, after_path);
	_cleanup_(go_top_deinit) struct go_top wanted = run_pprof(arguments);
	assert_true(wanted.rows.count > 100);
	VEC_FOREACH (row, &wanted.rows) {
		compare_function(diff, row);
	}
	unlink(before_path);
	unlink(after_path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(same_on_a_small_profile),
		cmocka_unit_test(same_without_symbols),
		cmocka_unit_test(same_on_a_random_profile),
		cmocka_unit_test(same_on_a_profile_of_go),
		cmocka_unit_test(same_difference),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
