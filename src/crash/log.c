// SPDX-License-Identifier: Apache-2.0
// In: a descriptor. Out: the crashes in it. Most of a log is passed over without a look at its
// lines; the rest is unwrapped line by line.
#include <stdlib.h>
#include <unistd.h>

#include "base/alloc.h"
#include "crash/anchors.h"
#include "crash/crash.h"
#include "crash/exe_lines.h"
#include "crash/input.h"
#include "crash/model_priv.h"
#include "crash/second_look.h"
#include "crash/unwrap.h"

#define BUFFER_BYTES     ((size_t)128 << 10)
#define BUFFER_BYTES_MAX ((size_t)2 << 20) // a longer line is taken in pieces

#define KEPT_BYTES_MAX ((size_t)512 << 10) // of a pipe: what a person pastes

struct scan {
	struct unwrap unwrap;
	struct crash_log *log;
	char *buffer;
	size_t capacity;
	size_t start, end; // what was not looked at yet
	bool at_end;
	struct strbuf *kept; // the log's first bytes; NULL: nobody wants them
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
	if (scan->kept && scan->kept->length < KEPT_BYTES_MAX)
		strbuf_add_bytes(scan->kept, scan->buffer + left, got);
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

// ---- reading ----

struct source {
	int fd;
	const char *path;
	bool can_repeat; // a file; what comes through a pipe is gone, but for what was kept
	struct strbuf kept;
};

static bool scan_source(struct source *source, const struct crash_options *options,
			struct log_shape *shape, struct crash_log *log, struct error *error)
{
	struct crash_input *input = NULL;
	if (!crash_input_open(source->fd, source->path, &input, error))
		return false;
	struct scan scan = {.log = log,
			    .kept = source->can_repeat ? NULL : &source->kept,
			    .buffer = alloc_array(BUFFER_BYTES, 1),
			    .capacity = BUFFER_BYTES};
	unwrap_init(&scan.unwrap, log, options);
	bool ok = scan_all(&scan, input, error);
	*shape = scan.unwrap.streams.shape;
	unwrap_deinit(&scan.unwrap);
	log->input_cut = crash_input_is_cut(input);
	crash_input_free(input);
	free(scan.buffer);
	return ok;
}

// All of the log, where it is small enough.
static bool read_whole(struct source *source, uint64_t size, struct strbuf *out,
		       struct error *error)
{
	struct crash_input *input = NULL;
	char *buffer;
	size_t got = 1;
	if (size > SECOND_LOOK_BYTES_MAX || lseek(source->fd, 0, SEEK_SET) != 0 ||
	    !crash_input_open(source->fd, source->path, &input, error))
		return false;
	buffer = alloc_array(BUFFER_BYTES, 1);
	bool ok = true;
	while (ok && got && out->length <= SECOND_LOOK_BYTES_MAX) {
		ok = crash_input_read(input, buffer, BUFFER_BYTES, &got, error);
		strbuf_add_bytes(out, buffer, ok ? got : 0);
	}
	free(buffer);
	crash_input_free(input);
	return ok && out->length <= SECOND_LOOK_BYTES_MAX;
}

static void look_again(struct source *source, const struct log_shape *shape,
		       const struct crash_options *options, struct crash_log *log)
{
	struct error ignored = {0};
	struct strbuf text = {0};
	bool whole = source->can_repeat ? read_whole(source, log->bytes, &text, &ignored)
					: source->kept.length == log->bytes;
	const struct strbuf *from = source->can_repeat ? &text : &source->kept;
	if (whole && from->length)
		second_look_take((struct span){from->text, from->length}, shape, options, log);
	strbuf_deinit(&text);
}

// The lines of a log that is read twice are handed out once it is known how they go.
static bool read_source(struct source *source, const struct crash_options *options,
			struct crash_log *log, struct error *error)
{
	struct log_shape shape;
	if (!scan_source(source, options, &shape, log, error))
		return false;
	if (!options->raw && second_look_is_due(&shape))
		look_again(source, &shape, options, log);
	return true;
}

bool crash_log_read(int fd, const char *path, const struct crash_options *options,
		    struct crash_log *log, struct error *error)
{
	struct crash_log made = crash_log_new(options);
	struct source source = {.fd = fd, .path = path, .can_repeat = lseek(fd, 0, SEEK_CUR) == 0};
	bool ok = read_source(&source, options, &made, error) && has_crash(&made, path, error);
	strbuf_deinit(&source.kept);
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
