// SPDX-License-Identifier: Apache-2.0
// The language of triggers: what it takes, what it says of the rest, in words; whether terms hold.
#include "../system/lab.h"

#include <stdio.h>
#include <string.h>

#include "watch/condition.h"

static struct condition parsed(const char *text)
{
	struct condition condition;
	size_t column;
	assert_ok(condition_parse(text, &condition, &column, &error));
	return condition;
}

static void assert_refused(const char *text, size_t expected, const char *message, const char *hint)
{
	struct condition condition;
	struct error error = {0};
	size_t column;
	assert_false(condition_parse(text, &condition, &column, &error));
	if (!strstr(error.message, message) || !strstr(error.hint, hint) || column != expected)
		fail_msg("%s: column %zu: %s (%s)", text, column, error.message, error.hint);
}

static void values_have_the_units_of_their_metric(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		enum metric metric;
		enum condition_operator compare;
		enum condition_value kind;
		int64_t number, age_ns;
	} cases[] = {
		{"goroutines > 50000", METRIC_GOROUTINES, CONDITION_OVER, CONDITION_FIXED, 50000,
		 0},
		{"goroutines>=50000", METRIC_GOROUTINES, CONDITION_AT_LEAST, CONDITION_FIXED, 50000,
		 0},
		{"heap_live > 900MiB", METRIC_HEAP_LIVE, CONDITION_OVER, CONDITION_FIXED, 900 << 20,
		 0},
		{"anon > 60%", METRIC_ANON, CONDITION_OVER, CONDITION_OF_LIMIT, 6000, 0},
		{"limit_used >= 80.5%", METRIC_LIMIT_USED, CONDITION_AT_LEAST, CONDITION_FIXED,
		 8050, 0},
		{"growth > 50MiB/s", METRIC_GROWTH, CONDITION_OVER, CONDITION_FIXED, 50 << 20, 0},
		{"limit_in < 30s", METRIC_LIMIT_IN, CONDITION_UNDER, CONDITION_FIXED, 30000000000,
		 0},
		{"fds > baseline 10m + 500", METRIC_FDS, CONDITION_OVER, CONDITION_BASELINE, 500,
		 600000000000},
		{"rss > baseline 1h + 50%", METRIC_RSS, CONDITION_OVER, CONDITION_BASELINE_PERCENT,
		 5000, 3600000000000},
		{"threads <= baseline 10s - 5", METRIC_THREADS, CONDITION_AT_MOST,
		 CONDITION_BASELINE, -5, 10000000000},
		{"anon > baseline 1d", METRIC_ANON, CONDITION_OVER, CONDITION_BASELINE, 0,
		 86400000000000},
		{"psi_some > baseline 1m + 5%", METRIC_PSI_SOME, CONDITION_OVER, CONDITION_BASELINE,
		 500, 60000000000},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct condition condition = parsed(cases[i].text);
		assert_int_equal(1, condition.count);
		assert_int_equal(cases[i].metric, condition.terms[0].metric);
		assert_int_equal(cases[i].compare, condition.terms[0].compare);
		assert_int_equal(cases[i].kind, condition.terms[0].kind);
		assert_int_equal(cases[i].number, condition.terms[0].number);
		assert_int_equal(cases[i].age_ns, condition.terms[0].age_ns);
		assert_string_equal(cases[i].text, condition.text);
	}
}

static void terms_are_joined_and_may_last(void **state)
{
	(void)state;
	struct condition condition =
		parsed(" anon > 1GiB and growth>5MiB/s\n and goroutines > 10 for 10s ");
	assert_int_equal(3, condition.count);
	assert_int_equal(10000000000, condition.for_ns);
	assert_int_equal(0, parsed("anon > 1GiB").for_ns);
}

static void what_is_wrong_is_named_with_its_place_and_what_would_be_right(void **state)
{
	(void)state;
	assert_refused("", 1, "a metric is missing", "there are limit_used");
	assert_refused("gorutines > 5", 1, "no metric gorutines", "did you mean goroutines?");
	assert_refused("heap > 5MiB", 1, "no metric heap", "did you mean heap_live?");
	assert_refused("zebra > 5", 1, "no metric zebra", "there are limit_used, growth");
	assert_refused("goroutines 5", 12, "5 is no comparison", "> >= < <=");
	assert_refused("goroutines == 5", 12, "== is no comparison", "> >= < <=");
	assert_refused("goroutines", 11, "a comparison is missing behind goroutines", "");
	assert_refused("goroutines >", 13, "a value is missing behind goroutines", "50000");
	assert_refused("goroutines > 50%", 14, "a whole number such as 50000, not with 50%", "");
	assert_refused("goroutines > -5", 14, "not with -5", "");
	assert_refused("goroutines > 5e3", 14, "not with 5e3", "");
	assert_refused("limit_used > 80", 14, "a percentage such as 80%, not with 80", "");
	assert_refused("growth > 50MiB", 10, "a speed such as 50MiB/s", "");
	assert_refused("limit_in < 30", 12, "a time such as 30s", "");
	assert_refused("fds > baseline + 5", 16, "baseline takes a time from 10.0 s to 24h00m",
		       "baseline 10m");
	assert_refused("fds > baseline 5s + 5", 16, "baseline takes a time", "");
	assert_refused("fds > baseline 10m + 5MiB", 22, "not with 5MiB", "");
	assert_refused("fds > 5 for", 12, "for takes a time", "for 10m");
	assert_refused("fds > 5 for 10", 13, "for takes a time", "");
	assert_refused("fds > 5 for 2d", 13, "for takes a time", "");
	assert_refused("fds > 5 or rss > 1GiB", 9, "or is not understood here", "`and`");
	assert_refused("fds > 5 and", 12, "a metric is missing", "");
	assert_refused("fds > 99999999999999999999", 7, "not with 999", "");
	assert_refused("fds > 1 and fds > 1 and fds > 1 and fds > 1 and fds > 1", 48,
		       "more than 4 terms", "");
}

