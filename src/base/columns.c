// SPDX-License-Identifier: Apache-2.0
// In: UTF-8. Out: columns, and the pieces that a line can be broken into.
#include "base/columns.h"

#include <stdbool.h>
#include <string.h>

static bool is_start(unsigned char byte)
{
	return (byte & 0xc0) != 0x80;
}

// From U+3000 on: Chinese, Japanese, Korean, their punctuation, and emoji.
static bool is_wide(const char *text)
{
	return (unsigned char)text[0] >= 0xe3;
}

size_t columns_of(const char *text, size_t length)
{
	size_t columns = 0;
	for (size_t i = 0; i < length && text[i]; i++)
		if (is_start((unsigned char)text[i]))
			columns += is_wide(text + i) ? 2 : 1;
	return columns;
}

size_t columns_of_text(const char *text)
{
	return columns_of(text, strlen(text));
}

static size_t character_length(const char *text)
{
	size_t length = text[0] ? 1 : 0;
	while (text[length] && !is_start((unsigned char)text[length]))
		length++;
	return length;
}

static bool is_one_of(const char *text, const char *const *list)
{
	for (; *list; list++)
		if (strncmp(text, *list, strlen(*list)) == 0)
			return true;
	return false;
}

// What must not begin a line.
static bool is_closing(const char *text)
{
	static const char *const closing[] = {"，", "。", "、", "；", "：", "？", "！",
					      "）", "」", "』", "》", "”",  "…",  ")",
					      ",",  ".",  ";",  ":",  "]",  "%",  NULL};
	return is_one_of(text, closing);
}

// What must not end one.
static bool is_opening(const char *text)
{
	static const char *const opening[] = {"（", "「", "『", "《", "“", NULL};
	return is_one_of(text, opening);
}

size_t columns_unbroken(const char *text)
{
	size_t length = 0;
	bool inside = false; // "[...]" stays whole
	while (text[length] && text[length] != ' ') {
		const char *at = text + length;
		size_t next = length + character_length(at);
		bool breaks = is_wide(at) || (text[next] && is_wide(text + next));
		inside = *at == '[' || (inside && *at != ']');
		length = next;
		if (breaks && !inside && !is_opening(at) && !is_closing(text + length))
			break;
	}
	return length;
}
