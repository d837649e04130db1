// SPDX-License-Identifier: Apache-2.0
// How wide text is on a terminal, where a line is broken, and sentences that are told again.
#include "system/lab.h"

#include <stdlib.h>
#include <string.h>

#include "base/columns.h"
#include "base/retell.h"

static void chinese_takes_two_columns(void **state)
{
	(void)state;
	assert_int_equal(columns_of_text(""), 0);
	assert_int_equal(columns_of_text("heap"), 4);
	assert_int_equal(columns_of_text("堆"), 2);
	assert_int_equal(columns_of_text("堆，Go"), 6);
	assert_int_equal(columns_of_text("é"), 1);
	assert_int_equal(columns_of("堆栈", strlen("堆")), 2);
	assert_int_equal(columns_of("ab", 9), 2); // not past the end
}

static void lines_are_broken_where_they_may(void **state)
{
	(void)state;
	const struct {
		const char *text;
		const char *piece;
	} rows[] = {
		{"", ""},
		{"heap is", "heap"},
		{"堆栈", "堆"},
		{"堆，栈", "堆，"},     // no punctuation begins a line
		{"（堆）栈", "（堆）"}, // and none that opens ends one
		{"GOGC堆", "GOGC"},     // between the two scripts
		{"[估计]堆", "[估计]"}, // what is in brackets stays together
		{"main.f(a,b) 堆", "main.f(a,b)"},
		{"\xe5", "\xe5"}, // cut in the middle of a character
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		size_t length = columns_unbroken(rows[i].text);
		assert_int_equal(length, strlen(rows[i].piece));
		assert_memory_equal(rows[i].text, rows[i].piece, length);
	}
}

static void any_text_comes_to_its_end(void **state)
{
	(void)state;
	char text[64];
	srand(7);
	for (int round = 0; round < 20000; round++) {
		size_t length = (size_t)rand() % (sizeof text - 1), at = 0;
		for (size_t i = 0; i < length; i++)
			text[i] = (char)(1 + rand() % 255);
		text[length] = '\0';
		while (text[at]) {
			size_t next = columns_unbroken(text + at);
			assert_true(next > 0 || text[at] == ' ');
			at += next ? next : 1;
			assert_true(at <= length);
		}
	}
}

// Without a catalogue the translation is the sentence itself.
static void sentences_are_told_with_their_values(void **state)
{
	(void)state;
	static const char *const sentences[] = {"%s: limit %s (before: %s)", "ended by signal %s",
						"nothing"};
	const struct {
		const char *text;
		bool fits;
	} rows[] = {
		{"app: limit 1 GiB (before: 2 GiB)", true},
		{": limit  (before: )", true},
		{"app: limit 1 GiB (before: 2 GiB", false},
		{"app: limit 1 GiB", false},
		{"ended by signal 9", true},
		{"ended by signal", false},
		{"nothing", true},
		{"nothing else", false},
		{"", false},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct strbuf out = {0};
		assert_int_equal(retell(&out, rows[i].text, sentences, 3), rows[i].fits);
		assert_string_equal(out.text ? out.text : "", rows[i].fits ? rows[i].text : "");
		strbuf_deinit(&out);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(chinese_takes_two_columns),
		cmocka_unit_test(lines_are_broken_where_they_may),
		cmocka_unit_test(any_text_comes_to_its_end),
		cmocka_unit_test(sentences_are_told_with_their_values),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
