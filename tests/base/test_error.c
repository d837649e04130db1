// SPDX-License-Identifier: Apache-2.0
#include "system/lab.h"

#include <errno.h>
#include <string.h>

#include "base/error.h"

static void a_failure_says_what_and_where(void **state)
{
	(void)state;
	struct error error = {.hint = "old"};
	assert_false(error_set(&error, ERROR_FAULT, "at 0x%x", 0x10));
	assert_int_equal(ERROR_FAULT, error.code);
	assert_string_equal("at 0x10", error.message);
	assert_string_equal("", error.hint); // that of an earlier failure is gone
	assert_false(error_hint(&error, "try %s", "again"));
	assert_false(error_wrap(&error, "pid %d", 7));
	assert_false(error_wrap(&error, "why"));
	assert_string_equal("why: pid 7: at 0x10", error.message);
	assert_string_equal("try again", error.hint);
	assert_int_equal(ERROR_FAULT, error.code);
}

static void a_system_call_says_its_errno(void **state)
{
	(void)state;
	struct error error;
	assert_false(error_set_os(&error, ENOENT, "open %s", "x"));
	assert_int_equal(ERROR_OS, error.code);
	assert_int_equal(ENOENT, error.os_errno);
	assert_string_equal("open x: No such file or directory", error.message);
	assert_false(error_set(&error, ERROR_LIMIT, "x"));
	assert_int_equal(0, error.os_errno);
}

static void nobody_needs_to_listen(void **state)
{
	(void)state;
	assert_false(error_set(NULL, ERROR_FAULT, "x"));
	assert_false(error_set_os(NULL, ENOENT, "x"));
	assert_false(error_wrap(NULL, "x"));
	assert_false(error_hint(NULL, "x"));
}

static void long_texts_are_cut(void **state)
{
	(void)state;
	struct error error;
	char large[2000];
	memset(large, 'a', sizeof large - 1);
	large[sizeof large - 1] = '\0';
	assert_false(error_set(&error, ERROR_BAD_DATA, "%s", large));
	assert_int_equal(sizeof error.message - 1, strlen(error.message));
	assert_false(error_set_os(&error, ENOENT, "%s", large));
	assert_int_equal(sizeof error.message - 1, strlen(error.message));
	assert_false(error_wrap(&error, "here"));
	assert_int_equal(sizeof error.message - 1, strlen(error.message));
	assert_memory_equal("here: aaa", error.message, 9);
	assert_false(error_wrap(&error, "%s", large));
	assert_int_equal(sizeof error.message - 1, strlen(error.message));
	assert_false(error_hint(&error, "%s", large));
	assert_int_equal(sizeof error.hint - 1, strlen(error.hint));
}

static void every_code_has_a_name(void **state)
{
	(void)state;
	for (int i = ERROR_NONE; i <= ERROR_USAGE; i++) {
		assert_non_null(error_code_name((enum error_code)i));
		for (int k = ERROR_NONE; k < i; k++)
			assert_string_not_equal(error_code_name((enum error_code)i),
						error_code_name((enum error_code)k));
	}
	assert_string_equal("bad-data", error_code_name(ERROR_BAD_DATA));
	assert_string_equal("not-found", error_code_name(ERROR_NOT_FOUND));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_failure_says_what_and_where),
		cmocka_unit_test(a_system_call_says_its_errno),
		cmocka_unit_test(nobody_needs_to_listen),
		cmocka_unit_test(long_texts_are_cut),
		cmocka_unit_test(every_code_has_a_name),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
