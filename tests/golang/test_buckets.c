// SPDX-License-Identifier: Apache-2.0
// Numbers and names that are computed as Go computes them.
#include "system/lab.h"

#include <string.h>

#include "golang/buckets.h"
#include "golang/functab.h"

// As runtime/pprof.scaleHeapSample of Go 1.26 gives them.
static void samples_are_scaled_as_go_does(void **state)
{
	(void)state;
	static const struct {
		int64_t rate, count, bytes, scaled_count, scaled_bytes;
	} rows[] = {
		{524288, 0, 0, 0, 0},
		{524288, 0, 5, 0, 0},
		{524288, 7, 0, 0, 0},
		{1, 3, 48, 3, 48},
		{0, 3, 48, 3, 48},
		{524288, 1, 16, 32768, 524296},
		{524288, 1, 524288, 1, 829411},
		{524288, 3, 3145728, 3, 3638089},
		{524288, 1000, 48000, 10923166, 524312000},
		{512, 17, 1632, 99, 9545},
		{512, 1, 1073741824, 1, 1073741824},
		{524288, 2, 8589934592, 2, 8589934592},
		{524288, -3, -144, -32769, -1572936},
		{1048576, 12345, 2567760, 62240166, 12945954642},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		int64_t count = rows[i].count, bytes = rows[i].bytes;
		go_scale_sample(rows[i].rate, &count, &bytes);
		assert_int_equal(rows[i].scaled_count, count);
		assert_int_equal(rows[i].scaled_bytes, bytes);
	}
}

static void impossible_samples_saturate(void **state)
{
	(void)state;
	int64_t count = INT64_MAX, bytes = 1;
	go_scale_sample(INT64_MAX, &count, &bytes);
	assert_true(count == INT64_MAX);
	count = -1;
	bytes = INT64_MAX;
	go_scale_sample(1 << 20, &count, &bytes);
	count = bytes = INT64_MIN;
	go_scale_sample(INT64_MAX, &count, &bytes);
	assert_true(count == INT64_MIN);
}

static void names_are_printed_as_go_does(void **state)
{
	(void)state;
	static const char *const rows[][2] = {
		{"main.f", "main.f"},
		{"main.f[go.shape.int]", "main.f[...]"},
		{"main.(*T[go.shape.string]).M", "main.(*T[...]).M"},
		{"main.f[go.shape.struct { a/b.C [4]int }].func1", "main.f[...].func1"},
		{"main.f[", "main.f["},
		{"main.f]", "main.f]"},
		{"]main[", "]main["},
		{"", ""},
	};
	char name[64];
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		go_name_for_print(rows[i][0], name, sizeof name);
		assert_string_equal(rows[i][1], name);
	}
	go_name_for_print("main.function[int]", name, 8);
	assert_string_equal("main.fu", name);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(samples_are_scaled_as_go_does),
		cmocka_unit_test(impossible_samples_saturate),
		cmocka_unit_test(names_are_printed_as_go_does),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
