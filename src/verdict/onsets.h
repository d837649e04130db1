// SPDX-License-Identifier: Apache-2.0
/*
 * When each number of a process began to grow, found in its course (snapshot/course.h), beside the
 * marks: what came first on the timeline decides what is a cause and what a consequence.
 *
 * Growth is looked for in what a number does not fall below again: a heap that goes up and down
 * with its collections, and a peak that is over, are no growth. Where it begins, slopes.h finds;
 * fine as the samples are: `give_ns` says how fine.
 */
#pragma once

#include <stdbool.h>

#include "snapshot/course.h"

struct onset {
	bool known;           // there are enough samples to say
	bool grew;            // else `before` and `now` are the first and the last
	bool from_start;      // as long as it was looked at: it may have begun before
	int64_t unix_ns;      // when it began
	int64_t give_ns;      // give or take
	int64_t before, now;  // the number until then, and at the end
	int64_t memory_bytes; // COURSE_MEMORY when it began; below 0: not known
	int64_t half_ns;      // when half of its growth was there; 0: not known, or did not grow
	int64_t most_ns;      // likewise nine tenths
};

struct onsets {
	int64_t from_ns, to_ns; // what was looked at; to_ns 0: nothing
	struct onset metrics[COURSE_METRICS];
	int mark_count;
	struct course_mark marks[COURSE_MARKS_MAX]; // oldest first
};

const char *course_metric_name(enum course_metric metric); // in JSON: "memory"

void onsets_find(const struct course *course, struct onsets *onsets);
// For certain: what the samples do not leave open is a good part of how long `first` has grown.
bool onset_follows(const struct onsets *onsets, const struct onset *later,
		   const struct onset *first);
// What of the memory's growth was there when it began. False: not known.
bool onset_grown_before(const struct onsets *onsets, const struct onset *onset, double *share);
// A number that began to grow after the memory (or the Go heap) did, when a good part of the
// growth was there already: a consequence, not what it began with.
bool onsets_is_consequence(const struct onsets *onsets, enum course_metric metric);
// Half of the memory's growth came when it had grown for long, and the goroutines had long been as
// many as at the end: what they need to work with they had by then.
bool onsets_goroutines_keep(const struct onsets *onsets);
// Of what began to grow, the first; COURSE_METRICS: nothing did.
enum course_metric onsets_first(const struct onsets *onsets);
// The newest mark of a kind that somebody made (`by_hand`), or that whyoom made itself, before it
// began; not one that is too old to have to do with it. NULL: none.
const struct course_mark *onset_mark(const struct onsets *onsets, const struct onset *onset,
				     bool by_hand);
