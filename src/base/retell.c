// SPDX-License-Identifier: Apache-2.0
// In: a sentence in English. Out: the same in the reader's language, its values unchanged.
#include "base/retell.h"

#include <ctype.h>
#include <string.h>

#include "base/i18n.h"

enum { VALUES_MAX = 8 };

struct value {
	const char *text;
	size_t length;
};

// How long the piece of `format` up to its next value is.
static size_t piece_length(const char *format)
{
	const char *percent = strchr(format, '%');
	return percent ? (size_t)(percent - format) : strlen(format);
}

static bool match(const char *text, const char *format, struct value *values)
{
	size_t piece = piece_length(format), count = 0;
	if (strncmp(text, format, piece) != 0)
		return false;
	for (text += piece, format += piece; *format; format += piece) {
		format += strlen("%s");
		piece = piece_length(format);
		const char *end = text + strlen(text);
		if (format[piece]) // the value ends where the next piece begins
			end = memmem(text, strlen(text), format, piece);
		else if (strlen(text) >= piece && strcmp(end - piece, format) == 0)
			end -= piece;
		else
			return false;
		if (!end || count == VALUES_MAX)
			return false;
		values[count++] = (struct value){text, (size_t)(end - text)};
		text = end + piece;
	}
	return !*text;
}

// A translation may have its values in another order: "%2$s".
static void tell(struct strbuf *out, const char *format, const struct value *values)
{
	size_t next = 0;
	while (*format) {
		size_t piece = piece_length(format), which = next;
		strbuf_add_bytes(out, format, piece);
		format += piece;
		if (!*format)
			break;
		if (isdigit((unsigned char)format[1]) && format[2] == '$') {
			which = (size_t)(format[1] - '1');
			format += strlen("2$");
		}
		if (which < VALUES_MAX)
			strbuf_add_bytes(out, values[which].text, values[which].length);
		next = which + 1;
		format += strlen("%s");
	}
}

bool retell(struct strbuf *out, const char *text, const char *const *sentences, size_t count)
{
	struct value values[VALUES_MAX] = {{"", 0}};
	for (size_t i = 0; i < count; i++) {
		if (!match(text, sentences[i], values))
			continue;
		tell(out, i18n_text(sentences[i]), values);
		return true;
	}
	return false;
}
