// SPDX-License-Identifier: Apache-2.0
// Growth in characters: sparklines, one tall chart, an axis of time. With Unicode's blocks, or with
// ASCII where the terminal has no UTF-8.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/strbuf.h"

enum { CHART_COLUMNS_MAX = 400 };

// One value a column: the most that was seen in it.
struct chart_series {
	bool known[CHART_COLUMNS_MAX];
	int64_t values[CHART_COLUMNS_MAX];
	bool any;
	int64_t first, last, most; // in order of time
	int64_t first_s, last_s;
};

// Columns `from` to `to`, both included. `value` is the average then, `most` its peak.
void chart_series_add(struct chart_series *series, int from, int to, int64_t time_s, int64_t value,
		      int64_t most);
// One line, from 0 to `top`; nothing behind it.
void chart_write_spark(const struct chart_series *series, int columns, int64_t top, bool utf8,
		       struct strbuf *out);
// Line `line` of `height`, the uppermost first.
void chart_write_line(const struct chart_series *series, int columns, int64_t top, int line,
		      int height, bool utf8, struct strbuf *out);
// Times of day below the columns, with a date where it goes over more than a day.
void chart_write_axis(int64_t from_s, int64_t to_s, int columns, struct strbuf *out);
