// SPDX-License-Identifier: Apache-2.0
// In: values by column. Out: lines of text.
#include "store/chart.h"

#include "base/i18n.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

enum { EIGHTHS = 8 };

static const char *const blocks[EIGHTHS + 1] = {" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
static const char *const plain[EIGHTHS + 1] = {" ", "_", ".", ":", "-", "=", "+", "*", "#"};
// For cells of a tall chart: only how full they are.
static const char *const plain_cell[EIGHTHS + 1] = {" ", ".", ".", ".", ":", ":", ":", "#", "#"};

void chart_series_add(struct chart_series *series, int from, int to, int64_t time_s, int64_t value,
		      int64_t most)
{
	if (!series->any || time_s < series->first_s) {
		series->first = value;
		series->first_s = time_s;
	}
	if (!series->any || time_s >= series->last_s) {
		series->last = value;
		series->last_s = time_s;
	}
	if (!series->any || most > series->most)
		series->most = most;
	series->any = true;
	for (int i = from < 0 ? 0 : from; i <= to && i < CHART_COLUMNS_MAX; i++) {
		if (!series->known[i] || most > series->values[i])
			series->values[i] = most;
		series->known[i] = true;
	}
}

// Of `steps` in all, at least one: what is known is seen.
static int height_of(int64_t value, int64_t top, int steps)
{
	if (value <= 0 || top <= 0)
		return 1;
	double share = (double)value / (double)top;
	int height = (int)(share * steps + 0.5);
	return height < 1 ? 1 : height > steps ? steps : height;
}

void chart_write_spark(const struct chart_series *series, int columns, int64_t top, bool utf8,
		       struct strbuf *out)
{
	const char *const *glyphs = utf8 ? blocks : plain;
	for (int i = 0; i < columns; i++)
		strbuf_add(
			out,
			glyphs[series->known[i] ? height_of(series->values[i], top, EIGHTHS) : 0]);
}

void chart_write_line(const struct chart_series *series, int columns, int64_t top, int line,
		      int height, bool utf8, struct strbuf *out)
{
	const char *const *glyphs = utf8 ? blocks : plain_cell;
	int below = (height - 1 - line) * EIGHTHS;
	for (int i = 0; i < columns; i++) {
		int full = series->known[i]
				   ? height_of(series->values[i], top, height * EIGHTHS) - below
				   : 0;
		strbuf_add(out, glyphs[full < 0 ? 0 : full > EIGHTHS ? EIGHTHS : full]);
	}
}

// ---- the axis ----

enum tick_form { FORM_SECONDS, FORM_MINUTES, FORM_HOURS, FORM_DAYS };
static const int form_columns[] = {11, 8, 15, 9}; // with room behind it

struct tick_step {
	int64_t seconds;
	enum tick_form form;
};

static const struct tick_step steps[] = {
	{1, FORM_SECONDS},    {2, FORM_SECONDS},    {5, FORM_SECONDS},   {10, FORM_SECONDS},
	{15, FORM_SECONDS},   {30, FORM_SECONDS},   {60, FORM_MINUTES},  {120, FORM_MINUTES},
	{300, FORM_MINUTES},  {600, FORM_MINUTES},  {900, FORM_MINUTES}, {1800, FORM_MINUTES},
	{3600, FORM_MINUTES}, {7200, FORM_MINUTES}, {10800, FORM_HOURS}, {21600, FORM_HOURS},
	{43200, FORM_HOURS},  {86400, FORM_DAYS},   {172800, FORM_DAYS}, {604800, FORM_DAYS},
};

static const struct tick_step *choose_step(double seconds_a_column)
{
	const size_t count = sizeof steps / sizeof *steps;
	for (size_t i = 0; i < count; i++) {
		double columns = (double)steps[i].seconds / seconds_a_column;
		if (columns >= form_columns[steps[i].form])
			return &steps[i];
	}
	return &steps[count - 1];
}

static int write_tick(enum tick_form form, const struct tm *time, char *label, size_t capacity)
{
	bool month_first = i18n_get() == I18N_ENGLISH;
	switch (form) {
	case FORM_SECONDS:
		return (int)strftime(label, capacity, "%H:%M:%S", time);
	case FORM_MINUTES:
		return (int)strftime(label, capacity, "%H:%M", time);
	case FORM_HOURS:
		return (int)strftime(label, capacity, month_first ? "%b %d %H:%M" : "%m-%d %H:%M",
				     time);
	default:
		return (int)strftime(label, capacity, month_first ? "%b %d" : "%m-%d", time);
	}
}

void chart_write_axis(int64_t from_s, int64_t to_s, int columns, struct strbuf *out)
{
	char line[CHART_COLUMNS_MAX + 32], label[32];
	double a_column = (double)(to_s - from_s) / columns;
	const struct tick_step *step = choose_step(a_column);
	struct tm parts;
	time_t begin = (time_t)from_s;
	int free_from = 0;
	memset(line, ' ', sizeof line);
	localtime_r(&begin, &parts);
	int64_t zone = parts.tm_gmtoff;
	int64_t tick = (from_s + zone + step->seconds - 1) / step->seconds * step->seconds - zone;
	for (; tick <= to_s; tick += step->seconds) {
		time_t at = (time_t)tick;
		int column = (int)((double)(tick - from_s) / a_column);
		localtime_r(&at, &parts);
		int length = write_tick(step->form, &parts, label, sizeof label);
		if (column < free_from || column + length > columns)
			continue;
		memcpy(line + column, label, (size_t)length);
		free_from = column + length + 2;
	}
	int end = columns;
	while (end > 0 && line[end - 1] == ' ')
		end--;
	strbuf_add_bytes(out, line, (size_t)end);
}
