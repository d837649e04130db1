// SPDX-License-Identifier: Apache-2.0
// In: sizes. Out: zeroed memory, or an abort in the one place that may.
#include "base/alloc.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *or_abort(void *pointer)
{
	if (!pointer) {
		fputs("whyoom: out of memory\n", stderr);
		abort();
	}
	return pointer;
}

void *alloc_try_array(size_t count, size_t size)
{
	size_t total;
	if (__builtin_mul_overflow(count, size, &total))
		return NULL;
	return calloc(total ? total : 1, 1);
}

void *alloc_array(size_t count, size_t size)
{
	return or_abort(alloc_try_array(count, size));
}

void *alloc_zero(size_t size)
{
	return alloc_array(1, size);
}

char *alloc_string(const char *text)
{
	return text ? or_abort(strdup(text)) : NULL;
}

char *alloc_format(const char *format, ...)
{
	char *text = NULL;
	va_list arguments;
	va_start(arguments, format);
	int length = vasprintf(&text, format, arguments);
	va_end(arguments);
	return length < 0 ? or_abort(NULL) : text;
}
