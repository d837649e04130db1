// SPDX-License-Identifier: Apache-2.0
// In: text with escapes. Out: text.
#include "crash/unescape.h"

static void add_char(struct strbuf *out, char c)
{
	strbuf_add_bytes(out, &c, 1);
}

static void add_unicode(struct strbuf *out, uint64_t code)
{
	char bytes[3];
	if (code == 0 || code > 0xffff)
		code = '?';
	if (code < 0x80) {
		add_char(out, (char)code);
		return;
	}
	if (code < 0x800) {
		bytes[0] = (char)(0xc0 | code >> 6);
		bytes[1] = (char)(0x80 | (code & 0x3f));
		strbuf_add_bytes(out, bytes, 2);
		return;
	}
	bytes[0] = (char)(0xe0 | code >> 12);
	bytes[1] = (char)(0x80 | (code >> 6 & 0x3f));
	bytes[2] = (char)(0x80 | (code & 0x3f));
	strbuf_add_bytes(out, bytes, 3);
}

// Behind a backslash; returns how many bytes it took, 0 for no escape.
static size_t add_escape(struct span rest, struct strbuf *out)
{
	static const char letters[] = "nrtbf\"\\/", values[] = "\n\r\t\b\f\"\\/";
	const char *found = rest.length ? memchr(letters, rest.at[0], sizeof letters - 1) : NULL;
	if (found) {
		add_char(out, values[found - letters]);
		return 1;
	}
	size_t digits = !rest.length ? 0 : rest.at[0] == 'u' ? 4 : rest.at[0] == 'x' ? 2 : 0;
	struct span hex = span_first(span_from(rest, 1), digits);
	uint64_t code;
	if (!digits || hex.length < digits || !span_take_hex(&hex, &code) || hex.length)
		return 0;
	add_unicode(out, code);
	return 1 + digits;
}

void unescape_backslashes(struct span text, struct strbuf *out)
{
	while (text.length) {
		size_t plain = span_find_char(text, '\\');
		plain = plain < text.length ? plain : text.length;
		strbuf_add_bytes(out, text.at, plain);
		text = span_from(text, plain);
		if (!text.length)
			return;
		size_t took = add_escape(span_from(text, 1), out);
		if (!took)
			add_char(out, '\\');
		text = span_from(text, 1 + took);
	}
}

static bool is_octal(struct span text)
{
	return text.length >= 4 && text.at[0] == '#' && text.at[1] == '0' &&
	       (text.at[2] >= '0' && text.at[2] <= '3') && text.at[3] >= '0' && text.at[3] <= '7';
}

bool unescape_has_octal(struct span text)
{
	return span_has(text, SPAN("#011")) || span_has(text, SPAN("#012"));
}

void unescape_octal(struct span text, struct strbuf *out)
{
	while (text.length) {
		size_t plain = span_find_char(text, '#');
		plain = plain < text.length ? plain : text.length;
		strbuf_add_bytes(out, text.at, plain);
		text = span_from(text, plain);
		if (is_octal(text))
			add_char(out, (char)((text.at[2] - '0') * 8 + text.at[3] - '0'));
		else if (text.length)
			add_char(out, '#');
		text = span_from(text, is_octal(text) ? 4 : 1);
	}
}

static const struct {
	struct span entity;
	const char *text;
} entities[] = {
	{{"&lt;", 4}, "<"},    {{"&gt;", 4}, ">"},   {{"&amp;", 5}, "&"},   {{"&quot;", 6}, "\""},
	{{"&#39;", 5}, "'"},   {{"&#34;", 5}, "\""}, {{"&#x27;", 6}, "'"},  {{"&#x2F;", 6}, "/"},
	{{"&apos;", 6}, "'"},  {{"&nbsp;", 6}, " "}, {{"&#43;", 5}, "+"},   {{"&#9;", 4}, "\t"},
	{{"&#10;", 5}, "\n"},  {{"&#xA;", 5}, "\n"}, {{"<br>", 4}, "\n"},   {{"<br/>", 5}, "\n"},
	{{"<br />", 6}, "\n"}, {{"<pre>", 5}, "\n"}, {{"</pre>", 6}, "\n"}, {{"<code>", 6}, ""},
	{{"</code>", 7}, ""},  {{"&#013;", 6}, ""},  {{"&#160;", 6}, " "},  {{"&Tab;", 5}, "\t"},
	{{"<p>", 3}, "\n"},    {{"</p>", 4}, "\n"},
};

