// SPDX-License-Identifier: Apache-2.0
#include "system/lab.h"

#include <string.h>

#include "base/strbuf.h"

static void texts_are_joined(void **state)
{
	(void)state;
	struct strbuf text = {0};
	assert_null(text.text);
	strbuf_add(&text, "a");
	strbuf_addf(&text, "%s-%d", "b", 7);
	strbuf_add_bytes(&text, "cde", 2);
	strbuf_addf(&text, "%s", "");
	assert_string_equal("ab-7cd", text.text);
	assert_int_equal(6, text.length);
	strbuf_clear(&text);
	assert_string_equal("", text.text);
	strbuf_add_bytes(&text, NULL, 0);
	assert_string_equal("", text.text);
	strbuf_deinit(&text);
	assert_null(text.text);
	strbuf_clear(&text);
}

static void it_grows_as_needed(void **state)
{
	(void)state;
	struct strbuf text = {0};
	char large[1000];
	memset(large, 'x', sizeof large - 1);
	large[sizeof large - 1] = '\0';
	for (int i = 0; i < 1000; i++)
		strbuf_addf(&text, "%s\n", i % 100 ? "y" : large);
	assert_int_equal(990 * 2 + 10 * 1000, text.length);
	assert_int_equal(text.length, strlen(text.text));
	strbuf_deinit(&text);
}

static void foreign_text_cannot_drive_a_terminal(void **state)
{
	(void)state;
	static const char *const rows[][2] = {
		{"main.f", "main.f"},
		{"\033[2Jmain", "?[2Jmain"},
		{"\033]0;title\007", "?]0;title?"},
		{"a\nb\tc\rd\x7f\x01", "a?b?c?d??"},
		{"\xc2\x9b"
		 "2J",
		 "??2J"}, // U+009B is an escape sequence's start too
		{"\x9b"
		 "2J",
		 "?2J"},
		{"\xc2\xa0gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80",
		 "\xc2\xa0gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80"},
		// Turned around, or not to be seen.
		{"a\xe2\x80\xaegnp.exe\xe2\x80\xac", "a?gnp.exe?"},
		{"\xe2\x81\xa6|\xd8\x9c|\xe2\x80\x8b|\xef\xbb\xbf", "?|?|?|?"},
		{"\xe2\x80\xa6 \xe2\x80\x90 \xd8\x9d", "\xe2\x80\xa6 \xe2\x80\x90 \xd8\x9d"},
		{"\xff\xfe", "??"}, // no UTF-8
		{"\xc0\x9b", "??"}, // longer than needed
		{"\xe0\x82\x9b|\xf0\x80\x82\x9b", "???|????"},
		{"\xed\xa0\x80|\xf4\x90\x80\x80", "???|????"}, // a surrogate; beyond Unicode
		{"\xe2\x82", "??"},                            // cut
		{"\xf0\x9f\x98", "???"},
		{"", ""},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct strbuf text = {0};
		strbuf_add(&text, ">");
		strbuf_add_safe(&text, rows[i][0]);
		assert_string_equal(rows[i][1], text.text + 1);
		strbuf_deinit(&text);
	}
	struct strbuf text = {0};
	strbuf_add_safe(&text, NULL);
	assert_int_equal(0, text.length);
	strbuf_deinit(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts_are_joined),
		cmocka_unit_test(it_grows_as_needed),
		cmocka_unit_test(foreign_text_cannot_drive_a_terminal),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
