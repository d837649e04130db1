// SPDX-License-Identifier: Apache-2.0
// In: what was read. Out: one screen for a tired person: what grew, when, what happened then.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/columns.h"
#include "base/i18n.h"
#include "base/units.h"
#include "store/event_words.h"
#include "store/screen_priv.h"

enum {
	LANES_IN_DETAIL = 3, // of one name at the same time
	CHART_HEIGHT = 5,
	LABEL_WIDTH = 11,
	NUMBER_WIDTH = 10,
	NUMBERS = 3, // now, most, grew
	WIDTH_MIN = 60,
	EVENTS_SHOWN = 24,
};

static const char letters[EVENT_KINDS] = {
	[EVENT_SNAPSHOT] = '.', [EVENT_CLOCK] = 'C',    [EVENT_LIMIT] = 'L',
	[EVENT_END] = 'E',      [EVENT_RESTART] = 'R',  [EVENT_BINARY] = 'B',
	[EVENT_HAND] = 'M',     [EVENT_INCIDENT] = 'I', [EVENT_KILL] = 'K',
};

// ---- words ----

static const char *number_of(enum store_unit unit, int64_t value, bool sign, char *text,
			     size_t capacity)
{
	const char *plus = sign && value > 0 ? "+" : "";
	struct human human = unit == STORE_BYTES      ? human_bytes(value)
			     : unit == STORE_PERMILLE ? human_percent((double)value / 1000)
						      : human_count(value);
	snprintf(text, capacity, "%s%s", plus, human.text);
	return text;
}

static void write_label(struct screen *screen, const char *label)
{
	struct strbuf safe = {0};
	size_t length = 0, used = 0;
	strbuf_add_safe(&safe, label);
	const char *text = safe.text ? safe.text : "";
	for (size_t next; text[length]; length = next, used = columns_of(text, length)) {
		next = length + 1;
		while (((unsigned char)text[next] & 0xc0) == 0x80)
			next++;
		if (columns_of(text, next) > LABEL_WIDTH - 1)
			break;
	}
	strbuf_add_bytes(screen->out, text, length);
	strbuf_addf(screen->out, "%*s", (int)(LABEL_WIDTH - used), "");
	strbuf_deinit(&safe);
}

static void write_numbers(struct screen *screen, const struct chart_series *series,
			  enum store_unit unit, bool grew)
{
	char now[48], most[48], more[48] = "";
	if (grew)
		number_of(unit, series->last - series->first, true, more, sizeof more);
	strbuf_addf(screen->out, "%*s%*s%*s\n", NUMBER_WIDTH,
		    number_of(unit, series->last, false, now, sizeof now), NUMBER_WIDTH,
		    number_of(unit, series->most, false, most, sizeof most), NUMBER_WIDTH, more);
}

static void write_metric(struct screen *screen, const struct lane *lane, enum store_metric metric)
{
	const struct chart_series *series = &lane->series[metric];
	const struct store_metric_row *row = &store_metrics[metric];
	if (!series->any)
		return;
	// Sums of one kind share a scale, so that they can be compared.
	int64_t top = series->most;
	if (metric == STORE_HEAP_LIVE || metric == STORE_HEAP_GOAL)
		top = lane->series[STORE_HEAP_GOAL].most > lane->series[STORE_HEAP_LIVE].most
			      ? lane->series[STORE_HEAP_GOAL].most
			      : lane->series[STORE_HEAP_LIVE].most;
	else if (row->unit == STORE_BYTES && lane->series[STORE_USAGE].most > top)
		top = lane->series[STORE_USAGE].most;
	else if (row->unit == STORE_PERMILLE)
		top = 1000;
	write_label(screen, i18n_text(row->label));
	chart_write_spark(series, screen->columns, top, screen->style.utf8, screen->out);
	write_numbers(screen, series, row->unit, row->unit != STORE_PERMILLE);
}

// ---- what happened ----

