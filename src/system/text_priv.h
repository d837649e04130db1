// SPDX-License-Identifier: Apache-2.0
/*
 * A cursor over text the kernel wrote, bounds-checked. It borrows its bytes.
 *
 * Only whole lines count: the kernel ends every line, so a line without its newline was cut, and
 * half a number would be a wrong number. A function that fails leaves the cursor where it was.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct text {
	const char *at, *end;
};

struct text text_over(const char *text);
struct text text_over_bytes(const char *text, size_t size);
bool text_empty(const struct text *text);
size_t text_left(const struct text *text);

// The next whole line, without its newline; false at the end or before a cut line.
bool text_line(struct text *all, struct text *line);
// Everything up to `separator`, which is passed over; false when it does not follow.
bool text_until(struct text *text, char separator, struct text *part);
// Everything up to the next blank or the end; blanks before it are passed over.
struct text text_word(struct text *text);
void text_skip_blanks(struct text *text);
bool text_skip(struct text *text, const char *literal);
bool text_equals(const struct text *text, const char *literal);
bool text_u64(struct text *text, uint64_t *value); // decimal
bool text_i64(struct text *text, int64_t *value);  // decimal, with an optional minus
bool text_hex(struct text *text, uint64_t *value);
// The first and the last place of `literal`; NULL when it is not there.
const char *text_find(const struct text *text, const char *literal);
const char *text_find_last(const struct text *text, const char *literal);
// Copies what is left, cut to the room there is, and terminates it.
void text_copy(const struct text *text, char *buffer, size_t capacity);

// "KEY VALUE" and "KEY: VALUE kB" lines as data: each row names a struct known_u64 in the output.
struct text_row {
	const char *key;
	size_t offset; // of the struct known_u64
};

// Fills the row that the line names; other lines are passed over. A key twice, or one whose value
// is no number, is ERROR_BAD_DATA. `what` names the file.
bool text_assign(struct text line, const struct text_row *rows, size_t count, void *output,
		 const char *what, struct error *error) must_check;
// All lines of `all`; a cut last line is ERROR_BAD_DATA.
bool text_assign_all(struct text all, const struct text_row *rows, size_t count, void *output,
		     const char *what, struct error *error) must_check;
// False and a message when something is left: the last line was cut.
bool text_check_end(const struct text *all, const char *what, struct error *error) must_check;