static size_t entity_at(struct span text)
{
	for (size_t i = 0; i < sizeof entities / sizeof *entities; i++)
		if (span_starts(text, entities[i].entity))
			return i + 1;
	return 0;
}

static size_t next_markup(struct span text)
{
	size_t i = 0;
	while (i < text.length && text.at[i] != '&' && text.at[i] != '<')
		i++;
	return i;
}

bool unescape_has_html(struct span text)
{
	for (;;) {
		text = span_from(text, next_markup(text));
		if (!text.length)
			return false;
		if (entity_at(text))
			return true;
		text = span_from(text, 1);
	}
}

void unescape_html(struct span text, struct strbuf *out)
{
	while (text.length) {
		size_t plain = next_markup(text);
		strbuf_add_bytes(out, text.at, plain);
		text = span_from(text, plain);
		if (!text.length)
			return;
		size_t row = entity_at(text);
		if (row)
			strbuf_add(out, entities[row - 1].text);
		else
			add_char(out, text.at[0]);
		text = span_from(text, row ? entities[row - 1].entity.length : 1);
	}
}

// The length of an escape sequence of a terminal at the start of `text`, or 0.
static size_t sequence_length(struct span text)
{
	size_t i = 0;
	if (span_starts(text, SPAN("\033[")))
		i = 2;
	else if (span_starts(text, SPAN("^[[")))
		i = 3;
	else if (span_starts(text, SPAN("#033[")))
		i = 5;
	else
		return 0;
	while (i < text.length && (is_digit(text.at[i]) || text.at[i] == ';' || text.at[i] == '?'))
		i++;
	return i < text.length ? i + 1 : i;
}

bool unescape_has_terminal(struct span text)
{
	return span_has(text, SPAN("\033[")) || span_has(text, SPAN("^[[")) ||
	       span_has(text, SPAN("#033["));
}

void unescape_terminal(struct span text, struct strbuf *out)
{
	size_t start = 0;
	for (size_t i = 0; i < text.length;) {
		size_t length = sequence_length(span_from(text, i));
		if (!length) {
			i++;
			continue;
		}
		strbuf_add_bytes(out, text.at + start, i - start);
		i += length;
		start = i;
	}
	strbuf_add_bytes(out, text.at + start, text.length - start);
}

bool unescape_has_written_breaks(struct span text)
{
	static const char *const signs[] = {"\\n\\t",           "\\ngoroutine ", "]:\\n",
					    "\\n\\ngoroutine ", "\\n\\tpanic: ", "\\n[signal "};
	for (size_t i = 0; i < sizeof signs / sizeof *signs; i++)
		if (span_has(text, span_of(signs[i])))
			return true;
	return false;
}

bool unescape_next_string(struct span *rest, struct span *string, bool *is_key)
{
	size_t open = span_find_char(*rest, '"');
	if (open == SPAN_NONE)
		return false;
	struct span inside = span_from(*rest, open + 1);
	size_t end = 0;
	for (;;) {
		size_t quote = span_find_char(span_from(inside, end), '"');
		if (quote == SPAN_NONE)
			return false;
		end += quote;
		size_t slashes = 0;
		while (slashes < end && inside.at[end - 1 - slashes] == '\\')
			slashes++;
		if (slashes % 2 == 0)
			break;
		end++;
	}
	*string = span_first(inside, end);
	*rest = span_from(inside, end + 1);
	struct span behind = span_trim(span_first(*rest, 8));
	*is_key = span_starts(behind, SPAN(":")) || span_starts(behind, SPAN("=>")); // Ruby's
	return true;
}
