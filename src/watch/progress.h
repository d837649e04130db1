// SPDX-License-Identifier: Apache-2.0
// What a watch says while it runs, on standard error. Texts may come from a process that has seen
// hostile bytes: control characters do not reach the terminal.
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct progress {
	bool live_line; // one line is redrawn; else only events are told
	int64_t last_line_ns;
};

struct progress_line {
	int64_t anon_bytes, cache_bytes, limit_bytes, pinned_bytes;
	int64_t slope_bytes_per_s;
	int64_t time_left_ns; // -1: the limit is not coming nearer
};

void progress_say(const struct progress *progress, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
// Redraws the line, a few times a second at most.
void progress_draw(struct progress *progress, const struct progress_line *line);
void progress_clear(const struct progress *progress);
