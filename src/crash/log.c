// SPDX-License-Identifier: Apache-2.0
// In: a descriptor. Out: the crashes in it. Most of a log is passed over without a look at its
// lines; the rest is unwrapped line by line.
#include <stdlib.h>

#include "base/alloc.h"
#include "crash/anchors.h"
#include "crash/crash.h"
#include "crash/exe_lines.h"
#include "crash/input.h"
#include "crash/model_priv.h"
#include "crash/unwrap.h"

#define BUFFER_BYTES     ((size_t)128 << 10)
#define BUFFER_BYTES_MAX ((size_t)2 << 20) // a longer line is taken in pieces

struct scan {
	struct unwrap unwrap;
	struct crash_log *log;
	char *buffer;
	size_t capacity;
	size_t start, end; // what was not looked at yet
	bool at_end;
};

typedef signed char bytes __attribute__((vector_size(16)));

static uint64_t count_line_ends(struct span text)
{
	uint64_t count = 0;
	size_t i = 0;
	while (i + 16 <= text.length) {
		bytes sum = {0}, piece;
		for (int n = 0; n < 127 && i + 16 <= text.length; n++, i += 16) {
			memcpy(&piece, text.at + i, sizeof piece);
			sum -= (bytes)(piece == '\n');
		}
		for (int n = 0; n < 16; n++)
			count += (unsigned char)sum[n];
	}
	for (; i < text.length; i++)
		count += text.at[i] == '\n';
	return count;
}

static struct span rest_of(const struct scan *scan)
{
	return (struct span){scan->buffer + scan->start, scan->end - scan->start};
}

// Passes over `length` bytes of whole lines.
static void pass(struct scan *scan, size_t length)
{
	scan->log->lines += count_line_ends(span_first(rest_of(scan), length));
	scan->start += length;
}

// Where the line begins that comes before the one at `at`.
static size_t line_before(struct span text, size_t at)
{
	for (int lines = 0; lines < 2; lines++) {
		size_t end = span_find_last(span_first(text, at), '\n');
		if (end == SPAN_NONE)
			return 0;
		at = end;
	}
	return at + 1;
}

// Up to where something of a crash may begin; all of it where nothing does. The last line may not
// be whole yet.
static void skip_ordinary(struct scan *scan)
{
	struct span text = rest_of(scan);
	size_t anchor = crash_find_anchor(text);
	if (anchor != SPAN_NONE) {
		pass(scan, line_before(text, anchor));
		return;
	}
	size_t last = span_find_last(text, '\n');
	if (last != SPAN_NONE)
		pass(scan, line_before(text, last));
}

static void take_line(struct scan *scan, size_t length, size_t with_end)
{
	struct span line = span_first(rest_of(scan), length);
	scan->log->lines++;
	unwrap_take(&scan->unwrap, line, scan->log->lines);
	scan->start += with_end;
}

// Lines until no crash goes on any more, but a few at least; false where the next one is not whole.
static bool take_lines(struct scan *scan)
{
	for (int taken = 0; taken < 4 || streams_are_active(&scan->unwrap.streams); taken++) {
		struct span text = rest_of(scan);
		size_t length = span_find_char(text, '\n');
		if (length != SPAN_NONE)
			take_line(scan, length, length + 1);
		else if (text.length && (scan->at_end || text.length == BUFFER_BYTES_MAX))
			take_line(scan, text.length, text.length);
		else
			return false;
	}
	return true;
}

// For a line that is longer than all of it.
static bool grow(struct scan *scan, struct error *error)
{
	char *grown = realloc(scan->buffer, scan->capacity * 2);
	if (!grown)
		return error_set(error, ERROR_LIMIT, "no memory for a line of %zu bytes",
				 scan->capacity);
	scan->buffer = grown;
	scan->capacity *= 2;
	return true;
}

static bool fill(struct scan *scan, struct crash_input *input, struct error *error)
{
	size_t left = scan->end - scan->start, got;
	memmove(scan->buffer, scan->buffer + scan->start, left);
	scan->start = 0;
	scan->end = left;
	if (left == scan->capacity && !grow(scan, error))
		return false;
	if (!crash_input_read(input, scan->buffer + left, scan->capacity - left, &got, error))
		return false;
	scan->end += got;
	scan->log->bytes += got;
	scan->at_end = got == 0;
	return true;
}

static bool scan_all(struct scan *scan, struct crash_input *input, struct error *error)
{
	while (!scan->at_end) {
		if (!fill(scan, input, error))
			return false;
		bool whole = true;
		while (whole && scan->start < scan->end) {
			if (!streams_are_active(&scan->unwrap.streams))
				skip_ordinary(scan);
			size_t before = scan->start;
			whole = take_lines(scan) && scan->start > before;
		}
	}
	return true;
}

static bool has_crash(const struct crash_log *log, const char *path, struct error *error)
{
	if (log->crashes.count)
		return true;
	error_set(error, ERROR_NOT_FOUND, "%s: no crash of a Go program in %llu lines (%llu bytes)",
		  path, (unsigned long long)log->lines, (unsigned long long)log->bytes);
	return error_hint(error,
			  "looked for \"fatal error:\", \"panic:\", \"goroutine N [state]:\", "
			  "signals, race reports, goroutine profiles and the kernel's "
			  "\"Out of memory: Killed process\"");
}

bool crash_log_read(int fd, const char *path, const struct crash_options *options,
		    struct crash_log *log, struct error *error)
{
	struct crash_log made = {.arena = {.limit_bytes = 2 * CRASH_ARENA_BYTES},
				 .labels_apart = options->labels_apart};
	struct crash_input *input = NULL;
	if (!crash_input_open(fd, path, &input, error))
		return false;
	struct scan scan = {
		.log = &made, .buffer = alloc_array(BUFFER_BYTES, 1), .capacity = BUFFER_BYTES};
	unwrap_init(&scan.unwrap, &made, options);
	bool ok = scan_all(&scan, input, error);
	unwrap_deinit(&scan.unwrap);
	made.input_cut = crash_input_is_cut(input);
	crash_input_free(input);
	free(scan.buffer);
	ok = ok && has_crash(&made, path, error);
	VEC_FOREACH (crash, &made.crashes)
		crash_sort_groups(crash);
	if (ok && options->exe_path)
		ok = exe_lines_add(&made, options->exe_fd, options->exe_path, error);
	VEC_FOREACH (crash, &made.crashes)
		crash_analyse(&made, crash);
	if (!ok) {
		crash_log_deinit(&made);
		return false;
	}
	*log = made;
	return true;
}
