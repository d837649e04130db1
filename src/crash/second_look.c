// SPDX-License-Identifier: Apache-2.0
// In: all of a log, and how its lines seem to be. Out: its crashes, read that way.
#include "crash/second_look.h"

#include "base/i18n.h"
#include "crash/model_priv.h"
#include "crash/unwrap.h"

enum { JOINED_MAX_BYTES = 16 << 10 };

static bool is_newest_first(const struct log_shape *shape)
{
	return shape->inverted > shape->upright;
}

bool second_look_is_due(const struct log_shape *shape)
{
	return is_newest_first(shape) || shape->width;
}

static void take_backwards(struct span text, struct unwrap *unwrap, uint64_t lines)
{
	if (text.length && text.at[text.length - 1] == '\n')
		text.length--;
	for (;;) {
		size_t end = span_find_last(text, '\n');
		struct span line = span_from(text, end == SPAN_NONE ? 0 : end + 1);
		unwrap_take(unwrap, line, lines--);
		if (end == SPAN_NONE)
			return;
		text.length = end;
	}
}

// A line as wide as the terminal goes on in the next one. A blank at its end is not there any more.
static bool goes_on(struct span piece, struct span rest, size_t width, struct strbuf *line)
{
	if (!rest.length || line->length >= JOINED_MAX_BYTES)
		return false;
	bool blank = piece.length + 1 == width &&
		     (span_ends(piece, SPAN(",")) || span_starts(rest, SPAN("+0x")));
	strbuf_add(line, blank ? " " : "");
	return blank || piece.length == width;
}

static void take_joined(struct span text, struct unwrap *unwrap, size_t width)
{
	struct strbuf line = {0};
	for (uint64_t number = 1; text.length; number++) {
		size_t end = span_find_char(text, '\n');
		struct span piece = span_first(text, end);
		text = span_from(text, end == SPAN_NONE ? text.length : end + 1);
		strbuf_add_bytes(&line, piece.at, piece.length);
		if (goes_on(piece, text, width, &line))
			continue;
		unwrap_take(unwrap, (struct span){line.text, line.length}, number);
		strbuf_clear(&line);
	}
	strbuf_deinit(&line);
}

// How well a log was understood.
static uint64_t whole_frames(const struct crash_log *log)
{
	uint64_t count = 0;
	VEC_FOREACH (crash, &log->crashes)
		VEC_FOREACH (group, &crash->groups)
			for (size_t i = 0; i < group->depth; i++)
				if (group->frames[i].function[0] && group->frames[i].file[0])
					count += group->count;
	return count;
}

bool second_look_take(struct span text, const struct log_shape *shape,
		      const struct crash_options *options, struct crash_log *log)
{
	struct crash_log made = crash_log_new(options);
	struct unwrap unwrap;
	made.bytes = log->bytes;
	made.lines = log->lines;
	unwrap_init(&unwrap, &made, options);
	if (is_newest_first(shape)) {
		unwrap.wrapping = N_("lines with the newest first");
		take_backwards(text, &unwrap, log->lines);
	} else {
		unwrap.wrapping = N_("lines broken at the width of a terminal");
		take_joined(text, &unwrap, shape->width);
	}
	unwrap_deinit(&unwrap);
	bool better = whole_frames(&made) > whole_frames(log);
	crash_log_deinit(better ? log : &made);
	if (better)
		*log = made;
	return better;
}
