// SPDX-License-Identifier: Apache-2.0
// A piece of text that is not terminated, borrowed.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct span {
	const char *at;
	size_t length;
};

#define SPAN(literal) ((struct span){"" literal, sizeof literal - 1})

static inline struct span span_of(const char *text)
{
	return (struct span){text, strlen(text)};
}

static inline bool span_equals(struct span span, struct span other)
{
	return span.length == other.length &&
	       (!other.length || memcmp(span.at, other.at, other.length) == 0);
}

static inline bool span_starts(struct span span, struct span with)
{
	return span.length >= with.length &&
	       (!with.length || memcmp(span.at, with.at, with.length) == 0);
}

static inline bool span_ends(struct span span, struct span with)
{
	return span.length >= with.length &&
	       (!with.length ||
		memcmp(span.at + span.length - with.length, with.at, with.length) == 0);
}

// From `skip` on; nothing where it is shorter.
static inline struct span span_from(struct span span, size_t skip)
{
	skip = skip < span.length ? skip : span.length;
	return (struct span){span.at + skip, span.length - skip};
}

static inline struct span span_first(struct span span, size_t length)
{
	return (struct span){span.at, length < span.length ? length : span.length};
}

#define SPAN_NONE ((size_t)-1)

static inline size_t span_find(struct span span, struct span what)
{
	const char *found = span.length ? memmem(span.at, span.length, what.at, what.length) : NULL;
	return found ? (size_t)(found - span.at) : SPAN_NONE;
}

static inline bool span_has(struct span span, struct span what)
{
	return span_find(span, what) != SPAN_NONE;
}

static inline size_t span_find_char(struct span span, char c)
{
	const char *found = span.length ? memchr(span.at, c, span.length) : NULL;
	return found ? (size_t)(found - span.at) : SPAN_NONE;
}

static inline size_t span_find_last(struct span span, char c)
{
	const char *found = span.length ? memrchr(span.at, c, span.length) : NULL;
	return found ? (size_t)(found - span.at) : SPAN_NONE;
}

static inline bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static inline bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static inline struct span span_trim(struct span span)
{
	while (span.length && is_blank(span.at[0]))
		span = span_from(span, 1);
	while (span.length &&
	       (is_blank(span.at[span.length - 1]) || span.at[span.length - 1] == '\r'))
		span.length--;
	return span;
}

// Takes decimal digits off the front; false where there are none or too many.
static inline bool span_take_u64(struct span *span, uint64_t *value)
{
	uint64_t number = 0;
	size_t used = 0;
	for (; used < span->length && is_digit(span->at[used]); used++)
		if (__builtin_mul_overflow(number, (uint64_t)10, &number) ||
		    __builtin_add_overflow(number, (uint64_t)(span->at[used] - '0'), &number))
			return false;
	if (!used)
		return false;
	*span = span_from(*span, used);
	*value = number;
	return true;
}

// The same for hexadecimal digits, without "0x".
static inline bool span_take_hex(struct span *span, uint64_t *value)
{
	uint64_t number = 0;
	size_t used = 0;
	for (; used < span->length && used < 17; used++) {
		char c = span->at[used];
		unsigned int digit = is_digit(c)            ? (unsigned int)(c - '0')
				     : c >= 'a' && c <= 'f' ? (unsigned int)(c - 'a' + 10)
				     : c >= 'A' && c <= 'F' ? (unsigned int)(c - 'A' + 10)
							    : 16;
		if (digit > 15)
			break;
		number = number << 4 | digit;
	}
	if (!used || used > 16)
		return false;
	*span = span_from(*span, used);
	*value = number;
	return true;
}

static inline bool span_skip(struct span *span, struct span literal)
{
	if (!span_starts(*span, literal))
		return false;
	*span = span_from(*span, literal.length);
	return true;
}
