// SPDX-License-Identifier: Apache-2.0
// In: lines of several processes, with their prefixes. Out: each process's lines, to its
// recogniser.
#include "crash/streams.h"

#include "base/i18n.h"
#include "crash/anchors.h"

enum {
	QUIET_LINES = 1000,  // so many lines without any of the crash: it is over
	ATTACHED_LINES = 12, // a message and its goroutines are that close
	HELD_LINES = 50,     // so, too, where other lines stand between
	PREVIOUS_MAX = 4096,
	WIDTH_MIN = 60, // of a terminal
	WIDTH_MAX = 400,
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
	for (size_t i = 0; i < STREAMS_HELD_MAX; i++)
		strbuf_deinit(&streams->held[i].text);
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
	if (!recogniser_take(stream->recogniser, parsed, line, streams->line,
			     name_wrapping(stream, wrapping)))
		return;
	stream->last_line = streams->line;
	stream->last_kind = parsed->kind;
}

static void feed(struct streams *streams, struct stream *stream, struct span line,
		 const char *wrapping)
{
	struct crash_line parsed = crash_line_parse(line);
	feed_parsed(streams, stream, &parsed, line, wrapping);
}

// ---- lines that wait for their stream ----

static void hold(struct streams *streams, uint64_t key, struct span line)
{
	bool begins =
		crash_find_anchor(line) != SPAN_NONE && crash_line_find_anchor(line) != SPAN_NONE;
	if (streams->held_count == STREAMS_HELD_MAX)
		streams->held_count = 0;
	if (line.length > PREVIOUS_MAX || (!streams->held_count && !begins))
		return;
	struct held_line *held = &streams->held[streams->held_count++];
	held->key = key;
	held->line = streams->line;
	strbuf_clear(&held->text);
	strbuf_add_bytes(&held->text, line.at, line.length);
}

// A header has shown what stands before each line of `stream`: so the message before it is there.
static void release(struct streams *streams, struct stream *stream, const char *wrapping)
{
	uint64_t now = streams->line;
	for (size_t i = 0; i < streams->held_count; i++) {
		const struct held_line *held = &streams->held[i];
		struct span line = {held->text.text, held->text.length};
		size_t length = line.length ? prefix_match(&stream->prefix, line) : SPAN_NONE;
		if (held->key != stream->key || length == SPAN_NONE ||
		    now - held->line > HELD_LINES)
			continue;
		streams->line = held->line;
		feed(streams, stream, span_from(line, length), wrapping);
	}
	streams->held_count = 0;
	streams->line = now;
}

// ---- which stream ----

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
					    struct span prefix, const char *wrapping)
{
	struct stream *waiting = find_waiting(streams, key);
	if (waiting && prefix_learn(prefix, &waiting->prefix))
		return waiting;
	struct stream *made = add_stream(streams, key, prefix);
	if (made)
		release(streams, made, wrapping);
	return made;
}

// What a table has behind each text: ",shop-7f9c4d" in "goroutine 1 [running]:,shop-7f9c4d".
static void learn_suffix(struct stream *stream, struct span header)
{
	struct span behind = header;
	if (!span_skip(&behind, SPAN("runtime stack:"))) {
		size_t end = span_find(header, SPAN("]:"));
		behind = span_from(header, end == SPAN_NONE ? header.length : end + 2);
	}
	if (!span_trim(behind).length || !prefix_learn(behind, &stream->suffix))
		stream->suffix.length = 0;
}

// Before a header has shown it: a text with a comma of its own would be in quotes in CSV.
static struct span without_columns(struct span line)
{
	for (size_t i = line.length; i-- > 0 && !strchr(" ()", line.at[i]);)
		if (line.at[i] == ',')
			line.length = i;
	return line;
}

static struct span without_suffix(const struct stream *stream, struct span line)
{
	const struct prefix *suffix = &stream->suffix, *prefix = &stream->prefix;
	size_t first = line.length > 2 * PREFIX_MAX ? line.length - 2 * PREFIX_MAX : 0;
	if (!suffix->length && prefix->length && prefix->text[prefix->length - 1] == ',')
		return without_columns(line);
	for (size_t i = line.length; suffix->length && i-- > first;)
		if (line.at[i] == suffix->text[0] &&
		    prefix_match(suffix, span_from(line, i)) == line.length - i)
			return span_first(line, i);
	return line;
}

