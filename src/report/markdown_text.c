// SPDX-License-Identifier: Apache-2.0
// In: texts and values of a report's JSON. Out: Markdown that shows them and does nothing else.
#include "report/markdown_priv.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "report/text_priv.h"

// No line ends it: md_add_line writes no tilde.
#define FENCE "~~~~~~~~"

const char *md_text_at(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));
	return text ? text : "";
}

int64_t md_int_at(const json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);
	return json_is_integer(value) ? json_integer_value(value) : -1;
}

struct human md_bytes_at(const json_t *object, const char *key)
{
	return human_bytes(md_int_at(object, key));
}

// What a dialect takes for markup goes behind a backslash, what it takes for HTML becomes a numeric
// character.
static void add_character(struct strbuf *out, const char *c, bool first)
{
	if (strchr("<&~$", *c))
		strbuf_addf(out, "&#%d;", *c);
	else if (strchr("\\`*_[]|!", *c) || (first && strchr(">+-=", *c)))
		strbuf_addf(out, "\\%c", *c);
	else
		strbuf_add_bytes(out, c, 1);
}

// A mention, a reference or a link, to the eyes of a ticket system: only code is safe from it.
static bool means_something(const char *word)
{
	return strpbrk(word, "@#") || strstr(word, "://") || strncasecmp(word, "www.", 4) == 0;
}

void md_add(struct strbuf *out, const char *text)
{
	struct strbuf safe = {0};
	strbuf_add_safe(&safe, text);
	for (const char *c = safe.text ? safe.text : ""; *c;) {
		size_t length = strcspn(c, " ");
		_cleanup_free_ char *word = strndup(c, length);
		if (word && means_something(word))
			md_add_code(out, word);
		else
			for (size_t i = 0; i < length; i++)
				add_character(out, c + i, c + i == safe.text);
		size_t spaces = strspn(c + length, " ");
		strbuf_add_bytes(out, c + length, spaces);
		c += length + spaces;
	}
	strbuf_deinit(&safe);
}

static size_t longest_run(const char *text, char wanted)
{
	size_t longest = 0, run = 0;
	for (const char *c = text; *c; c++) {
		run = *c == wanted ? run + 1 : 0;
		longest = run > longest ? run : longest;
	}
	return longest;
}

// The text between fences of more backticks than are in it. A bar would end a cell of a table even
// there, so it becomes one that looks the same.
void md_add_code(struct strbuf *out, const char *text)
{
	struct strbuf safe = {0};
	strbuf_add_safe(&safe, text);
	const char *shown = safe.length ? safe.text : "?";
	size_t fence = longest_run(shown, '`') + 1;
	bool space = shown[0] == '`' || shown[strlen(shown) - 1] == '`';
	for (size_t i = 0; i < fence; i++)
		strbuf_add(out, "`");
	strbuf_add(out, space ? " " : "");
	for (const char *c = shown; *c; c++)
		strbuf_add_bytes(out, *c == '|' ? "\xc2\xa6" : c, *c == '|' ? 2 : 1);
	strbuf_add(out, space ? " " : "");
	for (size_t i = 0; i < fence; i++)
		strbuf_add(out, "`");
	strbuf_deinit(&safe);
}

void md_add_heading(struct strbuf *out, const char *title)
{
	strbuf_addf(out, "\n## %s\n\n", title);
}

static void add_name(struct strbuf *out, const char *name)
{
	strbuf_addf(out, "- **%s**: ", name);
}

void md_add_fact(struct strbuf *out, const char *name, const char *value)
{
	if (!value[0])
		return;
	add_name(out, name);
	md_add(out, value);
	strbuf_add(out, "\n");
}

void md_add_code_fact(struct strbuf *out, const char *name, const char *value)
{
	if (!value[0])
		return;
	add_name(out, name);
	md_add_code(out, value);
	strbuf_add(out, "\n");
}

void md_begin_block(struct strbuf *out)
{
	strbuf_add(out, "\n" FENCE "\n");
}

void md_add_line(struct strbuf *out, const char *text)
{
	struct strbuf safe = {0};
	strbuf_add_safe(&safe, text);
	for (const char *c = safe.text ? safe.text : ""; *c; c++)
		strbuf_add_bytes(out, *c == '~' ? "-" : c, 1);
	strbuf_add(out, "\n");
	strbuf_deinit(&safe);
}

void md_end_block(struct strbuf *out)
{
	strbuf_add(out, FENCE "\n");
}

void md_add_frame(struct strbuf *out, const json_t *frame)
{
	const char *file = md_text_at(frame, "file");
	md_add_code(out, md_text_at(frame, "function"));
	if (!file[0])
		return;
	_cleanup_free_ char *place =
		alloc_format("%s:%" PRId64, text_short_path(file), md_int_at(frame, "line"));
	strbuf_add(out, " ");
	md_add_code(out, place);
}
