// SPDX-License-Identifier: Apache-2.0
// In: a text with names in braces, the facts. Out: the text with numbers.
#include "verdict/template.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/i18n.h"
#include "base/units.h"

static const char *const words_known[] = {"guilty", "where", "calls", "creator", "wait", "command"};

static const char *find_word(const struct template_words *words, const char *name)
{
	const char *const values[] = {words->guilty,  words->where, words->calls,
				      words->creator, words->wait,  words->command};
	for (size_t i = 0; i < sizeof words_known / sizeof *words_known; i++)
		if (strcmp(words_known[i], name) == 0)
			return values[i] ? values[i] : "";
	return NULL;
}

static void add_number(struct strbuf *out, const char *name, double value)
{
	switch (scope_unit(name)) {
	case FACT_BYTES:
		strbuf_add(out, human_bytes((int64_t)value).text);
		break;
	case FACT_SHARE:
		strbuf_add(out, human_percent(value).text);
		break;
	case FACT_NS:
		strbuf_add(out, human_duration((int64_t)value).text);
		break;
	case FACT_YES:
		strbuf_add(out, value > 0 ? "yes" : "no");
		break;
	case FACT_COUNT:
		if (fabs(value - round(value)) > 0.001)
			strbuf_addf(out, "%.2g", value);
		else
			strbuf_add(out, human_count((int64_t)value).text);
		break;
	}
}

static bool add_name(const char *name, const struct scope *scope,
		     const struct template_words *words, struct strbuf *out)
{
	double value;
	const char *word = find_word(words, name);
	if (word) {
		strbuf_add_safe(out, word);
		return word[0] != '\0';
	}
	if (!scope_number(scope, name, &value)) {
		strbuf_add(out, "?");
		return false;
	}
	add_number(out, name, value);
	return true;
}

// The next name in braces at `text`: its length, or 0 where there is none.
static size_t name_at(const char *text, char *name)
{
	size_t length = text[0] == '{' ? strcspn(text, "}") : 0;
	if (!length || text[length] != '}' || length > FACT_NAME_MAX)
		return 0;
	memcpy(name, text + 1, length - 1);
	name[length - 1] = '\0';
	return length + 1;
}

bool template_fill(const char *text, const struct scope *scope, const struct template_words *words,
		   struct strbuf *out)
{
	char name[FACT_NAME_MAX + 1];
	bool complete = true;
	text = i18n_text(text); // the tables are in English
	while (*text) {
		size_t length = name_at(text, name);
		if (length) {
			complete = add_name(name, scope, words, out) && complete;
			text += length;
			continue;
		}
		length = strcspn(text + 1, "{") + 1;
		strbuf_add_bytes(out, text, length);
		text += length;
	}
	return complete;
}

bool template_is_valid(const char *text)
{
	static const struct template_words none = {.guilty = "x"};
	char name[FACT_NAME_MAX + 1];
	for (; *text; text++)
		if (name_at(text, name) && !find_word(&none, name) && !number_name_is_valid(name))
			return false;
	return true;
}