// ---- the log's shape ----

// Ends with "main.f(0x1)" or "created by main.f", whatever comes before or behind in its row.
static bool is_call(struct span line)
{
	size_t close = span_find_last(line, ')');
	if (span_has(line, SPAN("created by ")))
		return true;
	return close != SPAN_NONE && span_find_char(line, '.') < close &&
	       !span_has(span_from(line, close), SPAN(" ")) && !span_has(line, SPAN(".go:"));
}

static void note_order(struct streams *streams, const struct stream *stream)
{
	struct span previous = {streams->previous.text, streams->previous.length};
	enum crash_line_kind before = stream ? stream->last_kind : LINE_OTHER;
	if (before == LINE_FUNCTION || before == LINE_NAME || before == LINE_CREATED ||
	    is_call(previous))
		streams->shape.inverted++;
	else
		streams->shape.upright++;
}

// A piece of a line that is one of a crash only together with the line before.
static void note_width(struct streams *streams, struct span line)
{
	struct strbuf *previous = &streams->previous;
	size_t width = previous->length;
	if (width < WIDTH_MIN || width > WIDTH_MAX || line.length > width || !line.length)
		return;
	strbuf_add_bytes(previous, line.at, line.length); // which is replaced next
	struct span joined = {previous->text, previous->length};
	enum crash_line_kind kind = crash_line_parse(joined).kind;
	if (kind == LINE_FUNCTION || kind == LINE_FILE || kind == LINE_CREATED)
		streams->shape.width = width;
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
		struct span rest = span_from(line, length);
		if (span_starts(rest, SPAN("goroutine ")))
			note_order(streams, stream);
		if (span_starts(rest, SPAN("goroutine ")) ||
		    span_starts(rest, SPAN("runtime stack:")))
			learn_suffix(stream, rest);
		feed(streams, stream, without_suffix(stream, rest), wrapping);
		return true;
	}
	return false;
}

// What no text has by chance, or what is no crash without goroutines: anything may stand before it.
static bool begins_goroutines(struct span text)
{
	return span_starts(text, SPAN("goroutine ")) || span_starts(text, SPAN("SIG")) ||
	       span_starts(text, SPAN("runtime stack:")) || span_starts(text, SPAN("Exception 0x"));
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
	bool begins_stacks = begins_goroutines(rest);
	if (!span_trim(prefix).length || (!begins_stacks && !prefix_is_plausible(prefix)))
		return false;
	bool is_header = span_starts(rest, SPAN("goroutine "));
	struct stream *stream = is_header ? stream_for_goroutines(streams, key, prefix, wrapping)
					  : add_stream(streams, key, prefix);
	if (!stream)
		return false;
	if (begins_stacks)
		learn_suffix(stream, rest);
	if (is_header)
		note_order(streams, stream);
	else if (begins_stacks)
		release(streams, stream, wrapping);
	feed(streams, stream, without_suffix(stream, rest), wrapping);
	return true;
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

// The stream that a line without a prefix goes on with, where its first lines had one.
static struct stream *find_begun(struct streams *streams, uint64_t key,
				 const struct crash_line *line)
{
	struct stream *waiting = find_waiting(streams, key);
	enum crash_line_kind kind = line->kind;
	if (!waiting || kind == LINE_HEADER)
		return waiting;
	if (find_bare(streams, key))
		return NULL;
	if (kind == LINE_NOTE || kind == LINE_SIGNAL_NOTE || kind == LINE_RUNTIME_STACK)
		return waiting;
	return recogniser_continues(waiting->recogniser, line) ? waiting : NULL;
}

static void feed_bare(struct streams *streams, uint64_t key, const struct crash_line *parsed,
		      struct span line, const char *wrapping)
{
	struct stream *begun = find_begun(streams, key, parsed);
	if (begun)
		begun->prefix.length = 0;
	struct stream *bare = begun ? begun : find_bare(streams, key);
	if (parsed->kind == LINE_HEADER)
		note_order(streams, bare);
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
		else
			hold(streams, key, line);
		note_width(streams, line);
	}
	keep_previous(streams, line);
}
