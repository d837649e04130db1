// SPDX-License-Identifier: Apache-2.0
// In: a crash in one line. Out: its lines.
#include "crash/flat.h"

#include "crash/line.h"

enum { FILES_MIN = 2 };

// Behind ".go:12" or ".s:370": where the line number ends; SPAN_NONE where there is none.
static size_t file_end(struct span text, size_t colon)
{
	static const char *const endings[] = {".go", ".s", ".c", ".cc", ".h"};
	bool is_file = false;
	for (size_t i = 0; i < sizeof endings / sizeof *endings; i++)
		is_file = is_file || span_ends(span_first(text, colon), span_of(endings[i]));
	size_t end = colon + 1;
	while (end < text.length && is_digit(text.at[end]))
		end++;
	if (!is_file || end == colon + 1 || (end < text.length && text.at[end] != ' '))
		return SPAN_NONE;
	return end;
}

// The end of the first file in `text`, with its offset and registers; SPAN_NONE: there is none.
static size_t find_file(struct span text)
{
	size_t end = SPAN_NONE;
	for (size_t i = 0; i < text.length && end == SPAN_NONE; i++)
		if (text.at[i] == ':')
			end = file_end(text, i);
	if (end == SPAN_NONE)
		return end;
	for (;;) {
		struct span rest = span_from(text, end);
		size_t blanks = 0;
		while (blanks < rest.length && rest.at[blanks] == ' ')
			blanks++;
		rest = span_from(rest, blanks);
		if (!span_starts(rest, SPAN("+0x")) && !span_starts(rest, SPAN("fp=0x")) &&
		    !span_starts(rest, SPAN("sp=0x")) && !span_starts(rest, SPAN("pc=0x")))
			return end;
		size_t word = span_find_char(rest, ' ');
		end += blanks + (word == SPAN_NONE ? rest.length : word);
	}
}

bool flat_is(struct span line)
{
	size_t found = 0;
	while (found < FILES_MIN) {
		size_t end = find_file(line);
		if (end == SPAN_NONE)
			return false;
		line = span_from(line, end);
		found++;
	}
	return true;
}

static void add_line(struct span line, const char *before, struct strbuf *out)
{
	line = span_trim(line);
	if (!line.length)
		return;
	strbuf_add(out, before);
	strbuf_add_bytes(out, line.at, line.length);
	strbuf_add(out, "\n");
}

// The path's first byte in "main.f(0x1) /a/b.go:12 +0x1", or 0: behind the last ") " or, after
// "created by F", the last run of blanks before the path.
static size_t path_start(struct span piece)
{
	size_t colon = 0;
	for (size_t i = 0; i < piece.length; i++)
		if (piece.at[i] == ':' && file_end(piece, i) != SPAN_NONE) {
			colon = i;
			break;
		}
	struct span front = span_first(piece, colon);
	for (size_t i = front.length; i-- > 1;)
		if (front.at[i] == ' ' && (front.at[i - 1] == ')' || front.at[i - 1] == ' '))
			return i + 1;
	for (size_t i = 0; i + 1 < front.length; i++)
		if (front.at[i] == ' ' && front.at[i + 1] == '/')
			return i + 1;
	size_t blank = span_find_last(front, ' ');
	return blank == SPAN_NONE ? 0 : blank + 1;
}

// The length of a line that stands before a function: a header, a message.
static size_t lead_length(struct span text)
{
	struct span rest = text;
	if (span_starts(text, SPAN("goroutine "))) {
		size_t end = span_find(text, SPAN("]:"));
		return end == SPAN_NONE ? 0 : end + 2;
	}
	if (span_starts(text, SPAN("runtime stack:")))
		return SPAN("runtime stack:").length;
	if (span_starts(text, SPAN("[signal "))) {
		size_t end = span_find_char(text, ']');
		return end == SPAN_NONE ? 0 : end + 1;
	}
	// A message ends at a run of blanks, or where the next line plainly begins.
	size_t run = span_find(rest, SPAN("  "));
	static const char *const next[] = {" goroutine ", " runtime stack:", " [signal "};
	for (size_t i = 0; i < sizeof next / sizeof *next; i++) {
		size_t at = span_find(text, span_of(next[i]));
		run = at < run ? at : run;
	}
	return run == SPAN_NONE ? 0 : run;
}

// What stands before a path: lines, the last of which is the function.
static void add_front(struct span front, struct strbuf *out)
{
	for (;;) {
		front = span_trim(front);
		size_t lead = lead_length(front);
		if (!lead || lead >= front.length)
			break;
		bool header = span_starts(front, SPAN("goroutine "));
		add_line(span_first(front, lead), header ? "\n" : "", out);
		front = span_from(front, lead);
	}
	add_line(front, "", out);
}

void flat_restore(struct span line, struct strbuf *out)
{
	for (;;) {
		size_t end = find_file(line);
		if (end == SPAN_NONE)
			break;
		struct span piece = span_first(line, end);
		size_t path = path_start(piece);
		add_front(span_first(piece, path), out);
		add_line(span_from(piece, path), "\t", out);
		line = span_from(line, end);
	}
	add_front(line, out);
}
