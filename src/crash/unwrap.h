// SPDX-License-Identifier: Apache-2.0
/*
 * One line of a log as it is stored, to the lines that a process wrote: out of JSON (docker,
 * journald, loggers), CRI with its partial lines, escapes, HTML, colours, and lines that were
 * joined to one.
 */
#pragma once

#include "crash/streams.h"

enum { UNWRAP_DEPTH_MAX = 3, UNWRAP_PARTIALS_MAX = 4, UNWRAP_KEYS_MAX = 8, UNWRAP_STAGES = 5 };

struct unwrap_partial {
	uint64_t key;
	struct strbuf text;
};

struct unwrap {
	struct streams streams;
	const char *wrapping; // of the log as a whole; ""
	struct strbuf scratch[UNWRAP_DEPTH_MAX][UNWRAP_STAGES];
	struct unwrap_partial partials[UNWRAP_PARTIALS_MAX];
	uint64_t json_keys[UNWRAP_KEYS_MAX]; // fields that have held lines of a crash
	size_t json_key_count;
};

void unwrap_init(struct unwrap *unwrap, struct crash_log *log, const struct crash_options *options);
void unwrap_deinit(struct unwrap *unwrap);
// A line without its line end; `number` from 1.
void unwrap_take(struct unwrap *unwrap, struct span line, uint64_t number);
