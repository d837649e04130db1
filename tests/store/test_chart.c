// SPDX-License-Identifier: Apache-2.0
// Growth in characters.
#include "../system/lab.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "store/chart.h"

static struct chart_series rise(int columns)
{
	struct chart_series series = {0};
	for (int i = 0; i < columns; i++)
		chart_series_add(&series, i, i, i, i, i);
	return series;
}

static void a_spark_rises(void **state)
{
	struct chart_series series = rise(9);
	struct strbuf out = {0};
	(void)state;
	chart_write_spark(&series, 9, 8, true, &out);
	assert_string_equal("▁▁▂▃▄▅▆▇█", out.text);
	strbuf_clear(&out);
	chart_write_spark(&series, 9, 8, false, &out);
	assert_string_equal("__.:-=+*#", out.text);
	assert_int_equal(0, series.first);
	assert_int_equal(8, series.last);
	strbuf_deinit(&out);
}

static void gaps_and_peaks_stay(void **state)
{
	struct chart_series series = {0};
	struct strbuf out = {0};
	(void)state;
	chart_series_add(&series, 3, 3, 30, 8, 8);
	chart_series_add(&series, 0, 1, 0, 1, 8); // a short peak within
	chart_series_add(&series, -5, CHART_COLUMNS_MAX + 5, 10, 0, 0);
	memset(series.known + 2, 0, 1);
	chart_write_spark(&series, 5, 8, false, &out);
	assert_string_equal("## #_", out.text);
	assert_int_equal(8, series.most);
	assert_int_equal(1, series.first);
	assert_int_equal(8, series.last);
	strbuf_deinit(&out);
}

static void a_tall_chart_is_filled_from_below(void **state)
{
	struct chart_series series = rise(5);
	struct strbuf out = {0};
	(void)state;
	chart_write_line(&series, 5, 4, 0, 2, false, &out);
	assert_string_equal("   :#", out.text);
	strbuf_clear(&out);
	chart_write_line(&series, 5, 4, 1, 2, false, &out);
	assert_string_equal(".:###", out.text);
	strbuf_deinit(&out);
}

// Whatever the stretch and the width: labels do not run into each other or over the edge.
static void axes_have_room(void **state)
{
	static const int64_t stretches[] = {1, 7, 61, 600, 7200, 90000, 86400 * 9, 86400 * 40};
	(void)state;
	setenv("TZ", "Asia/Kathmandu", 1);
	tzset();
	for (size_t i = 0; i < sizeof stretches / sizeof *stretches; i++) {
		for (int columns = 19; columns < CHART_COLUMNS_MAX; columns += 37) {
			struct strbuf out = {0};
			chart_write_axis(1800000000, 1800000000 + stretches[i], columns, &out);
			assert_true(!out.text || out.length <= (size_t)columns);
			if (columns > 60 && stretches[i] > 60)
				assert_true(out.text && strpbrk(out.text, "0123456789"));
			strbuf_deinit(&out);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_spark_rises),
		cmocka_unit_test(gaps_and_peaks_stay),
		cmocka_unit_test(a_tall_chart_is_filled_from_below),
		cmocka_unit_test(axes_have_room),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
