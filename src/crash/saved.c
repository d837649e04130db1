// SPDX-License-Identifier: Apache-2.0
// In: the text of groups. Out: the groups.
#include "crash/saved.h"

#include <inttypes.h>

#include "base/alloc.h"
#include "base/units.h"

enum { FRAMES_MAX = 16 << 10, NUMBER_MAX = 40 };

struct parser {
	struct goroutine_set *set;
	struct span rest;
	uint64_t line;
	VEC(struct goroutine_frame) frames;
	struct goroutine_group group;
	bool open, in_creator, in_start;
};

// "1,234"
static bool take_count(struct span *text, uint64_t *value)
{
	uint64_t number = 0;
	size_t used = 0;
	for (; used < text->length && (is_digit(text->at[used]) || (used && text->at[used] == ','));
	     used++)
		if (text->at[used] != ',' &&
		    (__builtin_mul_overflow(number, (uint64_t)10, &number) ||
		     __builtin_add_overflow(number, (uint64_t)(text->at[used] - '0'), &number)))
			return false;
	*text = span_from(*text, used);
	*value = number;
	return used > 0;
}

bool saved_is(struct span text)
{
	uint64_t count;
	struct span line = span_first(text, span_find_char(text, '\n'));
	return take_count(&line, &count) &&
	       span_starts(line, SPAN(" goroutines of the program and ")) &&
	       span_has(line, SPAN(" of the Go runtime, in "));
}

static const char *keep(struct parser *parser, struct span text)
{
	const char *copy = arena_string(&parser->set->arena, text.at, text.length);
	return copy ? copy : "";
}

// "3h12m", "4.2 ms", "2m05s": pieces of a number and a unit.
static int64_t parse_wait(struct span text)
{
	int64_t sum = 0;
	while (text.length) {
		char piece[NUMBER_MAX];
		size_t digits = 0, length;
		while (digits < text.length &&
		       (is_digit(text.at[digits]) || text.at[digits] == '.'))
			digits++;
		length = digits;
		while (length < text.length && !is_digit(text.at[length]))
			length++;
		size_t used = 0;
		for (size_t i = 0; i < length && used < sizeof piece - 1; i++)
			if (text.at[i] != ' ')
				piece[used++] = text.at[i];
		piece[used] = '\0';
		int64_t ns;
		if (!digits || !parse_duration(piece, &ns) || __builtin_add_overflow(sum, ns, &sum))
			return 0;
		text = span_from(text, length);
	}
	return sum;
}

static uint64_t parse_size(struct span text)
{
	char piece[NUMBER_MAX];
	size_t used = 0;
	int64_t bytes;
	for (size_t i = 0; i < text.length && used < sizeof piece - 1; i++)
		if (text.at[i] != ' ')
			piece[used++] = text.at[i];
	piece[used] = '\0';
	return parse_bytes(piece, &bytes) && bytes >= 0 ? (uint64_t)bytes : 0;
}

static void finish_group(struct parser *parser)
{
	struct goroutine_group *group = &parser->group;
	if (parser->open) {
		group->frames = parser->frames.items;
		group->depth = parser->frames.count;
		if (group->depth && !group->start.function[0])
			group->start = parser->frames.items[group->depth - 1];
		goroutine_set_add(parser->set, group);
	}
	vec_deinit(&group->waits);
	parser->frames.count = 0;
	parser->open = parser->in_creator = parser->in_start = false;
}

static struct span between(struct span text, struct span from, struct span to)
{
	size_t start = span_find(text, from);
	if (start == SPAN_NONE)
		return (struct span){text.at, 0};
	text = span_from(text, start + from.length);
	return span_first(text, span_find(text, to));
}

static void set_state(struct parser *parser, struct span state)
{
	const char *text = keep(parser, state);
	bool waits = goroutine_state_waits(text);
	parser->group.state = waits ? "waiting" : strcmp(text, GOROUTINE_NO_STATE) ? text : "";
	parser->group.wait_reason = waits ? text : NULL;
}

