// SPDX-License-Identifier: Apache-2.0
#include "system/lab.h"

#include <math.h>
#include <stdlib.h>
#include <time.h>

#include "base/units.h"

static const int64_t KIB = 1 << 10, MIB = 1 << 20, GIB = 1 << 30;
static const int64_t MS = 1000000, SECOND = 1000000000;

static void bytes_as_people_read_them(void **state)
{
	(void)state;
	const struct {
		int64_t bytes;
		const char *text;
	} rows[] = {
		{0, "0 B"},
		{1, "1 B"},
		{-1, "-1 B"},
		{1023, "1023 B"},
		{1024, "1.00 KiB"},
		{1536, "1.50 KiB"},
		{-1536, "-1.50 KiB"},
		{10229, "9.99 KiB"},
		{10 * KIB, "10.0 KiB"},
		{100 * KIB, "100 KiB"},
		{1023 * KIB, "1023 KiB"},
		{MIB - 1, "1.00 MiB"}, // never "1024 KiB"
		{MIB - 600, "1023 KiB"},
		{MIB, "1.00 MiB"},
		{GIB - 1, "1.00 GiB"},
		{1100 * MIB, "1.07 GiB"},
		{1024 * GIB, "1.00 TiB"},
		{INT64_MAX, "8.00 EiB"},
		{INT64_MIN, "-8.00 EiB"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		assert_string_equal(rows[i].text, human_bytes(rows[i].bytes).text);
}

static void durations_as_people_read_them(void **state)
{
	(void)state;
	const struct {
		int64_t ns;
		const char *text;
	} rows[] = {
		{0, "0 us"},
		{350000, "350 us"},
		{999499, "999 us"},
		{999500, "1.0 ms"}, // never "1000 us"
		{MS, "1.0 ms"},
		{-4200000, "-4.2 ms"},
		{9949999, "9.9 ms"},
		{9950000, "10 ms"},
		{999499999, "999 ms"},
		{999999999, "1.0 s"},
		{SECOND, "1.0 s"},
		{3140 * MS, "3.1 s"},
		{59900 * MS, "59.9 s"},
		{59990 * MS, "1m00s"},
		{60 * SECOND, "1m00s"},
		{125 * SECOND, "2m05s"},
		{3599 * SECOND, "59m59s"},
		{3599700 * MS, "1h00m"},
		{3600 * SECOND, "1h00m"},
		{11520 * SECOND, "3h12m"},
		{INT64_MIN, "-2562047h47m"},
		{INT64_MAX, "2562047h47m"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		assert_string_equal(rows[i].text, human_duration(rows[i].ns).text);
}

static void counts_and_percents(void **state)
{
	(void)state;
	assert_string_equal("0", human_count(0).text);
	assert_string_equal("999", human_count(999).text);
	assert_string_equal("1,000", human_count(1000).text);
	assert_string_equal("-1,234,567", human_count(-1234567).text);
	assert_string_equal("-9,223,372,036,854,775,808", human_count(INT64_MIN).text);
	assert_string_equal("97%", human_percent(0.973).text);
	assert_string_equal("0.3%", human_percent(0.0031).text);
	assert_string_equal("9.9%", human_percent(0.0994).text);
	assert_string_equal("10%", human_percent(0.0996).text);
	assert_string_equal("-12%", human_percent(-0.12).text);
	assert_string_equal("0.0%", human_percent(0).text);
}

static void times(void **state)
{
	(void)state;
	assert_string_equal("1970-01-01T00:00:00.000Z", human_time_rfc3339(0).text);
	assert_string_equal("2026-11-21T03:04:05.678Z",
			    human_time_rfc3339(1795230245678000000).text);
	const int64_t exact[] = {
		0, 1, 999999999, 1795230245678000000, 1795230245678999999, INT64_MAX - 1854775807};
	for (size_t i = 0; i < sizeof exact / sizeof *exact; i++) {
		int64_t again = -1;
		assert_true(parse_time_rfc3339(human_time_rfc3339(exact[i]).text, &again));
		assert_int_equal(again, exact[i]);
	}
	const char *const wrong[] = {"",
				     "2026-11-21",
				     "2026-11-21T03:04:05",
				     "1969-12-31T23:59:59Z",
				     "2026-11-21T03:04:05.6x",
				     "9999-12-31T23:59:59Z"};
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		int64_t none = -1;
		assert_false(parse_time_rfc3339(wrong[i], &none));
		assert_int_equal(none, -1);
	}
	assert_string_equal("1969-12-31T23:59:59.999999999Z", human_time_rfc3339(-1).text);
	assert_string_equal("1677-09-21T00:12:43.145224192Z", human_time_rfc3339(INT64_MIN).text);
	assert_string_equal("2262-04-11T23:47:16.854775807Z", human_time_rfc3339(INT64_MAX).text);
	setenv("TZ", "UTC-2", 1);
	tzset();
	assert_string_equal("2026-11-21 05:04:05.678", human_time(1795230245678999999).text);
}

static void sizes_that_people_write(void **state)
{
	(void)state;
	const struct {
		const char *text;
		int64_t bytes; // -1: no size
	} rows[] = {
		{"0", 0},
		{"1048576", MIB},
		{"900MiB", 900 * MIB},
		{"1.5G", GIB + GIB / 2},
		{"64k", 64 * KIB},
		{"64KB", 64 * KIB},
		{"2T", 2048 * GIB},
		{"7b", 7},
		{"", -1},
		{"k", -1},
		{"-1", -1},
		{"+1", -1},
		{" 1", -1},
		{"1 ", -1},
		{"1 KiB", -1},
		{"1.2.3", -1},
		{"1kk", -1},
		{"0x10", -1},
		{"1e3", -1},
		{"1P", -1},
		{"inf", -1},
		{"nan", -1},
		{"9000000T", -1}, // overflows
		{"99999999999999999999999999", -1},
		{"1\xff", -1},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		int64_t bytes = -1;
		assert_int_equal(rows[i].bytes >= 0, parse_bytes(rows[i].text, &bytes));
		assert_int_equal(rows[i].bytes, bytes); // untouched on failure
	}
}

static void durations_that_people_write(void **state)
{
	(void)state;
	const struct {
		const char *text;
		int64_t ns; // -1: no duration
	} rows[] = {
		{"2s", 2 * SECOND}, {"500ms", 500 * MS}, {"1m", 60 * SECOND}, {"2", 2 * SECOND},
		{"0.5", 500 * MS},  {"3us", 3000},       {"7ns", 7},          {"1h", 3600 * SECOND},
		{"", -1},           {"s", -1},           {"-2s", -1},         {"2x", -1},
		{"1m30s", -1},      {"2 s", -1},         {"0x2s", -1},        {"1e9h", -1},
		{"9999999h", -1},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		int64_t ns = -1;
		assert_int_equal(rows[i].ns >= 0, parse_duration(rows[i].text, &ns));
		assert_int_equal(rows[i].ns, ns);
	}
}

static void integers_and_nothing_else(void **state)
{
	(void)state;
	const struct {
		const char *text;
		bool ok;
		int64_t value;
	} rows[] = {
		{"0", true, 0},
		{"-7", true, -7},
		{"100", true, 100},
		{"101", false, 0},
		{"-8", false, 0},
		{"", false, 0},
		{"-", false, 0},
		{"--1", false, 0},
		{"+1", false, 0},
		{" 1", false, 0},
		{"1 ", false, 0},
		{"1.0", false, 0},
		{"99999999999999999999", false, 0},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		int64_t value = 0;
		assert_int_equal(rows[i].ok, parse_integer(rows[i].text, -7, 100, &value));
		assert_int_equal(rows[i].value, value);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_as_people_read_them),
		cmocka_unit_test(durations_as_people_read_them),
		cmocka_unit_test(counts_and_percents),
		cmocka_unit_test(times),
		cmocka_unit_test(sizes_that_people_write),
		cmocka_unit_test(durations_that_people_write),
		cmocka_unit_test(integers_and_nothing_else),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
