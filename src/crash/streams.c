// SPDX-License-Identifier: Apache-2.0
// In: lines of several processes, with their prefixes. Out: each process's lines, to its
// recogniser.
#include "crash/streams.h"

#include "base/i18n.h"
#include "crash/anchors.h"

enum {
	QUIET_LINES = 1000,  // so many lines without any of the crash: it is over
	ATTACHED_LINES = 12, // a message and its goroutines are that close
	PREVIOUS_MAX = 4096,
};

void streams_init(struct streams *streams, struct crash_log *log,
		  const struct crash_options *options)
{
	*streams = (struct streams){.log = log, .options = options};
}

static void drop(struct streams *streams, size_t index)
{
	recogniser_free(streams->list[index].recogniser);
	streams->count--;
	memmove(&streams->list[index], &streams->list[index + 1],
		(streams->count - index) * sizeof streams->list[0]);
}

void streams_deinit(struct streams *streams)
{
	while (streams->count)
		drop(streams, 0);
	recogniser_free(streams->kernel);
	streams->kernel = NULL;
	strbuf_deinit(&streams->previous);
}

bool streams_are_active(struct streams *streams)
{
	for (size_t i = streams->count; i-- > 0;)
		if (streams->line - streams->list[i].last_line > QUIET_LINES)
			drop(streams, i);
	bool kernel = streams->kernel && recogniser_in_kernel(streams->kernel) &&
		      streams->line - streams->kernel_line <= QUIET_LINES;
	return streams->count || kernel;
}

// ---- streams ----

static struct stream *add_stream(struct streams *streams, uint64_t key, struct span prefix)
{
	if (streams->count == STREAMS_MAX)
		drop(streams, 0); // the oldest
	struct stream *stream = &streams->list[streams->count];
	*stream = (struct stream){.key = key, .last_line = streams->line};
	if (!prefix_learn(prefix, &stream->prefix))
		return NULL;
	stream->recogniser = recogniser_new(streams->log, streams->options);
	streams->count++;
	return stream;
}

static struct stream *find_bare(struct streams *streams, uint64_t key)
{
	for (size_t i = streams->count; i-- > 0;)
		if (streams->list[i].key == key && !streams->list[i].prefix.length)
			return &streams->list[i];
	return NULL;
}

static const char *name_wrapping(const struct stream *stream, const char *wrapping)
{
	return wrapping[0] || !stream->prefix.length ? wrapping : N_("a prefix before each line");
}

static void feed_parsed(struct streams *streams, struct stream *stream,
			const struct crash_line *parsed, struct span line, const char *wrapping)
{
	if (recogniser_take(stream->recogniser, parsed, line, streams->line,
			    name_wrapping(stream, wrapping)))
		stream->last_line = streams->line;
}

static void feed(struct streams *streams, struct stream *stream, struct span line,
		 const char *wrapping)
{
	struct crash_line parsed = crash_line_parse(line);
	feed_parsed(streams, stream, &parsed, line, wrapping);
}

// A message came a moment ago with another prefix, as loggers do with the first line of a text.
static struct stream *find_waiting(struct streams *streams, uint64_t key)
{
	for (size_t i = streams->count; i-- > 0;) {
		struct stream *stream = &streams->list[i];
		if (stream->key == key && streams->line - stream->last_line <= ATTACHED_LINES &&
		    recogniser_wants_goroutines(stream->recogniser))
			return stream;
	}
	return NULL;
}

// The stream that the goroutines behind `prefix` belong to: of a message that waits for them, else
// a new one.
static struct stream *stream_for_goroutines(struct streams *streams, uint64_t key,
					    struct span prefix)
{
	struct stream *waiting = find_waiting(streams, key);
	if (waiting && prefix_learn(prefix, &waiting->prefix))
		return waiting;
	return add_stream(streams, key, prefix);
}

// ---- lines ----

static bool feed_matching(struct streams *streams, uint64_t key, struct span line,
			  const char *wrapping)
{
	for (size_t i = streams->count; i-- > 0;) {
		struct stream *stream = &streams->list[i];
		if (stream->key != key || !stream->prefix.length)
			continue;
		size_t length = prefix_match(&stream->prefix, line);
		if (length == SPAN_NONE)
			continue;
		feed(streams, stream, span_from(line, length), wrapping);
		return true;
	}
	return false;
}

