// SPDX-License-Identifier: Apache-2.0
/*
 * A log is many lines of many processes; each process's lines are told apart by what stands before
 * them, and each has a recogniser of its own. Without a crash going on there is none.
 */
#pragma once

#include "crash/crash.h"
#include "crash/prefix.h"
#include "crash/recogniser.h"

enum { STREAMS_MAX = 16, STREAMS_HELD_MAX = 12 };

struct stream {
	uint64_t key;                 // of the container, as a structured log states it
	struct prefix prefix, suffix; // what stands before and behind its lines
	struct recogniser *recogniser;
	enum crash_line_kind last_kind; // of what belonged to a crash
	uint64_t last_line;             // the last one that belonged to a crash
};

// A line whose stream nobody knows yet.
struct held_line {
	uint64_t key, line;
	struct strbuf text;
};

// In which order and how wide the lines of stacks are.
struct log_shape {
	uint64_t upright, inverted; // headers behind something else, and behind a function
	size_t width;               // of lines that went on in the next one; 0: none
};

struct streams {
	struct crash_log *log;
	const struct crash_options *options;
	struct stream list[STREAMS_MAX];
	size_t count;
	struct recogniser *kernel;
	uint64_t kernel_line, key;
	uint64_t line; // of the input
	struct log_shape shape;
	// From what looks like a message behind a prefix that could be text just as well: its
	// goroutines tell.
	struct held_line held[STREAMS_HELD_MAX];
	size_t held_count;
	struct strbuf previous; // the line before, in case a stack begins in the middle
};

void streams_init(struct streams *streams, struct crash_log *log,
		  const struct crash_options *options);
// Ends every crash that is open.
void streams_deinit(struct streams *streams);
// One line without escapes, of the process `key`.
void streams_take(struct streams *streams, uint64_t key, struct span line, const char *wrapping);
// Some crash is going on; drops those of which nothing came for long.
bool streams_are_active(struct streams *streams);
