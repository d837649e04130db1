// SPDX-License-Identifier: Apache-2.0
// In: a report's JSON, profiles, a timeline. Out: one HTML file.
#include "report/page.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/i18n.h"
#include "base/units.h"
#include "report/json_build.h"
#include "report/page_bundle.h"
#include "report/page_graph.h"
#include "report/row_label.h"
#include "report/text_priv.h"
#include "snapshot/absent_words.h"

enum { MODEL_DEPTH_MAX = 16, GROUPS_MAX = 100 };

bool report_page_built_in(void)
{
	return page_bundle.script != NULL;
}

static const char *entity_of(char c)
{
	switch (c) {
	case '<':
		return "&lt;";
	case '>':
		return "&gt;";
	case '&':
		return "&amp;";
	case '"':
		return "&quot;";
	case '\'':
		return "&#39;";
	default:
		return NULL;
	}
}

// Text between tags: what control characters there are become '?', line ends stay.
static void add_escaped(struct strbuf *out, const char *text)
{
	struct strbuf line = {0};
	for (const char *c = text; *c; c += *c == '\n') {
		size_t length = strcspn(c, "\n");
		_cleanup_free_ char *raw = strndup(c, length);
		strbuf_clear(&line);
		strbuf_add_safe(&line, raw);
		for (const char *at = line.text ? line.text : ""; *at; at++) {
			const char *entity = entity_of(*at);
			strbuf_add_bytes(out, entity ? entity : at, entity ? strlen(entity) : 1);
		}
		c += length;
		if (*c)
			strbuf_add(out, "\n");
	}
	strbuf_deinit(&line);
}

// JSON inside of a script element: nothing in it ends the element or begins a comment.
static void add_json(struct strbuf *out, const char *json)
{
	for (const char *c = json; *c; c++) {
		if (*c == '<')
			strbuf_add(out, "\\u003c");
		else if (*c == '>')
			strbuf_add(out, "\\u003e");
		else if (*c == '&')
			strbuf_add(out, "\\u0026");
		else if (*c == 0x7f) // the one control character that JSON lets through
			strbuf_add(out, "\\u007f");
		else
			strbuf_add_bytes(out, c, 1);
	}
}

static json_t *part_or_null(const json_t *part)
{
	return part ? json_deep_copy(part) : json_null();
}

// How far the machine's clock is from UTC, at the time of the report.
static int64_t utc_offset_s(const json_t *report)
{
	const json_t *evidence = json_object_get(report, "evidence");
	const char *taken = json_string_value(json_object_get(evidence, "taken"));
	struct tm local;
	int64_t unix_ns;
	time_t at =
		taken && parse_time_rfc3339(taken, &unix_ns) ? unix_ns / 1000000000 : time(NULL);
	return localtime_r(&at, &local) ? local.tm_gmtoff : 0;
}

static void add_message(json_t *messages, const char *text)
{
	struct strbuf shown = {0};
	row_label_add(&shown, text);
	if (shown.text && strcmp(shown.text, text) == 0) {
		strbuf_deinit(&shown);
		absent_words_add(&shown, text);
	}
	if (shown.text && strcmp(shown.text, text) != 0)
		json_object_set_new(messages, text, json_string(shown.text));
	strbuf_deinit(&shown);
}

// What a ledger notes beside a row has values in it.
static void add_note(json_t *messages, const char *note)
{
	struct strbuf shown = {0};
	text_add_note(&shown, note);
	if (shown.text && strcmp(shown.text, note) != 0)
		json_object_set_new(messages, note, json_string(shown.text));
	strbuf_deinit(&shown);
}