// A line with something of a crash behind a prefix that nobody has had yet.
static bool feed_anchored(struct streams *streams, uint64_t key, struct span line,
			  const char *wrapping)
{
	if (crash_find_anchor(line) == SPAN_NONE)
		return false;
	size_t anchor = crash_line_find_anchor(line);
	if (anchor == SPAN_NONE)
		return false;
	struct span prefix = span_first(line, anchor), rest = span_from(line, anchor);
	bool is_header = span_starts(rest, SPAN("goroutine "));
	if (!span_trim(prefix).length || (!is_header && !prefix_is_plausible(prefix)))
		return false;
	struct stream *stream = is_header ? stream_for_goroutines(streams, key, prefix)
					  : add_stream(streams, key, prefix);
	if (stream)
		feed(streams, stream, rest, wrapping);
	return stream != NULL;
}

static bool can_begin(const struct crash_line *line)
{
	switch (line->kind) {
	case LINE_HEADER:
	case LINE_RUNTIME_STACK:
	case LINE_FATAL:
	case LINE_PANIC:
	case LINE_SERVING:
	case LINE_SIGNAL:
	case LINE_SIGNAL_NOTE:
	case LINE_NOTE:
	case LINE_RACE:
	case LINE_PROFILE:
	case LINE_CREATED:
		return true;
	case LINE_FILE:
		return line->offset != 0;
	default:
		return false;
	}
}

// Where a stack begins in the middle, its first function was the line before.
static void feed_previous(struct streams *streams, struct stream *stream, const char *wrapping)
{
	struct span line = {streams->previous.text, streams->previous.length};
	if (line.length && crash_line_parse(line).kind == LINE_FUNCTION)
		feed(streams, stream, line, wrapping);
}

static void feed_bare(struct streams *streams, uint64_t key, const struct crash_line *parsed,
		      struct span line, const char *wrapping)
{
	struct stream *bare = find_bare(streams, key);
	if (parsed->kind == LINE_HEADER) {
		struct stream *waiting = find_waiting(streams, key);
		if (waiting)
			waiting->prefix.length = 0;
		bare = waiting ? waiting : bare;
	}
	if (!bare && can_begin(parsed)) {
		bare = add_stream(streams, key, SPAN(""));
		if (parsed->kind == LINE_FILE)
			feed_previous(streams, bare, wrapping);
	}
	if (bare)
		feed_parsed(streams, bare, parsed, line, wrapping);
}

// ---- the kernel ----

// "Nov 21 17:03:28 host kernel: [12345.678901] TEXT", "[Sat Nov 21 17:03:28 2026] TEXT"
static struct span kernel_text(struct span line)
{
	size_t mark = span_find(line, SPAN("kernel: "));
	if (mark != SPAN_NONE)
		line = span_from(line, mark + SPAN("kernel: ").length);
	line = span_trim(line);
	while (line.length && (line.at[0] == '[' || line.at[0] == '<')) {
		size_t close = span_find_char(line, line.at[0] == '[' ? ']' : '>');
		if (close == SPAN_NONE || close > 40)
			break;
		line = span_trim(span_from(line, close + 1));
	}
	return line;
}

static bool is_kernel(struct span line)
{
	return span_has(line, SPAN("oom-kill")) || span_has(line, SPAN("ut of memory: Killed")) ||
	       span_has(line, SPAN("invoked oom-killer"));
}

static bool feed_kernel(struct streams *streams, struct span line, const char *wrapping)
{
	bool open = streams->kernel && recogniser_in_kernel(streams->kernel);
	if (!open && !is_kernel(line))
		return false;
	if (!streams->kernel)
		streams->kernel = recogniser_new(streams->log, streams->options);
	if (!recogniser_take_kernel(streams->kernel, kernel_text(line), streams->line, wrapping))
		return false;
	streams->kernel_line = streams->line;
	return true;
}

static void keep_previous(struct streams *streams, struct span line)
{
	strbuf_clear(&streams->previous);
	if (line.length < PREVIOUS_MAX && line.length)
		strbuf_add_bytes(&streams->previous, line.at, line.length);
}

void streams_take(struct streams *streams, uint64_t key, struct span line, const char *wrapping)
{
	if (feed_matching(streams, key, line, wrapping))
		return;
	struct crash_line parsed = crash_line_parse(line);
	if (parsed.kind != LINE_OTHER && parsed.kind != LINE_NAME) {
		feed_bare(streams, key, &parsed, line, wrapping);
	} else if (!feed_kernel(streams, line, wrapping) &&
		   !feed_anchored(streams, key, line, wrapping)) {
		struct stream *bare = find_bare(streams, key);
		if (bare)
			feed_parsed(streams, bare, &parsed, line, wrapping);
	}
	keep_previous(streams, line);
}
