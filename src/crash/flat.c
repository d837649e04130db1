// SPDX-License-Identifier: Apache-2.0
// In: a crash in one line. Out: its lines.
#include "crash/flat.h"

#include "crash/line.h"

enum { FILES_MIN = 2, OWN_END_MAX = 1024 };

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

// What begins a line of its own, wherever it stands.
static const struct span marks[] = {
	{"goroutine ", 10},     {"fatal error: ", 13},  {"panic: ", 7},
	{"runtime: ", 9},       {"runtime stack:", 14}, {"[signal ", 8},
	{"SIGQUIT: ", 9},       {"SIGABRT: ", 9},       {"SIGSEGV: ", 9},
	{"PC=0x", 5},           {"created by ", 11},    {"unexpected fault ", 17},
	{"...additional ", 14}, {"exit status ", 12},   {"http: panic serving ", 20},
};

static bool is_mark(struct span text)
{
	for (size_t i = 0; i < sizeof marks / sizeof *marks; i++) {
		if (!span_starts(text, marks[i]))
			continue;
		// "created by F in goroutine 1" is one line.
		return text.at[0] != 'g' || (text.length > 10 && is_digit(text.at[10]));
	}
	return false;
}

// The next mark behind a blank, or the end. A run of blanks counts where lines were parted by them.
static size_t next_mark(struct span text)
{
	static const struct span in = {"in ", 3};
	for (size_t i = 1; i < text.length; i++) {
		if (text.at[i - 1] != ' ' || text.at[i] == ' ')
			continue;
		bool of_message = i > 1 && text.at[i - 2] == ':'; // "fatal error: runtime: "
		bool of_creator = i > 3 && span_equals((struct span){text.at + i - 3, 3}, in);
		if ((i > 1 && text.at[i - 2] == ' ') ||
		    (is_mark(span_from(text, i)) && !of_creator && !of_message))
			return i;
	}
	return text.length;
}

// Where a line ends that has an end of its own: "goroutine 1 [running]:"; 0: it has none.
static size_t own_end(struct span text)
{
	struct span close = SPAN("]");
	if (span_starts(text, SPAN("runtime stack:")))
		return SPAN("runtime stack:").length;
	if (span_starts(text, SPAN("...additional ")))
		close = SPAN("elided...");
	else if (span_starts(text, SPAN("goroutine ")))
		close = SPAN("]:");
	else if (!span_starts(text, SPAN("[signal ")))
		return 0;
	size_t end = span_find(span_first(text, OWN_END_MAX), close);
	return end == SPAN_NONE ? 0 : end + close.length;
}

// What stands before a path: lines, the last of which is the function.
static void add_front(struct span front, struct strbuf *out)
{
	for (;;) {
		front = span_trim(front);
		size_t end = own_end(front);
		if (!end)
			end = next_mark(front);
		if (!front.length)
			return;
		bool header = span_starts(front, SPAN("goroutine "));
		add_line(span_first(front, end), header ? "\n" : "", out);
		front = span_from(front, end);
	}
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