// "3 goroutines [chan receive], the longest for at least 2m05s, stacks 24 KiB, for example 17"
static bool begin_group(struct parser *parser, struct span line)
{
	static const struct goroutine_frame nobody = {"", "", 0};
	uint64_t count, id = 0;
	size_t close = span_find(line, SPAN("]"));
	if (!take_count(&line, &count) || !span_starts(line, SPAN(" goroutine")) || !count ||
	    close == SPAN_NONE)
		return false;
	finish_group(parser);
	parser->open = true;
	parser->group = (struct goroutine_group){
		.count = count,
		.created_by = nobody,
		.start = nobody,
		.system = span_has(line, SPAN("] (of the Go runtime), ")),
		.stack_bytes = parse_size(between(line, SPAN(", stacks "), SPAN(", for "))),
		.waited_ns = parse_wait(between(line, SPAN("at least "), SPAN(", "))),
	};
	set_state(parser, between(line, SPAN("["), SPAN("]")));
	size_t example = span_find(line, SPAN("for example "));
	struct span rest = span_from(line, example == SPAN_NONE ? line.length : example + 12);
	if (span_take_u64(&rest, &id))
		parser->group.example_id = id;
	if (parser->group.waited_ns)
		vec_push(&parser->group.waits, parser->group.waited_ns);
	return true;
}

static void set_place(struct parser *parser, struct goroutine_frame *frame, struct span line)
{
	size_t colon = span_find_last(line, ':');
	struct span number = span_from(line, colon == SPAN_NONE ? line.length : colon + 1);
	uint64_t value = 0;
	(void)!span_take_u64(&number, &value);
	frame->file = keep(parser, span_first(line, colon));
	frame->line = value <= INT32_MAX ? (int64_t)value : 0;
}

static struct goroutine_frame *last_frame(struct parser *parser)
{
	if (parser->in_creator)
		return &parser->group.created_by;
	if (parser->in_start)
		return &parser->group.start;
	return parser->frames.count ? &parser->frames.items[parser->frames.count - 1] : NULL;
}

static void add_function(struct parser *parser, struct span name)
{
	struct goroutine_frame frame = {keep(parser, name), "", 0};
	if (parser->in_creator)
		parser->group.created_by = frame;
	else if (parser->in_start)
		parser->group.start = frame;
	else if (parser->frames.count < FRAMES_MAX)
		vec_push(&parser->frames, frame);
}

static void take_inner(struct parser *parser, struct span line)
{
	struct goroutine_frame *frame = last_frame(parser);
	struct span text = span_trim(line);
	if (span_starts(line, SPAN("        ")) && frame && !frame->file[0]) {
		set_place(parser, frame, text);
	} else if (span_starts(text, SPAN("...")) && span_ends(text, SPAN(" left out..."))) {
		struct span number = span_from(text, 3);
		(void)!take_count(&number, &parser->group.elided);
		parser->group.elided_at = parser->frames.count;
	} else if (span_starts(text, SPAN("("))) {
		parser->in_start = true;
		parser->group.no_stack =
			keep(parser, between(text, SPAN("("), SPAN("; it started in)")));
	} else {
		add_function(parser, text);
	}
}

static bool take_line(struct parser *parser, struct span line)
{
	if (!line.length)
		return true;
	if (is_digit(line.at[0]))
		return begin_group(parser, line);
	if (!parser->open)
		return false;
	if (span_equals(line, SPAN("  created by")))
		parser->in_creator = true;
	else if (span_starts(line, SPAN("  labels ")))
		parser->group.labels = keep(parser, span_from(line, 9));
	else if (span_starts(line, SPAN("    ")))
		take_inner(parser, line);
	return true; // "  3 on channel 0x..." is of that process alone
}

bool saved_parse(struct span text, struct goroutine_set *set, struct error *error)
{
	struct parser parser = {.set = set, .rest = text};
	bool ok = saved_is(text);
	parser.rest = span_from(text, span_find_char(text, '\n'));
	while (ok && parser.rest.length) {
		parser.rest = span_from(parser.rest, 1);
		parser.line++;
		size_t end = span_find_char(parser.rest, '\n');
		struct span line = span_first(parser.rest, end);
		ok = take_line(&parser, line);
		parser.rest = span_from(parser.rest, line.length);
	}
	finish_group(&parser);
	vec_deinit(&parser.frames);
	set->knows_states = set->knows_stack_bytes = true;
	goroutine_set_sort(set);
	return ok ||
	       error_set(error, ERROR_BAD_DATA,
			 "line %" PRIu64 " is not of whyoom's list of goroutines", parser.line + 1);
}
