// SPDX-License-Identifier: Apache-2.0
/*
 * A log is many lines of many processes; each process's lines are told apart by what stands before
 * them, and each has a recogniser of its own. Without a crash going on there is none.
 */
#pragma once

#include "crash/crash.h"
#include "crash/prefix.h"
#include "crash/recogniser.h"

enum { STREAMS_MAX = 16 };

struct stream {
	uint64_t key; // of the container, as a structured log states it
	struct prefix prefix;
	struct recogniser *recogniser;
	uint64_t last_line; // the last one that belonged to a crash
};

struct streams {
	struct crash_log *log;
	const struct crash_options *options;
	struct stream list[STREAMS_MAX];
	size_t count;
	struct recogniser *kernel;
	uint64_t kernel_line, key;
	uint64_t line;          // of the input
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
