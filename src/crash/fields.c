// SPDX-License-Identifier: Apache-2.0
// In: a line with fields. Out: the line as it would be without their notation.
#include "crash/fields.h"

#include <stdio.h>

#include "crash/line.h"
#include "crash/unescape.h"

// ---- CSV ----

// Behind the quote that closes the field at the start of `text`; SPAN_NONE: it stays open.
static size_t quoted_end(struct span text)
{
	for (size_t i = 1; i < text.length; i++) {
		if (text.at[i] != '"')
			continue;
		if (i + 1 < text.length && text.at[i + 1] == '"')
			i++;
		else
			return i + 1;
	}
	return SPAN_NONE;
}

static void add_quoted(struct span inside, struct strbuf *out)
{
	while (inside.length) {
		size_t quote = span_find_char(inside, '"');
		size_t plain = quote == SPAN_NONE ? inside.length : quote + 1;
		strbuf_add_bytes(out, inside.at, plain);
		inside = span_from(inside, quote == SPAN_NONE ? plain : quote + 2);
	}
}

// The end of the field at the start of `text`, which is added to `out`. A field that goes on in the
// next line is the last. SPAN_NONE: no such field.
static size_t take_csv_field(struct span text, struct strbuf *out)
{
	if (!text.length || text.at[0] != '"') {
		size_t comma = span_find_char(text, ',');
		struct span field = span_first(text, comma);
		strbuf_add_bytes(out, field.at, field.length);
		return span_find_char(field, '"') == SPAN_NONE ? field.length : SPAN_NONE;
	}
	size_t end = quoted_end(text);
	if (end != SPAN_NONE && end < text.length && text.at[end] != ',')
		return SPAN_NONE;
	size_t closed = end == SPAN_NONE ? text.length : end - 1;
	add_quoted(span_from(span_first(text, closed), 1), out);
	return end == SPAN_NONE ? text.length : end;
}

static bool unpack_csv(struct span line, struct strbuf *out)
{
	bool quoted = false;
	for (struct span rest = line;;) {
		quoted = quoted || span_starts(rest, SPAN("\""));
		size_t end = take_csv_field(rest, out);
		if (end == SPAN_NONE)
			return false;
		rest = span_from(rest, end);
		if (!rest.length)
			return quoted;
		strbuf_add(out, ",");
		rest = span_from(rest, 1);
	}
}

// The last line of a field with many: its quote is still there.
static bool unpack_csv_end(struct span line, struct strbuf *out)
{
	struct crash_line file;
	size_t quote = span_find_char(line, '"');
	if (quote == SPAN_NONE || (quote + 1 < line.length && line.at[quote + 1] != ',') ||
	    !crash_line_parse_file(span_first(line, quote), &file))
		return false;
	strbuf_add_bytes(out, line.at, quote);
	return true;
}

// ---- YAML ----

// "textPayload: " and what may stand before it; 0: no key.
static size_t key_length(struct span line)
{
	size_t i = 0;
	while (i < line.length && (is_blank(line.at[i]) || line.at[i] == '-'))
		i++;
	size_t start = i;
	while (i < line.length && ((line.at[i] >= 'a' && line.at[i] <= 'z') ||
				   (line.at[i] >= 'A' && line.at[i] <= 'Z') || line.at[i] == '_'))
		i++;
	return i > start && span_starts(span_from(line, i), SPAN(": ")) ? i + 2 : 0;
}

static void add_single_quoted(struct span inside, struct strbuf *out)
{
	for (size_t i = 0; i < inside.length; i++) {
		strbuf_add_bytes(out, inside.at + i, 1);
		if (inside.at[i] == '\'' && i + 1 < inside.length && inside.at[i + 1] == '\'')
			i++;
	}
}

// A value without line ends in it.
static bool unpack_yaml(struct span line, struct strbuf *out)
{
	size_t key = key_length(line);
	struct span value = span_trim(span_from(line, key));
	if (!key || value.length < 2 || (value.at[0] != '"' && value.at[0] != '\'') ||
	    value.at[value.length - 1] != value.at[0] || span_has(value, SPAN("\\n")))
		return false;
	struct span inside = span_first(span_from(value, 1), value.length - 2);
	strbuf_add_bytes(out, line.at, key);
	if (value.at[0] == '"')
		unescape_backslashes(inside, out);
	else
		add_single_quoted(inside, out);
	return true;
}

// ---- AWS ----

// "EVENTS\t1760000000100\tTEXT\t1760000000000": the time at the end is no part of the text.
static bool unpack_events(struct span line, struct strbuf *out)
{
	size_t tab = span_find_last(line, '\t');
	struct span time = span_from(line, tab == SPAN_NONE ? line.length : tab + 1);
	uint64_t number;
	if (!span_starts(line, SPAN("EVENTS\t")) || tab < SPAN("EVENTS\t").length ||
	    !span_take_u64(&time, &number) || time.length)
		return false;
	strbuf_add_bytes(out, line.at, tab);
	return true;
}

// ---- the journal ----

// A byte of "[112,97]" as JSON's text has it; false at the end or where it is none.
static bool take_byte(struct span *rest, struct strbuf *out)
{
	uint64_t number;
	char text[8];
	struct span digits = span_trim(*rest);
	if (!span_take_u64(&digits, &number) || number > 255)
		return false;
	if (number < ' ' || number == '"' || number == '\\') {
		snprintf(text, sizeof text, "\\u%04x", (unsigned int)number);
	} else {
		text[0] = (char)number;
		text[1] = '\0';
	}
	strbuf_add(out, text);
	*rest = span_trim(digits);
	return true;
}

// What is no clean text, journalctl writes as its bytes; here it is a string again.
static bool unpack_bytes(struct span line, struct strbuf *out)
{
	static const struct span mark = {"\"MESSAGE\":[", 11};
	size_t start = span_find(line, mark);
	if (start == SPAN_NONE)
		return false;
	struct span rest = span_from(line, start + mark.length);
	strbuf_add_bytes(out, line.at, start + mark.length - 1);
	strbuf_add(out, "\"");
	while (take_byte(&rest, out))
		if (!span_skip(&rest, SPAN(",")))
			break;
	strbuf_add(out, "\"");
	if (!span_skip(&rest, SPAN("]")))
		return false;
	strbuf_add_bytes(out, rest.at, rest.length);
	return true;
}

bool fields_unpack(struct span line, struct strbuf *out)
{
	static bool (*const forms[])(struct span, struct strbuf *) = {
		unpack_bytes, unpack_yaml, unpack_events, unpack_csv, unpack_csv_end};
	for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
		if (forms[i](line, out))
			return true;
		strbuf_clear(out);
	}
	return false;
}
