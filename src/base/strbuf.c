// SPDX-License-Identifier: Apache-2.0
// In: pieces of text. Out: one terminated text.
#include "base/strbuf.h"

#include <stdarg.h>
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

void strbuf_add_safe(struct strbuf *buffer, const char *text)
{
	for (const char *c = text ? text : ""; *c; c++) {
		unsigned char byte = (unsigned char)*c;
		char shown = byte < 0x20 || byte == 0x7f ? '?' : *c;
		strbuf_add_bytes(buffer, &shown, 1);
	}
}
