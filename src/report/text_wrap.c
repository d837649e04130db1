// SPDX-License-Identifier: Apache-2.0
// In: words. Out: lines that fit a terminal of 80 columns.
#include <ctype.h>
#include <string.h>

#include "base/columns.h"
#include "report/text_priv.h"

enum { COLUMNS = 80 };

static size_t current_column(const struct strbuf *out)
{
	size_t length = 0;
	while (length < out->length && out->text[out->length - 1 - length] != '\n')
		length++;
	return length ? columns_of(out->text + out->length - length, length) : 0;
}

static void break_line(struct strbuf *out, size_t indent)
{
	while (out->length && out->text[out->length - 1] == ' ')
		out->text[--out->length] = '\0';
	strbuf_addf(out, "\n%*s", (int)indent, "");
}

// With the unit, where a size begins: "24.0 MiB".
static size_t word_length(const char *text)
{
	static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
	size_t length = columns_unbroken(text);
	if (text[length] != ' ' || !isdigit((unsigned char)text[0]))
		return length;
	size_t next = strspn(text + length + 1, "KMGTiB");
	for (size_t i = 0; i < sizeof units / sizeof *units; i++)
		if (next == strlen(units[i]) && strncmp(text + length + 1, units[i], next) == 0)
			return length + 1 + columns_unbroken(text + length + 1);
	return length;
}

static void add_word(struct strbuf *out, const char *word, size_t length)
{
	struct strbuf copy = {0};
	strbuf_add_bytes(&copy, word, length);
	strbuf_add_safe(out, copy.text);
	strbuf_deinit(&copy);
}

void text_add_wrapped(struct strbuf *out, size_t indent, const char *text)
{
	while (*text) {
		size_t blanks = strspn(text, " ");
		size_t length = word_length(text + blanks);
		size_t column = current_column(out);
		if (column > indent &&
		    column + blanks + columns_of(text + blanks, length) > COLUMNS)
			break_line(out, indent);
		else
			add_word(out, text, blanks);
		add_word(out, text + blanks, length);
		text += blanks + length;
	}
}
