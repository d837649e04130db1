// SPDX-License-Identifier: Apache-2.0
// In: the lines before the first goroutine. Out: the crash's message, its panics and notes.
#include "crash/message.h"

#include "crash/model_priv.h"

enum { MESSAGE_LINES_MAX = 200, PANIC_MAX_BYTES = 1024, NOTE_MAX_BYTES = 512 };

void message_deinit(struct message *message)
{
	strbuf_deinit(&message->text);
}

void message_add_note(struct crash *crash, struct crash_log *log, struct span text)
{
	if (crash->notes.count < CRASH_NOTES_MAX)
		vec_push(&crash->notes, crash_text(log, span_first(text, NOTE_MAX_BYTES)));
}

static void add_text(struct message *message, struct span text)
{
	struct strbuf *out = &message->text;
	if (out->length + text.length + 1 > CRASH_MESSAGE_MAX)
		return;
	if (out->length)
		strbuf_add(out, "\n");
	strbuf_add_bytes(out, text.at, text.length);
}

static void add_panic(struct crash *crash, struct crash_log *log, struct span text)
{
	if (crash->panics.count < CRASH_PANICS_MAX)
		vec_push(&crash->panics,
			 {.text = crash_text(log, span_first(text, PANIC_MAX_BYTES))});
}

void message_take(struct message *message, struct crash *crash, struct crash_log *log,
		  enum crash_kind kind, struct span text)
{
	crash->kind = kind;
	message->is_open = kind == CRASH_PANIC;
	message->lines = 0;
	if (kind == CRASH_PANIC)
		add_panic(crash, log, text);
	// Several threads may say the same at once.
	if (kind == CRASH_PANIC || !message->text.length)
		add_text(message, text);
}

bool message_add_line(struct message *message, struct span text)
{
	if (!message->is_open || ++message->lines >= MESSAGE_LINES_MAX)
		return false;
	add_text(message, text);
	return true;
}

// "the first [recovered]"
static void read_ends(struct crash *crash, struct crash_log *log)
{
	VEC_FOREACH (panic, &crash->panics) {
		struct span text = span_of(panic->text);
		panic->repanicked = span_has(text, SPAN("[recovered, repanicked]"));
		panic->recovered = panic->repanicked || span_ends(text, SPAN("[recovered]"));
		panic->goexit = span_ends(text, SPAN("[goexit]"));
		size_t mark =
			panic->recovered || panic->goexit ? span_find_last(text, '[') : SPAN_NONE;
		if (mark != SPAN_NONE)
			panic->text = crash_text(log, span_trim(span_first(text, mark)));
	}
}

void message_finish(struct message *message, struct crash *crash, struct crash_log *log)
{
	struct span text = {message->text.text ? message->text.text : "", message->text.length};
	while (text.length && text.at[text.length - 1] == '\n')
		text.length--;
	size_t end = span_find_char(text, '\n');
	crash->text = crash_text(log, text);
	read_ends(crash, log);
	// What ended the program is the last panic; the first one began it.
	if (crash->panics.count > 1 || (crash->panics.count && end == SPAN_NONE))
		crash->message = crash->panics.items[crash->panics.count - 1].text;
	else
		crash->message = crash_text(log, span_first(text, end));
	message->is_open = false;
	strbuf_clear(&message->text);
}