static void write_events_line(struct screen *screen)
{
	enum timeline_event_kind kinds[CHART_COLUMNS_MAX];
	bool any[CHART_COLUMNS_MAX] = {0}, at_all = false;
	VEC_FOREACH (event, &screen->timeline->events) {
		int column = screen_column_of(screen, event->unix_ns / 1000000000);
		if (any[column] && kinds[column] >= event->kind)
			continue;
		any[column] = at_all = true;
		kinds[column] = event->kind;
	}
	if (!at_all)
		return;
	write_label(screen, _("events"));
	for (int i = 0; i < screen->columns; i++)
		strbuf_addf(screen->out, "%c", any[i] ? letters[kinds[i]] : ' ');
	strbuf_add(screen->out, "\n");
}

static void write_axis(struct screen *screen)
{
	write_events_line(screen);
	write_label(screen, "");
	chart_write_axis(screen->from_s, screen->to_s, screen->columns, screen->out);
	strbuf_add(screen->out, "\n");
}

// How many bytes of `text` go into `room` columns: whole words, or where one is as long as half of
// it, whole characters.
static size_t cut_at(const char *text, size_t room)
{
	size_t words = 0, length = 0;
	for (size_t next = 0; text[next] && columns_of(text, next) <= room;) {
		words = next;
		next += strspn(text + next, " ");
		next += columns_unbroken(text + next);
	}
	if (columns_of(text, words) > room / 2)
		return words;
	for (size_t next = 0; text[next] && columns_of(text, next) <= room;) {
		length = next++;
		while (((unsigned char)text[next] & 0xc0) == 0x80)
			next++;
	}
	return length ? length : 1;
}

// Words are broken at the terminal's width; what follows is indented.
static void write_wrapped(struct screen *screen, int indent, const char *text)
{
	struct strbuf safe = {0};
	strbuf_add_safe(&safe, text);
	const char *rest = safe.text ? safe.text : "";
	size_t room = (size_t)(screen->style.width - indent);
	while (columns_of_text(rest) > room) {
		size_t cut = cut_at(rest, room);
		strbuf_add_bytes(screen->out, rest, cut);
		strbuf_addf(screen->out, "\n%*s", indent, "");
		rest += cut + (rest[cut] == ' ');
	}
	strbuf_add(screen->out, rest);
	strbuf_add(screen->out, "\n");
	strbuf_deinit(&safe);
}

static void write_event(struct screen *screen, const struct timeline_event *event)
{
	struct human time = human_time(event->unix_ns);
	bool bad = event->kind == EVENT_KILL || event->kind == EVENT_INCIDENT;
	char *day = time.text, *point = strrchr(day, '.');
	if (point)
		*point = '\0';
	// The date only where it goes over more than one day.
	const char *shown = screen->to_s - screen->from_s > 86400 ? day : day + 11;
	strbuf_addf(screen->out, "%s %s%c%s  ", shown,
		    bad && screen->style.colour ? "\033[31;1m" : "", letters[event->kind],
		    bad && screen->style.colour ? "\033[0m" : "");
	struct strbuf text = {0};
	if (event->kind == EVENT_INCIDENT)
		strbuf_addf(&text, _("incident %lld: %s"), (long long)event->id, event->text);
	else
		event_words_add(&text, event->text);
	write_wrapped(screen, (int)strlen(shown) + 4, text.text);
	strbuf_deinit(&text);
}

static void write_snapshots(struct screen *screen)
{
	const struct timeline_event *newest = NULL;
	int count = 0;
	VEC_FOREACH (event, &screen->timeline->events) {
		if (event->kind != EVENT_SNAPSHOT)
			continue;
		newest = event;
		count++;
	}
	if (!newest)
		return;
	struct human time = human_time(newest->unix_ns);
	_cleanup_free_ char *text =
		alloc_format(count == 1 ? _("%d capture, the last at %s in %s (%s)")
					: _("%d captures, the last at %s in %s (%s)"),
			     count, human_bytes(newest->usage_bytes).text,
			     human_duration(newest->duration_ns).text, i18n_text(newest->text));
	strbuf_addf(screen->out, "%.8s .  ", time.text + 11);
	write_wrapped(screen, 12, text);
}

static void write_events(struct screen *screen)
{
	const struct timeline *timeline = screen->timeline;
	size_t listed = 0, skip;
	VEC_FOREACH (event, &timeline->events)
		listed += event->kind != EVENT_SNAPSHOT;
	strbuf_add(screen->out, "\n");
	skip = listed > EVENTS_SHOWN ? listed - EVENTS_SHOWN : 0;
	if (skip)
		strbuf_addf(screen->out, _("(%zu events before these: --json has them)\n"), skip);
	VEC_FOREACH (event, &timeline->events) {
		if (event->kind == EVENT_SNAPSHOT)
			continue;
		if (skip)
			skip--;
		else
			write_event(screen, event);
	}
	write_snapshots(screen);
}

