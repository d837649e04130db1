// SPDX-License-Identifier: Apache-2.0
// Escapes, prefixes, lines that became one, and the quick look for the start of a crash.
#include "system/lab.h"

#include <stdlib.h>

#include "crash/anchors.h"
#include "crash/flat.h"
#include "crash/fields.h"
#include "crash/prefix.h"
#include "crash/unescape.h"

static void check(void (*unescape)(struct span, struct strbuf *), const char *text,
		  const char *expected)
{
	struct strbuf out = {0};
	strbuf_add(&out, "");
	unescape(span_of(text), &out);
	assert_string_equal(expected, out.text);
	strbuf_deinit(&out);
}

static void escapes(void **state)
{
	(void)state;
	check(unescape_backslashes, "a\\n\\tb\\\"\\u003c\\x41\\q\\", "a\n\tb\"<A\\q\\");
	check(unescape_backslashes, "\\u00e4\\u20ac\\u00zz\\u0000", "\303\244\342\202\254\\u00zz?");
	check(unescape_octal, "a#011b#012c#9#01", "a\tb\nc#9#01");
	check(unescape_html, "&lt;nil&gt; &amp;x &#34;y&#39;<br/>z &zz; <",
	      "<nil> &x \"y'\nz &zz; <");
	check(unescape_terminal, "\033[1;31mred\033[0m ^[[33mx#033[0my\033[", "red xy");
}

static void strings(void **state)
{
	struct span rest = SPAN("{\"a\": \"x\\\"y\", \"b\" :\"z\\\\\", 1}"), string;
	bool is_key;
	static const struct {
		const char *text;
		bool is_key;
	} expected[] = {{"a", true}, {"x\\\"y", false}, {"b", true}, {"z\\\\", false}};
	(void)state;
	for (size_t i = 0; i < 4; i++) {
		assert_true(unescape_next_string(&rest, &string, &is_key));
		assert_true(span_equals(string, span_of(expected[i].text)));
		assert_int_equal(expected[i].is_key, is_key);
	}
	assert_false(unescape_next_string(&rest, &string, &is_key));
}

static size_t match(const char *learned, const char *line)
{
	struct prefix prefix;
	assert_true(prefix_learn(span_of(learned), &prefix));
	return prefix_match(&prefix, span_of(line));
}

static void unpacked(const char *line, const char *expected)
{
	struct strbuf out = {0};
	if (fields_unpack(span_of(line), &out) != (expected != NULL))
		fail_msg("%s", line);
	assert_string_equal(out.text ? out.text : "", expected ? expected : "");
	strbuf_deinit(&out);
}

static void fields(void **state)
{
	(void)state;
	unpacked("2026,\"a, \"\"b\"\"\",c", "2026,a, \"b\",c");
	unpacked("\"2026\",\"panic: it goes on", "2026,panic: it goes on");
	unpacked("\t/a/b.go:12 +0x1d\"", "\t/a/b.go:12 +0x1d");
	unpacked("a,b", NULL);                       // nothing to do
	unpacked("{\"a\":\"b\",\"c\":\"d\"}", NULL); // JSON
	unpacked("\"a\", \"b\"", NULL);              // JSON, too
	unpacked("textPayload: \"\\tmain.go\"", "textPayload: \tmain.go");
	unpacked("  - text: 'it''s'", "  - text: it's");
	unpacked("text: \"a\\nb\"", NULL); // several lines: a string
	unpacked("EVENTS\t1760\tmain.f()\t1761", "EVENTS\t1760\tmain.f()");
	unpacked("EVENTS\tmain.f()", NULL);
	unpacked("{\"MESSAGE\":[27, 91,34],\"P\":1}", "{\"MESSAGE\":\"\\u001b[\\u0022\",\"P\":1}");
	unpacked("{\"MESSAGE\":[256]}", NULL);
	unpacked("{\"MESSAGE\":[1,", NULL);
}

