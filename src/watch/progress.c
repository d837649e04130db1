// SPDX-License-Identifier: Apache-2.0
// In: events and numbers. Out: lines on standard error.
#include "watch/progress.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/i18n.h"
#include "base/strbuf.h"
#include "base/units.h"

static const int64_t LINE_EVERY_NS = 200000000;

void progress_clear(const struct progress *progress)
{
	if (progress->live_line)
		fputs("\r\033[K", stderr);
}

void progress_say(const struct progress *progress, const char *format, ...)
{
	char text[1024];
	struct strbuf line = {0};
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(text, sizeof text, gettext(format), arguments);
	va_end(arguments);
	strbuf_add(&line, "whyoom: ");
	strbuf_add_safe(&line, text);
	progress_clear(progress);
	fprintf(stderr, "%s\n", line.text);
	strbuf_deinit(&line);
}

void progress_draw(struct progress *progress, const struct progress_line *line)
{
	int64_t now_ns = clock_monotonic_ns();
	if (!progress->live_line || now_ns - progress->last_line_ns < LINE_EVERY_NS)
		return;
	progress->last_line_ns = now_ns;
	fputs("\r\033[K", stderr);
	fprintf(stderr, _("anon %s  cache %s  of %s  headroom %s  %s%s/s"),
		human_bytes(line->anon_bytes).text, human_bytes(line->cache_bytes).text,
		human_bytes(line->limit_bytes).text,
		human_bytes(line->limit_bytes - line->pinned_bytes).text,
		line->slope_bytes_per_s >= 0 ? "+" : "", human_bytes(line->slope_bytes_per_s).text);
	if (line->time_left_ns >= 0)
		fprintf(stderr, _("  limit in %s"), human_duration(line->time_left_ns).text);
	fflush(stderr);
}