// Whatever of the report comes from a fixed list has a translation.
static void add_messages_of(json_t *messages, const json_t *value, int depth)
{
	const char *key;
	json_t *item;
	size_t i;
	if (depth > MODEL_DEPTH_MAX)
		return;
	if (json_is_string(value))
		add_message(messages, json_string_value(value));
	json_array_foreach ((json_t *)(uintptr_t)value, i, item)
		add_messages_of(messages, item, depth + 1);
	// jansson takes it as not const, and changes nothing.
	json_object_foreach ((json_t *)(uintptr_t)value, key, item) {
		if (strcmp(key, "note") == 0 && json_is_string(item))
			add_note(messages, json_string_value(item));
		else
			add_messages_of(messages, item, depth + 1);
	}
}

static json_t *messages_to_json(const json_t *report)
{
	json_t *messages = json_object();
	for (const char *const *text = page_bundle.messages; *text; text++)
		add_message(messages, *text);
	if (i18n_get() != I18N_ENGLISH)
		add_messages_of(messages, report, 0);
	return messages;
}

// The page shows the largest; all of them would make it heavy.
static json_t *report_for_page(const json_t *report)
{
	json_t *copy = part_or_null(report);
	json_t *groups = json_object_get(json_object_get(copy, "goroutines"), "groups");
	while (json_array_size(groups) > GROUPS_MAX)
		json_array_remove(groups, json_array_size(groups) - 1);
	json_object_del(copy, "facts");
	return copy;
}

static char *dump_model(const struct report_page *page)
{
	json_t *model = json_object();
	set_int(model, "format", 1);
	set_text(model, "whyoom_version", WHYOOM_VERSION);
	set_text(model, "language", i18n_html_name(i18n_get()));
	json_object_set_new(model, "messages", messages_to_json(page->report));
	json_object_set_new(model, "report", report_for_page(page->report));
	json_object_set_new(model, "graph",
			    page_graph_to_json(json_object_get(page->report, "identity"),
					       page->heap, page->before));
	json_object_set_new(model, "timeline", part_or_null(page->timeline));
	set_text(model, "directory", page->directory);
	set_int(model, "utc_offset_s", utc_offset_s(page->report));
	char *text = json_dumps(model, JSON_COMPACT | JSON_ENSURE_ASCII);
	json_decref(model);
	return text;
}

static void add_head(const struct report_page *page, struct strbuf *out)
{
	const json_t *identity = json_object_get(page->report, "identity");
	const char *command = json_string_value(json_object_get(identity, "command"));
	strbuf_addf(out,
		    "<!doctype html>\n<html lang=\"%s\">\n<head>\n<meta charset=\"utf-8\">\n"
		    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
		    "script-src '%s'; style-src '%s'; base-uri 'none'; form-action 'none'\">\n"
		    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
		    "<meta name=\"color-scheme\" content=\"light dark\">\n<title>",
		    i18n_html_name(i18n_get()), page_bundle.script_hash, page_bundle.style_hash);
	add_escaped(out, command ? command : "");
	strbuf_add(out, ": whyoom</title>\n<style>");
	strbuf_add(out, page_bundle.style);
	strbuf_add(out, "</style>\n</head>\n");
}

bool report_write_page(const struct report_page *page, struct strbuf *out, struct error *error)
{
	if (!report_page_built_in())
		return error_set(error, ERROR_UNSUPPORTED,
				 "HTML is not built in: this whyoom was built without Node.js") |
		       error_hint(error, "--md and --json have the same report");
	_cleanup_free_ char *model = dump_model(page);
	if (!model)
		return error_set(error, ERROR_LIMIT, "no memory for the page");
	add_head(page, out);
	strbuf_add(out, "<body>\n<noscript><pre>");
	add_escaped(out, page->text ? page->text : "");
	strbuf_add(out, "</pre></noscript>\n<div id=\"page\"></div>\n"
			"<script type=\"application/json\" id=\"model\">");
	add_json(out, model);
	strbuf_add(out, "</script>\n<script>");
	strbuf_add(out, page_bundle.script);
	strbuf_add(out, "</script>\n</body>\n</html>\n");
	return true;
}
