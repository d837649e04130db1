// SPDX-License-Identifier: Apache-2.0
// In: bytes that are a report's JSON, or the name of everything in one. Out: a page and a ticket in
// which they are text and nothing else.
#include "fuzz.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "report/markdown.h"
#include "report/page.h"

static size_t count(const char *text, const char *wanted)
{
	size_t found = 0;
	for (const char *at = strcasestr(text, wanted); at; at = strcasestr(at + 1, wanted))
		found++;
	return found;
}

static void require(bool true_of_it)
{
	if (!true_of_it)
		abort();
}

static void check_bytes(const struct strbuf *text)
{
	require(!text->text || strlen(text->text) == text->length);
	for (size_t i = 0; i < text->length; i++) {
		unsigned char c = (unsigned char)text->text[i];
		require((c >= 0x20 && c != 0x7f) || c == '\n' || c == '\t');
	}
	for (size_t i = 0; i + 2 < text->length; i++) // directions turned around
		require(memcmp(text->text + i, "\xe2\x80\xae", 3) != 0);
}

// The page has two scripts, one of them the model, and no more begins or ends.
static void check_page(const json_t *report, const char *name)
{
	struct strbuf html = {0};
	struct error error = {0};
	struct report_page page = {.report = report, .text = name, .directory = name};
	bool ok = report_write_page(&page, &html, &error);
	require(ok == report_page_built_in());
	if (ok) {
		check_bytes(&html);
		require(count(html.text, "<script") == 2 && count(html.text, "</script") == 2);
		require(count(html.text, "<style") == 1 && count(html.text, "</style") == 1);
		require(count(html.text, "</noscript") == 1 && count(html.text, "<!--") == 0);
		require(count(html.text, "<img") == 0 && count(html.text, "<iframe") == 0);
		const char *model = strstr(html.text, "id=\"model\">");
		require(model != NULL);
		model += strlen("id=\"model\">");
		require(memchr(model, '<', strlen(model)) == strstr(model, "</script>"));
		_cleanup_free_ char *json = strndup(model, strcspn(model, "<"));
		json_t *again = json_loads(json, 0, NULL);
		require(again != NULL);
		json_decref(again);
	} else {
		require(error.code == ERROR_UNSUPPORTED);
	}
	strbuf_deinit(&html);
}

static void check_ticket(const json_t *report)
{
	struct strbuf text = {0};
	report_write_markdown(report, &text);
	check_bytes(&text);
	require(count(text.text, "\n~~~~~~~~\n") % 2 == 0);
	strbuf_deinit(&text);
}

// A report in which everything is called so.
static json_t *named(const char *name)
{
	json_t *text = json_string(name);
	if (!text)
		return json_object();
	json_t *report = json_pack(
		"{s:{s:O,s:O,s:[O],s:[O],s:{s:O,s:O,s:i,s:O}},s:{s:O,s:O},s:{s:O,s:O}}", "verdict",
		"sentence", text, "fix", text, "evidence", text, "rejected", text, "guilty",
		"function", text, "file", text, "line", 1, "calls", text, "identity", "command",
		text, "executable", text, "kill", "cause", text, "kernel_line", text);
	json_decref(text);
	return report;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *name = strndup((const char *)data, size);
	json_t *report = json_loadb((const char *)data, size, 0, NULL);
	if (!report)
		report = named(name);
	check_page(report, name);
	check_ticket(report);
	json_decref(report);
	return 0;
}
