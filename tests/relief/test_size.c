// SPDX-License-Identifier: Apache-2.0
#include "system/lab.h"

#include "relief/cgroup_relief.h"

static void sizes_are_parsed(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		enum relief_size_kind kind;
		int64_t amount;
	} rows[] = {
		{"2GiB", RELIEF_SIZE_BYTES, (int64_t)2 << 30},
		{"+512MiB", RELIEF_SIZE_MORE_BYTES, 512 << 20},
		{"+25%", RELIEF_SIZE_MORE_PERCENT, 25},
		{"+1000%", RELIEF_SIZE_MORE_PERCENT, 1000},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct relief_size size;
		assert_true(relief_size_parse(rows[i].text, &size));
		assert_int_equal(rows[i].kind, size.kind);
		assert_int_equal(rows[i].amount, size.amount);
	}
}

static void what_is_no_size_is_refused(void **state)
{
	(void)state;
	static const char *const texts[] = {
		"",      "+",
		"%",     "+%",
		"25%",   "+0%",
		"-25%",  "+1001%",
		"+-1",   "++1MiB",
		"+1.5%", "0",
		"+0",    "9999999999GiB",
		"1MiB ", "+00000000000000001%",
	};
	struct relief_size size = {.amount = 7};
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		if (relief_size_parse(texts[i], &size))
			fail_msg("\"%s\" is a size", texts[i]);
	assert_int_equal(7, size.amount);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sizes_are_parsed),
		cmocka_unit_test(what_is_no_size_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