// ---- screens ----

static void write_head(struct screen *screen, const struct lane *lane)
{
	const struct timeline_target *target = lane->last;
	struct strbuf text = {0};
	strbuf_add(&text, target->target.name);
	strbuf_addf(&text, _("  process %d"), target->target.pid);
	if (lane->processes > 1)
		strbuf_addf(&text, _(" and %d before it"), lane->processes - 1);
	if (target->target.container[0])
		strbuf_addf(&text, _(", container %.12s"), target->target.container);
	if (target->target.build_id[0])
		strbuf_addf(&text, _(", build ID %.12s"), target->target.build_id);
	if (target->ended_ns)
		strbuf_addf(&text, _("; ended: %s"), event_words_ending(target->ending));
	write_wrapped(screen, 2, text.text);
	strbuf_deinit(&text);
}

static void write_left(struct screen *screen, const char *text)
{
	strbuf_addf(screen->out, "%*s%s", NUMBER_WIDTH - (int)columns_of_text(text), "", text);
}

// Above a chart: what it shows, and the numbers at its right.
static void write_heads(struct screen *screen, const char *what)
{
	strbuf_addf(screen->out, "%s%*s", what, screen->columns - (int)columns_of_text(what), "");
	write_left(screen, _("last"));
	write_left(screen, _("most"));
	write_left(screen, _("grew"));
	strbuf_add(screen->out, "\n");
}

// The usage, against the limit if it came near enough for both to be seen.
static void write_usage(struct screen *screen, const struct lane *lane)
{
	const struct chart_series *usage = &lane->series[STORE_USAGE],
				  *limit = &lane->series[STORE_LIMIT];
	char now[48], most[48], grew[48];
	if (!usage->any)
		return;
	bool against = limit->any && usage->most > limit->last / 4;
	int64_t top = against && limit->last > usage->most ? limit->last : usage->most;
	strbuf_addf(screen->out, "%*s", LABEL_WIDTH, "");
	write_heads(screen,
		    screen->columns > 40 ? _("memory, as its limit counts it") : _("usage"));
	for (int line = 0; line < CHART_HEIGHT; line++) {
		char label[48] = "";
		if (line == 0)
			snprintf(label, sizeof label, "%s", human_bytes(top).text);
		if (line == CHART_HEIGHT - 1)
			snprintf(label, sizeof label, "0");
		strbuf_addf(screen->out, "%*s ", LABEL_WIDTH - 1, label);
		chart_write_line(usage, screen->columns, top, line, CHART_HEIGHT,
				 screen->style.utf8, screen->out);
		if (line == 0)
			strbuf_addf(screen->out, "%*s%*s%*s", NUMBER_WIDTH,
				    number_of(STORE_BYTES, usage->last, false, now, sizeof now),
				    NUMBER_WIDTH,
				    number_of(STORE_BYTES, usage->most, false, most, sizeof most),
				    NUMBER_WIDTH,
				    number_of(STORE_BYTES, usage->last - usage->first, true, grew,
					      sizeof grew));
		if (line == 1 && limit->any)
			strbuf_addf(screen->out, "%*s%s",
				    NUMBERS * NUMBER_WIDTH - (int)columns_of_text(_("limit")), "",
				    _("limit"));
		if (line == 2 && limit->any)
			strbuf_addf(screen->out, "%*s", NUMBERS * NUMBER_WIDTH,
				    number_of(STORE_BYTES, limit->last, false, now, sizeof now));
		strbuf_add(screen->out, "\n");
	}
}