static void prefixes(void **state)
{
	(void)state;
	assert_int_equal(28,
			 match("Nov 21 03:04:05 host a[77]: ", "Dec  1 23:59:59 host a[77]: x"));
	assert_true(SPAN_NONE ==
		    match("Nov 21 03:04:05 host a[77]: ", "Nov 21 03:04:05 host b[77]: x"));
	assert_true(SPAN_NONE ==
		    match("Nov 21 03:04:05 host a[77]: ", "Nov 21 03:04:05 host a[78]: x"));
	assert_int_equal(23, match("2026-11-21T03:04:05.1Z ", "2027-01-01T00:00:00.2Z x"));
	assert_int_equal(9, match("web-1  | ", "web-1  | x"));
	assert_true(SPAN_NONE == match("web-1  | ", "web-2  | x"));
	assert_int_equal(11, match("WARN[0012] ", "WARN[0013] x"));
	assert_int_equal(8, match("web-1  | ", "web-1  |")); // an empty line, trimmed
	assert_int_equal(match("    12\t", "   107\tx"), 7); // cat -n
	assert_int_equal(match("12:", "1070-x"), 5);         // grep -n -A
	assert_int_equal(match("a.log:12:", "a.log-13-x"), 9);
	assert_int_equal(match("@40000000654d00002f8a5b0c ", "@40000000654d00013f8a5b0c x"), 26);
	assert_int_equal(match("@40000000654d00002f8a5b0c ", "@4000 x"), SPAN_NONE);
	assert_true(prefix_is_plausible(SPAN("    12\t")));
	assert_true(prefix_is_plausible(SPAN("2026/11/21 03:04:05 ")));
	assert_true(prefix_is_plausible(SPAN("app | ")));
	assert_false(prefix_is_plausible(SPAN("somebody said ")));
}

static void flat_lines(void **state)
{
	struct strbuf out = {0};
	struct span line = SPAN(
		"started ok fatal error: runtime: out of memory runtime stack: runtime.throw(0x1, 0x2) "
		"/go/src/runtime/panic.go:608 +0x72 goroutine 65 [running]: main.f(...) /a/b.go:7 "
		"main.g(0x1) /a/b.go:8 +0x1 fp=0x2 sp=0x3 pc=0x4 created by main.h in goroutine 1 "
		"/a/b.go:9 +0x5 goroutine 1 [select]: ...");
	(void)state;
	assert_true(flat_is(line));
	flat_restore(line, &out);
	assert_string_equal("started ok\n"
			    "fatal error: runtime: out of memory\n"
			    "runtime stack:\n"
			    "runtime.throw(0x1, 0x2)\n\t/go/src/runtime/panic.go:608 +0x72\n"
			    "\ngoroutine 65 [running]:\n"
			    "main.f(...)\n\t/a/b.go:7\n"
			    "main.g(0x1)\n\t/a/b.go:8 +0x1 fp=0x2 sp=0x3 pc=0x4\n"
			    "created by main.h in goroutine 1\n\t/a/b.go:9 +0x5\n"
			    "\ngoroutine 1 [select]:\n...\n",
			    out.text);
	strbuf_deinit(&out);
	assert_false(flat_is(SPAN("panic at /a/b.go:7 and nothing else")));
}

// At every place of a text, so that each offset within a block of bytes is tried.
static void anchor_at_every_place(void **state)
{
	static const char *const anchors[] = {
		"goroutine 1 [",      "fatal error: ", "panic: ",  "SIGQUIT: ",  "DATA RACE",
		"invoked oom-killer", "a.go:12 +0x1",  "[signal ", "created by "};
	char text[100];
	(void)state;
	for (size_t i = 0; i < sizeof anchors / sizeof *anchors; i++) {
		size_t length = strlen(anchors[i]);
		size_t skip = strcmp(anchors[i], "a.go:12 +0x1") == 0;
		for (size_t at = 0; at + length <= sizeof text; at++) {
			memset(text, '-', sizeof text);
			assert_true(SPAN_NONE ==
				    crash_find_anchor((struct span){text, sizeof text}));
			memcpy(text + at, anchors[i], length);
			size_t found = crash_find_anchor((struct span){text, sizeof text});
			// "invoked oom-killer" has another one in it.
			assert_true(found == at + skip || found == at + 8);
		}
	}
	assert_true(SPAN_NONE == crash_find_anchor(SPAN("main.go:12: SIGNED goroutines panics")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(escapes),    cmocka_unit_test(strings),
		cmocka_unit_test(fields),     cmocka_unit_test(prefixes),
		cmocka_unit_test(flat_lines), cmocka_unit_test(anchor_at_every_place),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
