// SPDX-License-Identifier: Apache-2.0
// In: text from the kernel. Out: words, numbers and rows of them, or a refusal.
#include "system/text_priv.h"

#include <string.h>

#include "system/known.h"

struct text text_over_bytes(const char *text, size_t size)
{
	return (struct text){.at = text, .end = text + size};
}

struct text text_over(const char *text)
{
	return text_over_bytes(text, strlen(text));
}

size_t text_left(const struct text *text)
{
	return (size_t)(text->end - text->at);
}

bool text_empty(const struct text *text)
{
	return text->at == text->end;
}

bool text_until(struct text *text, char separator, struct text *part)
{
	const char *found = text_empty(text) ? NULL : memchr(text->at, separator, text_left(text));
	if (!found)
		return false;
	*part = (struct text){.at = text->at, .end = found};
	text->at = found + 1;
	return true;
}

bool text_line(struct text *all, struct text *line)
{
	return text_until(all, '\n', line);
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

void text_skip_blanks(struct text *text)
{
	while (text->at < text->end && is_blank(*text->at))
		text->at++;
}

struct text text_word(struct text *text)
{
	text_skip_blanks(text);
	struct text word = {.at = text->at, .end = text->at};
	while (word.end < text->end && !is_blank(*word.end))
		word.end++;
	text->at = word.end;
	return word;
}

bool text_skip(struct text *text, const char *literal)
{
	size_t length = strlen(literal);
	if (text_left(text) < length || memcmp(text->at, literal, length) != 0)
		return false;
	text->at += length;
	return true;
}

bool text_equals(const struct text *text, const char *literal)
{
	return text_left(text) == strlen(literal) &&
	       memcmp(text->at, literal, text_left(text)) == 0;
}

static int digit_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : 16;
}

static bool take_number(struct text *text, int base, uint64_t *value)
{
	uint64_t number = 0;
	const char *at = text->at;
	for (; at < text->end && digit_value(*at) < base; at++)
		if (__builtin_mul_overflow(number, (uint64_t)base, &number) ||
		    __builtin_add_overflow(number, (uint64_t)digit_value(*at), &number))
			return false;
	if (at == text->at)
		return false;
	text->at = at;
	*value = number;
	return true;
}

bool text_u64(struct text *text, uint64_t *value)
{
	return take_number(text, 10, value);
}

bool text_hex(struct text *text, uint64_t *value)
{
	return take_number(text, 16, value);
}

bool text_i64(struct text *text, int64_t *value)
{
	struct text rest = *text;
	bool negative = text_skip(&rest, "-");
	uint64_t number;
	if (!text_u64(&rest, &number) || number > INT64_MAX)
		return false;
	*value = negative ? -(int64_t)number : (int64_t)number;
	*text = rest;
	return true;
}

const char *text_find(const struct text *text, const char *literal)
{
	return text_empty(text) ? NULL
				: memmem(text->at, text_left(text), literal, strlen(literal));
}

const char *text_find_last(const struct text *text, const char *literal)
{
	const char *last = NULL, *next;
	struct text rest = *text;
	while ((next = text_find(&rest, literal))) {
		last = next;
		rest.at = next + 1;
	}
	return last;
}

void text_copy(const struct text *text, char *buffer, size_t capacity)
{
	size_t length = text_left(text) < capacity - 1 ? text_left(text) : capacity - 1;
	memcpy(buffer, text->at, length);
	buffer[length] = '\0';
}

static struct text take_key(struct text *line)
{
	struct text key = {.at = line->at, .end = line->at};
	while (key.end < line->end && !is_blank(*key.end) && *key.end != ':')
		key.end++;
	line->at = key.end;
	text_skip(line, ":");
	text_skip_blanks(line);
	return key;
}

static bool take_value(struct text *line, uint64_t *value)
{
	uint64_t number;
	if (!text_u64(line, &number))
		return false;
	if (text_skip(line, " kB") && __builtin_mul_overflow(number, (uint64_t)1024, &number))
		return false;
	*value = number;
	return text_empty(line);
}

bool text_assign(struct text line, const struct text_row *rows, size_t count, void *output,
		 const char *what, struct error *error)
{
	struct text key = take_key(&line);
	for (size_t i = 0; i < count; i++) {
		if (!text_equals(&key, rows[i].key))
			continue;
		struct known_u64 *field = (void *)((char *)output + rows[i].offset);
		if (field->known)
			return error_set(error, ERROR_BAD_DATA, "%s: %s is there twice", what,
					 rows[i].key);
		if (!take_value(&line, &field->value))
			return error_set(error, ERROR_BAD_DATA, "%s: the value of %s is no number",
					 what, rows[i].key);
		field->known = true;
		return true;
	}
	return true;
}

bool text_assign_all(struct text all, const struct text_row *rows, size_t count, void *output,
		     const char *what, struct error *error)
{
	struct text line;
	while (text_line(&all, &line))
		if (!text_assign(line, rows, count, output, what, error))
			return false;
	return text_check_end(&all, what, error);
}

bool text_check_end(const struct text *all, const char *what, struct error *error)
{
	return text_empty(all) ||
	       error_set(error, ERROR_BAD_DATA, "%s: the last line is cut", what);
}
