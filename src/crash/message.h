// SPDX-License-Identifier: Apache-2.0
/*
 * The message of a crash while it is read: what stands before the first goroutine. A panic's text
 * may have any lines; it ends where goroutines begin, or with MESSAGE_LINES_MAX.
 */
#pragma once

#include "crash/crash.h"
#include "crash/span.h"

struct message {
	struct strbuf text;
	bool is_open; // its next lines belong to it, too
	unsigned int lines;
};

void message_deinit(struct message *message);
// A line that begins a message of `kind`, or goes on with one: "panic: a", "\tpanic: b" below it.
void message_take(struct message *message, struct crash *crash, struct crash_log *log,
		  enum crash_kind kind, struct span text);
// A line that only the message can know, maybe empty: false where none is open.
bool message_add_line(struct message *message, struct span text);
// "runtime: ..." and the like, which belong to no message.
void message_add_note(struct crash *crash, struct crash_log *log, struct span text);
// Hands it to the crash, and is empty again.
void message_finish(struct message *message, struct crash *crash, struct crash_log *log);
