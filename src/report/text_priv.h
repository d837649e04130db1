// SPDX-License-Identifier: Apache-2.0
// Shared by the files that write the text form.
#pragma once

#include "base/i18n.h"
#include "report/goroutines.h"

// A section's title in bold, as "TITLE  rest of the line" without a line end.
void text_title(struct strbuf *out, struct report_style style, const char *title);
// Fills up to `columns` of a terminal, where Chinese characters take two.
void text_pad(struct strbuf *out, const char *text, int columns);
// `text` in that many columns of a terminal, at their right or at their left: what "%9s" and "%-9s"
// do for English.
void text_pad_left(struct strbuf *out, const char *text, int columns);
void text_pad_right(struct strbuf *out, const char *text, int columns);
// Begins a line of a section: "  label       ".
void text_label(struct strbuf *out, const char *label);
// "/root/go/pkg/mod/a@v1/b.go" -> "a@v1/b.go"; the standard library's path likewise. The user's own
// files keep theirs.
const char *text_short_path(const char *file);
void text_bold(struct strbuf *out, struct report_style style, const char *text);
// Adds `text`; a word that would pass column 80 goes to a new line, that many blanks in. A word
// that is too long for any line stays whole.
void text_add_wrapped(struct strbuf *out, size_t indent, const char *text);
// What a ledger notes beside a row, in the reader's language; not escaped.
void text_add_note(struct strbuf *out, const char *note);
// One line, where there is a container.
void text_write_container(const struct container *container, struct strbuf *out);
void text_write_headroom(const struct snapshot_cgroup *cgroup, struct strbuf *out);
// Which files the page cache and the shared memory are, where that says something; `rows` of each
// (TEXT_ALL_FILES: all that there are).
enum { TEXT_ALL_FILES = 1 << 20 };
void text_write_files(const struct snapshot_files *files, int rows, struct report_style style,
		      struct strbuf *out);
void text_write_kill(const struct report *report, struct report_style style, struct strbuf *out);
void text_write_quality(const struct report *report, struct report_style style, struct strbuf *out);
void text_write_goroutine_rows(const struct goroutine_set *set, struct goroutine_options options,
			       struct strbuf *out);