static void write_detail(struct screen *screen)
{
	static const enum store_metric shown[] = {
		STORE_ANON,       STORE_FILE, STORE_RSS,     STORE_HEAP_LIVE, STORE_HEAP_GOAL,
		STORE_GOROUTINES, STORE_FDS,  STORE_THREADS, STORE_PSI_SOME,  STORE_PSI_FULL,
	};
	for (size_t i = 0; i < screen->lanes.count && i < LANES_IN_DETAIL; i++) {
		const struct lane *lane = screen->lanes.items[i];
		strbuf_add(screen->out, i ? "\n" : "");
		write_head(screen, lane);
		write_usage(screen, lane);
		for (size_t k = 0; k < sizeof shown / sizeof *shown; k++)
			write_metric(screen, lane, shown[k]);
	}
	if (screen->lanes.count > LANES_IN_DETAIL)
		strbuf_addf(screen->out, _("\n(%zu more at the same time: give a process id)\n"),
			    screen->lanes.count - LANES_IN_DETAIL);
	write_axis(screen);
}

static int compare_lanes(const void *a, const void *b)
{
	const struct lane *left = *(struct lane *const *)a, *right = *(struct lane *const *)b;
	int64_t x = left->series[STORE_RSS].most, y = right->series[STORE_RSS].most;
	return (x < y) - (x > y);
}

// One line for each: its resident memory.
static void write_overview(struct screen *screen)
{
	qsort(screen->lanes.items, screen->lanes.count, sizeof *screen->lanes.items, compare_lanes);
	write_label(screen, _("process"));
	write_heads(screen,
		    screen->columns > 40 ? _("resident memory, each on its own scale") : "rss");
	VEC_FOREACH (item, &screen->lanes) {
		const struct lane *lane = *item;
		const struct chart_series *series = &lane->series[STORE_RSS];
		if (!series->any)
			series = &lane->series[STORE_USAGE];
		write_label(screen, lane->last->target.name);
		chart_write_spark(series, screen->columns, series->most, screen->style.utf8,
				  screen->out);
		write_numbers(screen, series, STORE_BYTES, true);
	}
	write_axis(screen);
	if (screen->hidden)
		strbuf_addf(screen->out, _("(%zu more processes: --json has them)\n"),
			    screen->hidden);
}

bool timeline_write_text(const struct timeline *timeline, struct timeline_style style,
			 struct strbuf *out, struct error *error)
{
	struct screen screen = {.timeline = timeline, .style = style, .out = out};
	if (screen.style.width < WIDTH_MIN)
		screen.style.width = WIDTH_MIN;
	screen.columns = screen.style.width - LABEL_WIDTH - NUMBERS * NUMBER_WIDTH;
	if (screen.columns > CHART_COLUMNS_MAX)
		screen.columns = CHART_COLUMNS_MAX;
	bool ok = screen_fill(&screen, error);
	if (ok) {
		if (timeline->selected || screen.lanes.count == 1)
			write_detail(&screen);
		else
			write_overview(&screen);
		write_events(&screen);
	}
	screen_deinit(&screen);
	return ok;
}

// ---- incidents ----

static void write_shown(const struct timeline_incidents *incidents, struct strbuf *out)
{
	VEC_FOREACH (row, &incidents->list) {
		if (row->removed)
			continue;
		if (row == incidents->list.items)
			strbuf_addf(out,
				    _("\nwhyoom report %lld shows the first of these, whyoom diff "
				      "compares two\n"),
				    (long long)row->id);
		else
			strbuf_addf(out,
				    _("\nwhyoom report %lld shows the newest that is kept, whyoom "
				      "diff compares two\n"),
				    (long long)row->id);
		return;
	}
}

void timeline_write_incidents(const struct timeline_incidents *incidents, struct strbuf *out)
{
	if (!incidents->list.count)
		strbuf_add(out, _("no incidents are stored\n"));
	VEC_FOREACH (row, &incidents->list) {
		const struct store_incident *incident = &row->incident;
		struct human time = human_time(incident->unix_ns);
		strbuf_addf(out, "%4lld  %.19s  ", (long long)row->id, time.text);
		strbuf_add_safe(out, row->target.id ? row->target.target.name : "?");
		strbuf_addf(out, " (%d)  ", row->target.target.pid);
		strbuf_add_safe(out, incident->cause);
		strbuf_add(out, "\n      ");
		strbuf_add_safe(out, incident->sentence);
		strbuf_add(out, "\n      ");
		strbuf_add_safe(out, incident->directory);
		strbuf_add(out, row->removed ? _(" (removed since)\n") : "\n");
	}
	write_shown(incidents, out);
}
