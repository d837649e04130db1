// SPDX-License-Identifier: Apache-2.0
// In: what was read. Out: lines of processes, each with its charts, over one stretch of time.
#include <string.h>

#include "store/screen_priv.h"

enum {
	LANES_MAX = 64, // lines of the overview
	LIVE_S = 30,    // seen so lately, it is taken to live
};

// ---- lanes ----

static int64_t end_of(const struct timeline_target *target)
{
	return target->ended_ns ? target->ended_ns : target->last_seen_ns;
}

static int find_lane(const struct screen *screen, const struct timeline_target *target)
{
	for (size_t i = 0; i < screen->lanes.count; i++) {
		const struct timeline_target *last = screen->lanes.items[i]->last;
		if (strcmp(last->target.name, target->target.name) == 0 &&
		    strcmp(last->target.executable, target->target.executable) == 0 &&
		    end_of(last) <= target->first_seen_ns + 1000000000)
			return (int)i;
	}
	return -1;
}

static size_t place_of(const struct timeline *timeline, int64_t id)
{
	size_t low = 0, high = timeline->ids.count;
	while (low < high) {
		size_t middle = (low + high) / 2;
		if (timeline->ids.items[middle] < id)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static void make_lanes(struct screen *screen)
{
	const struct timeline *timeline = screen->timeline;
	for (size_t i = 0; i < timeline->ids.count; i++)
		vec_push(&screen->lane_of, -1);
	VEC_FOREACH (target, &timeline->targets) {
		int lane = find_lane(screen, target);
		if (lane < 0 && screen->lanes.count >= LANES_MAX) {
			screen->hidden++;
			continue;
		}
		if (lane < 0) {
			lane = (int)screen->lanes.count;
			struct lane *made = alloc_zero(sizeof *made);
			made->first = target;
			vec_push(&screen->lanes, made);
		}
		screen->lanes.items[lane]->last = target;
		screen->lanes.items[lane]->processes++;
		screen->lane_of.items[place_of(timeline, target->id)] = lane;
	}
}

// ---- samples ----

// Not more than there is: an axis of two hours for five minutes hides the five minutes.
static bool find_extent(struct screen *screen, struct error *error)
{
	const struct timeline *timeline = screen->timeline;
	int64_t now_s = timeline->until_ns / 1000000000;
	if (!timeline_find_extent(timeline, &screen->from_s, &screen->to_s, error))
		return false;
	if (screen->from_s > now_s)
		screen->from_s = now_s;
	VEC_FOREACH (event, &timeline->events) {
		int64_t time_s = event->unix_ns / 1000000000;
		if (!event->target)
			continue; // a mark for all is no reason to show an empty hour
		if (time_s < screen->from_s)
			screen->from_s = time_s;
		if (time_s + 1 > screen->to_s)
			screen->to_s = time_s + 1;
	}
	if (screen->to_s > now_s - LIVE_S)
		screen->to_s = now_s + 1;
	if (screen->to_s <= screen->from_s)
		screen->to_s = screen->from_s + 1;
	return true;
}

int screen_column_of(const struct screen *screen, int64_t time_s)
{
	double share = (double)(time_s - screen->from_s) / (double)(screen->to_s - screen->from_s);
	int column = (int)(share * screen->columns);
	return column < 0 ? 0 : column >= screen->columns ? screen->columns - 1 : column;
}

static bool see_row(void *context, const struct timeline_row *row)
{
	struct screen *screen = context;
	int lane = screen->lane_of.items[place_of(screen->timeline, row->target)];
	if (lane < 0)
		return true;
	int from = screen_column_of(screen, row->time_s);
	// A row of a second ends where the next begins; so no gaps come of rounding.
	int to = screen_column_of(screen, row->time_s + row->width_s);
	for (int i = 0; i < STORE_METRICS; i++)
		if (row->metrics[i].known)
			chart_series_add(&screen->lanes.items[lane]->series[i], from, to,
					 row->time_s, row->metrics[i].average,
					 row->metrics[i].most);
	return true;
}

bool screen_fill(struct screen *screen, struct error *error)
{
	make_lanes(screen);
	return find_extent(screen, error) &&
	       timeline_each_row(screen->timeline, see_row, screen, error);
}

void screen_deinit(struct screen *screen)
{
	VEC_FOREACH (lane, &screen->lanes)
		free(*lane);
	vec_deinit(&screen->lanes);
	vec_deinit(&screen->lane_of);
}
