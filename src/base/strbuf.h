// SPDX-License-Identifier: Apache-2.0
// A text that grows. `text` is always terminated once something was added; NULL before.
#pragma once

#include <stddef.h>

struct strbuf {
	char *text;
	size_t length, capacity;
};

void strbuf_deinit(struct strbuf *buffer);
void strbuf_clear(struct strbuf *buffer);
void strbuf_add(struct strbuf *buffer, const char *text);
void strbuf_add_bytes(struct strbuf *buffer, const void *data, size_t size);
void strbuf_addf(struct strbuf *buffer, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
// Text that came from outside: control characters (C1 too), those that turn the direction of text
// or cannot be seen, and bytes that are no UTF-8 become '?', so that a target's name cannot drive
// the reader's terminal nor look like another one. Other UTF-8 passes.
void strbuf_add_safe(struct strbuf *buffer, const char *text);
