// SPDX-License-Identifier: Apache-2.0
/*
 * What the guard and the reader say to each other, a byte at a time, and the board: memory that
 * both see, for what is longer. The guard writes it and believes nothing it reads there: the
 * reader has looked at foreign bytes and may have been taken over by them.
 */
#pragma once

#include "snapshot/still.h"
#include "system/tracer.h"

enum still_word {
	STILL_WORD_START = 's',   // reader: stop the target; guard: it stands still
	STILL_WORD_RELEASE = 'r', // reader: let it go; guard: it runs
	STILL_WORD_FAILED = 'f',  // guard: not done, the board says why
};

struct still_board {
	struct error error; // why it failed, or what it could not undo
	struct still_outcome outcome;
	size_t thread_count;
	struct target_thread threads[TRACER_THREADS_MAX];
};

struct still_guard {
	enum still_mode mode;
	int channel; // its end means that the reader and whoever started it are gone
	const struct process_files *files;
	int64_t stop_limit_ns;
	struct still_board *board;
};

// The whole life of the guard process.
_Noreturn void still_guard_run(struct still_guard *guard);
