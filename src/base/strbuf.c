// SPDX-License-Identifier: Apache-2.0
// In: pieces of text. Out: one terminated text.
#include "base/strbuf.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

void strbuf_deinit(struct strbuf *buffer)
{
	free(buffer->text);
	*buffer = (struct strbuf){0};
}

void strbuf_clear(struct strbuf *buffer)
{
	buffer->length = 0;
	if (buffer->text)
		buffer->text[0] = '\0';
}

static void reserve(struct strbuf *buffer, size_t more)
{
	size_t needed = buffer->length + more + 1;
	if (needed <= buffer->capacity)
		return;
	size_t capacity = buffer->capacity ? buffer->capacity : 256;
	while (capacity < needed)
		capacity *= 2;
	char *grown = alloc_array(capacity, 1);
	if (buffer->length)
		memcpy(grown, buffer->text, buffer->length);
	free(buffer->text);
	buffer->text = grown;
	buffer->capacity = capacity;
}

void strbuf_add_bytes(struct strbuf *buffer, const void *data, size_t size)
{
	reserve(buffer, size);
	if (size)
		memcpy(buffer->text + buffer->length, data, size);
	buffer->length += size;
	buffer->text[buffer->length] = '\0';
}

void strbuf_add(struct strbuf *buffer, const char *text)
{
	strbuf_add_bytes(buffer, text, strlen(text));
}

void strbuf_addf(struct strbuf *buffer, const char *format, ...)
{
	va_list arguments, again;
	va_start(arguments, format);
	va_copy(again, arguments);
	int length = vsnprintf(NULL, 0, format, arguments);
	va_end(arguments);
	if (length > 0) {
		reserve(buffer, (size_t)length);
		vsnprintf(buffer->text + buffer->length, (size_t)length + 1, format, again);
		buffer->length += (size_t)length;
	}
	va_end(again);
}

static bool continues(const unsigned char *bytes, size_t count)
{
	for (size_t i = 0; i < count; i++) // stops at the terminator
		if ((bytes[i] & 0xc0) != 0x80)
			return false;
	return true;
}

// The bytes of the character at `c`; 0 for a control character (also U+0080 to U+009F, which drive
// terminals too) and for what is no UTF-8.
static size_t shown_bytes(const unsigned char *c)
{
	if (c[0] < 0x80)
		return c[0] >= 0x20 && c[0] != 0x7f;
	if (c[0] < 0xe0)
		return c[0] >= 0xc2 && continues(c + 1, 1) && (c[0] > 0xc2 || c[1] >= 0xa0) ? 2 : 0;
	if (c[0] < 0xf0)
		return continues(c + 1, 2) && (c[0] > 0xe0 || c[1] >= 0xa0) &&
				       (c[0] != 0xed || c[1] < 0xa0)
			       ? 3
			       : 0;
	return c[0] <= 0xf4 && continues(c + 1, 3) && (c[0] > 0xf0 || c[1] >= 0x90) &&
			       (c[0] < 0xf4 || c[1] < 0x90)
		       ? 4
		       : 0;
}

// Characters that turn the direction of text around, or that cannot be seen: a name could look like
// another one. U+061C, U+200B to U+200F, U+2028 to U+202E, U+2060 to U+206F, U+FEFF; their size.
static size_t deceiving_bytes(const unsigned char *c)
{
	if (c[0] == 0xd8 && c[1] == 0x9c)
		return 2;
	if (c[0] == 0xef && c[1] == 0xbb && c[2] == 0xbf)
		return 3;
	bool hidden = c[0] == 0xe2 && c[1] == 0x80 &&
		      ((c[2] >= 0x8b && c[2] <= 0x8f) || (c[2] >= 0xa8 && c[2] <= 0xae));
	return hidden || (c[0] == 0xe2 && c[1] == 0x81 && c[2] >= 0xa0 && c[2] <= 0xaf) ? 3 : 0;
}

void strbuf_add_safe(struct strbuf *buffer, const char *text)
{
	for (const char *c = text ? text : ""; *c;) {
		size_t deceiving = deceiving_bytes((const unsigned char *)c);
		if (deceiving) {
			strbuf_add(buffer, "?");
			c += deceiving;
			continue;
		}
		size_t size = shown_bytes((const unsigned char *)c);
		strbuf_add_bytes(buffer, size ? c : "?", size ? size : 1);
		c += size ? size : 1;
	}
}
