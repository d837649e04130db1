// SPDX-License-Identifier: Apache-2.0
#include "lab.h"

#include <string.h>

#include "system/known.h"
#include "system/text_priv.h"

static void numbers_are_whole_or_nothing(void **state)
{
	(void)state;
	struct text text = text_over("18446744073709551615x");
	uint64_t value = 5;
	int64_t number = 5;
	assert_true(text_u64(&text, &value) && value == UINT64_MAX);
	assert_true(text_equals(&text, "x"));
	assert_false(text_u64(&text, &value));
	text = text_over("18446744073709551616");
	assert_false(text_u64(&text, &value));
	assert_true(value == UINT64_MAX && text_left(&text) == 20); // nothing moved
	text = text_over("1ffffffffffffffff");
	assert_false(text_hex(&text, &value));
	text = text_over("dEadg");
	assert_true(text_hex(&text, &value) && value == 0xdead);
	text = text_over("-12");
	assert_true(text_i64(&text, &number) && number == -12);
	text = text_over("-");
	assert_false(text_i64(&text, &number));
	assert_int_equal(1, text_left(&text));
	text = text_over("9223372036854775808");
	assert_false(text_i64(&text, &number));
}

static void only_whole_lines_count(void **state)
{
	(void)state;
	struct text all = text_over("one two\n\nthree"), line;
	assert_true(text_line(&all, &line));
	struct text word = text_word(&line);
	assert_true(text_equals(&word, "one"));
	word = text_word(&line);
	assert_true(text_equals(&word, "two"));
	word = text_word(&line);
	assert_true(text_empty(&word));
	assert_true(text_line(&all, &line) && text_empty(&line));
	assert_false(text_line(&all, &line));
	assert_error(ERROR_BAD_DATA, text_check_end(&all, "test", &error));
}

static void places_and_copies_stay_inside(void **state)
{
	(void)state;
	char buffer[4];
	struct text text = text_over_bytes("abcabc", 5); // the last c is not ours
	assert_ptr_equal(text.at, text_find(&text, "abc"));
	assert_ptr_equal(text.at, text_find_last(&text, "abc"));
	assert_ptr_equal(text.at + 3, text_find_last(&text, "ab"));
	assert_null(text_find(&text, "x"));
	text_copy(&text, buffer, sizeof buffer);
	assert_string_equal("abc", buffer);
	assert_false(text_skip(&text, "abcabc"));
	assert_true(text_skip(&text, "abc"));
	assert_true(text_equals(&text, "ab"));
}

struct pair {
	struct known_u64 a, b;
};

static void rows_are_assigned(void **state)
{
	(void)state;
	static const struct text_row rows[] = {{"a", offsetof(struct pair, a)},
					       {"b", offsetof(struct pair, b)}};
	struct pair pair = {0}, again = {0};
	assert_ok(text_assign_all(text_over("a: 2 kB\nab 3\nc x\n"), rows, 2, &pair, "t", &error));
	assert_true(pair.a.known && pair.a.value == 2048);
	assert_false(pair.b.known);
	assert_error(ERROR_BAD_DATA,
		     text_assign_all(text_over("b 1\nb 1\n"), rows, 2, &again, "t", &error));
	assert_error(ERROR_BAD_DATA,
		     text_assign_all(text_over("b 1 MB\n"), rows, 2, &pair, "t", &error));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_are_whole_or_nothing),
		cmocka_unit_test(only_whole_lines_count),
		cmocka_unit_test(places_and_copies_stay_inside),
		cmocka_unit_test(rows_are_assigned),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
