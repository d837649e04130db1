// SPDX-License-Identifier: Apache-2.0
// Values of a report's JSON, and Markdown made of them. Private to the files of that form.
#pragma once

#include <jansson.h>
#include <stdint.h>

#include "base/strbuf.h"
#include "base/units.h"

// "" for what is no text.
const char *md_text_at(const json_t *object, const char *key);
// Below 0: not known.
int64_t md_int_at(const json_t *object, const char *key);
struct human md_bytes_at(const json_t *object, const char *key);

// Plain text: what is markup in it is escaped, and it stays on one line.
void md_add(struct strbuf *out, const char *text);
// A code span, also inside of a table.
void md_add_code(struct strbuf *out, const char *text);
void md_add_heading(struct strbuf *out, const char *title);
// "- **name**: value"
void md_add_fact(struct strbuf *out, const char *name, const char *value);
void md_add_code_fact(struct strbuf *out, const char *name, const char *value);
// Lines as they are, in a block that nothing in them ends.
void md_begin_block(struct strbuf *out);
void md_add_line(struct strbuf *out, const char *text);
void md_end_block(struct strbuf *out);
// "`function`  `file:line`"
void md_add_frame(struct strbuf *out, const json_t *frame);

void md_write_memory(const json_t *report, struct strbuf *out);
void md_write_heap(const json_t *report, struct strbuf *out);
void md_write_goroutines(const json_t *report, struct strbuf *out);