static void every_head_of_a_condition_is_parsed_or_refused(void **state)
{
	(void)state;
	const char *text = "heap_live > baseline 10m + 50% and growth >= 5.5MiB/s for 10s";
	for (size_t length = 0; length <= strlen(text); length++) {
		char head[CONDITION_TEXT_MAX];
		struct condition condition;
		struct error error = {0};
		size_t column = 0;
		snprintf(head, sizeof head, "%.*s", (int)length, text);
		bool ok = condition_parse(head, &condition, &column, &error);
		assert_true(ok || error.message[0]);
		assert_true(ok || (column >= 1 && column <= length + 1));
	}
	char long_text[CONDITION_TEXT_MAX + 1];
	memset(long_text, ' ', sizeof long_text);
	long_text[sizeof long_text - 1] = '\0';
	assert_refused(long_text, 1, "shorter than", "");
}

static void it_is_said_in_words(void **state)
{
	(void)state;
	struct condition condition =
		parsed("goroutines > 50000 and anon >= baseline 10m + 50% for 30s");
	struct strbuf out = {0};
	condition_explain(&condition, &out);
	assert_string_equal(
		"goroutines (the goroutines, as runtime.NumGoroutine counts them) is above 50,000, and "
		"anon (the anonymous memory of the cgroup) is at least what it was 10m00s before plus "
		"50%, for 30.0 s without a break",
		out.text);
	strbuf_deinit(&out);
}

static enum truth holds(const char *text, const struct readings *readings, const int64_t *before)
{
	struct condition condition = parsed(text);
	return condition_term_holds(&condition.terms[0], readings, before);
}

static void terms_hold_or_not_or_it_is_not_known(void **state)
{
	(void)state;
	struct readings readings = {.limit_bytes = 1000 << 20};
	int64_t before = 100;
	assert_int_equal(TRUTH_UNKNOWN, holds("fds > 5", &readings, NULL));
	reading_set(&readings, METRIC_FDS, 150);
	assert_int_equal(TRUTH_YES, holds("fds > 149", &readings, NULL));
	assert_int_equal(TRUTH_NO, holds("fds > 150", &readings, NULL));
	assert_int_equal(TRUTH_YES, holds("fds >= 150", &readings, NULL));
	assert_int_equal(TRUTH_NO, holds("fds < 150", &readings, NULL));
	assert_int_equal(TRUTH_YES, holds("fds <= 150", &readings, NULL));
	assert_int_equal(TRUTH_UNKNOWN, holds("fds > baseline 10m + 49", &readings, NULL));
	assert_int_equal(TRUTH_YES, holds("fds > baseline 10m + 49", &readings, &before));
	assert_int_equal(TRUTH_NO, holds("fds > baseline 10m + 50", &readings, &before));
	assert_int_equal(TRUTH_YES, holds("fds > baseline 10m + 49%", &readings, &before));
	assert_int_equal(TRUTH_NO, holds("fds > baseline 10m + 50%", &readings, &before));
	assert_int_equal(TRUTH_YES, holds("fds > baseline 10m - 50%", &readings, &before));
	reading_set(&readings, METRIC_ANON, 601 << 20);
	assert_int_equal(TRUTH_YES, holds("anon > 60%", &readings, NULL));
	assert_int_equal(TRUTH_NO, holds("anon > 61%", &readings, NULL));
	readings.limit_bytes = 0;
	assert_int_equal(TRUTH_UNKNOWN, holds("anon > 60%", &readings, NULL));
	before = INT64_MAX; // nothing overflows
	reading_set(&readings, METRIC_FDS, INT64_MAX - 1);
	assert_int_equal(TRUTH_NO, holds("fds > baseline 10m + 1000000%", &readings, &before));
	reading_set(&readings, METRIC_LIMIT_IN, INT64_MAX);
	assert_int_equal(TRUTH_NO, holds("limit_in < 30s", &readings, NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_have_the_units_of_their_metric),
		cmocka_unit_test(terms_are_joined_and_may_last),
		cmocka_unit_test(what_is_wrong_is_named_with_its_place_and_what_would_be_right),
		cmocka_unit_test(every_head_of_a_condition_is_parsed_or_refused),
		cmocka_unit_test(it_is_said_in_words),
		cmocka_unit_test(terms_hold_or_not_or_it_is_not_known),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
