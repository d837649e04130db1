// SPDX-License-Identifier: Apache-2.0
// In: a process and the time. Out: how its numbers moved meanwhile.
#include "cli/between.h"

#include <poll.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/i18n.h"
#include "base/units.h"

enum { GLANCES = 2000, PAUSE_MIN_MS = 5, SECOND_MS = 1000 };
static const int64_t SECOND_NS = 1000000000;
static const uint64_t GREW_BYTES = 8 << 20; // as in a verdict: less is the usual back and forth

static void show(const struct between *between, const struct go_gauges *gauges, int64_t passed_ns)
{
	struct human passed = human_duration(passed_ns / SECOND_NS * SECOND_NS);
	struct human whole = human_duration(between->apart_ns);
	fprintf(stderr, "\r\033[K");
	if (passed_ns >= between->apart_ns)
		fprintf(stderr, _("%s: waiting for a collection"), passed.text);
	else
		fprintf(stderr, _("%s of %s"), passed.text, whole.text);
	if (gauges->has_heap && gauges->has_goroutines)
		fprintf(stderr, _(": heap %s, %s live, %llu goroutines"),
			human_bytes((int64_t)gauges->heap_live).text,
			human_bytes((int64_t)gauges->heap_marked).text,
			(unsigned long long)gauges->goroutines);
	fflush(stderr);
}

static int64_t pause_of(const struct between *between)
{
	int64_t pause_ms = between->apart_ns / 1000000 / GLANCES;
	return pause_ms > PAUSE_MIN_MS ? pause_ms : PAUSE_MIN_MS;
}

// The heap grew, nothing was collected, and a collection will come.
static bool is_open(const struct between *between, const struct go_gauges *first,
		    const struct go_gauges *last)
{
	const struct swing_half *halves = between->swings.marked.halves;
	return first->has_heap && last->has_heap && !halves[0].changes && !halves[1].changes &&
	       last->heap_live > first->heap_live + GREW_BYTES &&
	       !(last->has_goal && last->heap_goal == GO_NO_GOAL);
}

bool between_watch(struct between *between, const struct process_files *files)
{
	struct pollfd ended = {.fd = files->pidfd, .events = POLLIN};
	struct go_gauges first, last;
	int64_t from_ns = clock_monotonic_ns(), now_ns = from_ns, shown_ns = from_ns;
	int64_t until_ns = from_ns + between->apart_ns, most_ns = until_ns + between->apart_ns;
	int64_t pause_ms = pause_of(between), glance_ns = from_ns;
	bool lives = true;
	swings_begin(&between->swings, from_ns, until_ns);
	go_gauges_read(files->mem, &between->places, &first);
	last = first;
	while (lives && now_ns < (is_open(between, &first, &last) ? most_ns : until_ns)) {
		int64_t wait_ms = pause_ms < SECOND_MS ? pause_ms : SECOND_MS;
		int64_t left_ms = (until_ns - now_ns + 999999) / 1000000;
		lives = poll(&ended, 1,
			     (int)(left_ms > 0 && left_ms < wait_ms ? left_ms : wait_ms)) <= 0;
		now_ns = clock_monotonic_ns();
		if (now_ns - glance_ns >= pause_ms * 1000000 || now_ns >= until_ns) {
			go_gauges_read(files->mem, &between->places, &last);
			swings_add(&between->swings, &last, now_ns);
			glance_ns = now_ns;
		}
		if (between->progress && now_ns - shown_ns >= SECOND_NS) {
			show(between, &last, now_ns - from_ns);
			shown_ns = now_ns;
		}
	}
	if (shown_ns > from_ns)
		fprintf(stderr, "\r\033[K");
	return lives;
}
