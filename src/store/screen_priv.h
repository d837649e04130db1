// SPDX-License-Identifier: Apache-2.0
// The screen of a timeline: screen.c finds which processes are one line and fills their charts,
// timeline_text.c puts it into words.
#pragma once

#include "store/chart.h"
#include "store/timeline.h"

// Processes of one name that followed each other, as after a restart.
struct lane {
	const struct timeline_target *first, *last;
	int processes;
	struct chart_series series[STORE_METRICS];
};

struct screen {
	const struct timeline *timeline;
	struct timeline_style style;
	struct strbuf *out;
	int columns; // of the charts
	int64_t from_s, to_s;
	VEC(struct lane *) lanes;
	VEC(int) lane_of; // by the place of the target's id in timeline->ids; -1: not shown
	size_t hidden;    // targets beyond LANES_MAX
};

// Lines and the stretch of time; then the samples, once `columns` is set. The caller ends it with
// screen_deinit, also after an error.
bool screen_fill(struct screen *screen, struct error *error) must_check;
void screen_deinit(struct screen *screen);
int screen_column_of(const struct screen *screen, int64_t time_s);
