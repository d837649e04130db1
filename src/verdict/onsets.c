// SPDX-License-Identifier: Apache-2.0
// In: samples of a process. Out: when each number began to grow, and after which mark.
#include "verdict/onsets.h"

#include <math.h>
#include <string.h>

#include "verdict/slopes.h"

#define SECOND_NS ((int64_t)1000000000)

// Less is the usual back and forth.
static const struct {
	const char *name;
	int64_t least;
	double share;
} metrics[COURSE_METRICS] = {
	[COURSE_MEMORY] = {"memory", 8 << 20, 0.1},    [COURSE_HEAP] = {"heap", 8 << 20, 0.1},
	[COURSE_GOROUTINES] = {"goroutines", 50, 0.3}, [COURSE_FDS] = {"fds", 20, 0.3},
	[COURSE_THREADS] = {"threads", 10, 0.3},
};

enum { SAMPLES_MIN = 6, ENDING_MAX = 3 };
static const double LEVEL_MARGIN = 0.03;   // of the growth: within, it is the level still
static const double FOLLOWS_MIN = 0.1;     // of how long the first has grown
static const double CONSEQUENCE_MIN = 0.2; // of the growth of the memory, that was there before
static const int64_t WORKING_SET_NS = 15 * SECOND_NS; // what is needed to work is there by then
static const int64_t MARK_AGE_NS = 600 * SECOND_NS;   // or as long as it has grown

const char *course_metric_name(enum course_metric metric)
{
	return metrics[metric].name;
}

// At its end a process gives everything back: the last samples may have seen that.
static void drop_ending(struct series *series)
{
	for (int i = 0; i < ENDING_MAX && series->count > 1; i++) {
		int last = series->count - 1;
		if (series->values[last] >= series->values[last - 1] / 2)
			break;
		series->count--;
	}
}

static void take_series(const struct course *course, enum course_metric metric,
			struct series *series)
{
	series->count = 0;
	for (int i = 0; i < course->count; i++) {
		if (course->samples[i].values[metric] < 0)
			continue;
		series->times_ns[series->count] = course->samples[i].unix_ns;
		series->values[series->count++] = (double)course->samples[i].values[metric];
	}
	drop_ending(series);
}

// What it does not fall below again.
static void lower_to_floor(struct series *series)
{
	for (int i = series->count - 2; i >= 0; i--)
		series->values[i] = fmin(series->values[i], series->values[i + 1]);
}

static int64_t gap_at(const struct series *series, int index)
{
	int64_t before = index ? series->times_ns[index] - series->times_ns[index - 1] : 0;
	int64_t after = index + 1 < series->count
				? series->times_ns[index + 1] - series->times_ns[index]
				: 0;
	return before > after ? before : after;
}

// What goes up and down may have left its level a while before its floor did.
static int64_t give_at(const struct series *raw, const struct series *floor,
		       const struct beginning *beginning)
{
	int knee = beginning->at, left = knee;
	int64_t gap_ns = gap_at(floor, knee);
	double level = beginning->level;
	double least = level + LEVEL_MARGIN * (floor->values[floor->count - 1] - level);
	while (left > 0 && raw->values[left - 1] > least)
		left--;
	int64_t before_ns = floor->times_ns[knee] - floor->times_ns[left];
	return before_ns > gap_ns ? before_ns : gap_ns;
}

// Of the memory, too, what it does not fall below again.
static int64_t memory_at(const struct series *memory, int64_t unix_ns)
{
	int at = 0;
	while (at + 1 < memory->count && memory->times_ns[at + 1] <= unix_ns)
		at++;
	return memory->count ? (int64_t)memory->values[at] : -1;
}

// When so much of the growth was there.
static int64_t reached_at(const struct series *series, const struct beginning *beginning,
			  double part)
{
	int last = series->count - 1, at = beginning->at;
	double value = beginning->level + part * (series->values[last] - beginning->level);
	while (at < last && series->values[at] < value)
		at++;
	return series->times_ns[at];
}

// What was not seen at its level for as long as it would have taken to come there may have been on
// its way already: so much earlier it may have begun.
static int64_t unseen_ns(const struct series *series, const struct beginning *beginning)
{
	int last = series->count - 1, at = beginning->at;
	double rise = series->values[last] - beginning->level;
	double lasted = (double)(series->times_ns[last] - series->times_ns[at]);
	double way_ns = rise > 0 ? beginning->level / rise * lasted : 0;
	double seen_ns = (double)(series->times_ns[at] - series->times_ns[0]);
	return seen_ns < way_ns && way_ns < (double)INT64_MAX / 4 ? (int64_t)way_ns : 0;
}

static void find_onset(const struct course *course, enum course_metric metric,
		       const struct series *memory, struct onset *onset)
{
	struct series series, raw;
	*onset = (struct onset){.memory_bytes = -1};
	take_series(course, metric, &series);
	if (series.count < SAMPLES_MIN)
		return;
	raw = series;
	lower_to_floor(&series);
	double first = series.values[0], last = series.values[series.count - 1];
	onset->known = true;
	onset->before = (int64_t)first;
	onset->now = (int64_t)last;
	if (last - first < (double)metrics[metric].least ||
	    last - first < metrics[metric].share * last)
		return;
	struct beginning beginning = series_find_beginning(&series, CONSEQUENCE_MIN);
	int64_t began_ns = series.times_ns[beginning.at];
	*onset = (struct onset){
		.known = true,
		.grew = true,
		.from_start = beginning.at == 0,
		.unix_ns = began_ns,
		.give_ns = give_at(&raw, &series, &beginning),
		.before = (int64_t)beginning.level,
		.now = (int64_t)last,
		.memory_bytes = memory_at(memory, began_ns),
		.half_ns = reached_at(&series, &beginning, 0.5),
		.most_ns = reached_at(&series, &beginning, 0.9),
	};
	if (metric != COURSE_MEMORY && metric != COURSE_HEAP) // of these the course has all
		onset->give_ns += unseen_ns(&series, &beginning);
}

void onsets_find(const struct course *course, struct onsets *out)
{
	struct series memory;
	*out = (struct onsets){0};
	if (!course->count)
		return;
	out->from_ns = course->samples[0].unix_ns;
	out->to_ns = course->samples[course->count - 1].unix_ns;
	take_series(course, COURSE_MEMORY, &memory);
	lower_to_floor(&memory);
	for (int i = 0; i < COURSE_METRICS; i++)
		find_onset(course, i, &memory, &out->metrics[i]);
	out->mark_count = course->mark_count;
	memcpy(out->marks, course->marks, sizeof out->marks);
}

bool onset_follows(const struct onsets *onsets, const struct onset *later,
		   const struct onset *first)
{
	if (!later->grew || !first->grew || later->from_start)
		return false;
	int64_t apart_ns = later->unix_ns - first->unix_ns - later->give_ns - first->give_ns;
	return apart_ns > 0 &&
	       (double)apart_ns >= FOLLOWS_MIN * (double)(onsets->to_ns - first->unix_ns);
}

bool onset_grown_before(const struct onsets *onsets, const struct onset *onset, double *share)
{
	const struct onset *memory = &onsets->metrics[COURSE_MEMORY];
	double grown = (double)(memory->now - memory->before);
	if (!memory->grew || onset->memory_bytes < 0 || grown <= 0)
		return false;
	*share = (double)(onset->memory_bytes - memory->before) / grown;
	return true;
}

bool onsets_is_consequence(const struct onsets *onsets, enum course_metric metric)
{
	const struct onset *memory = &onsets->metrics[COURSE_MEMORY],
			   *onset = &onsets->metrics[metric];
	double share;
	if (metric == COURSE_MEMORY || metric == COURSE_HEAP)
		return false;
	return onset_follows(onsets, onset, memory) && onset_grown_before(onsets, onset, &share) &&
	       share >= CONSEQUENCE_MIN;
}

bool onsets_goroutines_keep(const struct onsets *onsets)
{
	const struct onset *memory = &onsets->metrics[COURSE_MEMORY],
			   *goroutines = &onsets->metrics[COURSE_GOROUTINES];
	if (!memory->grew || !memory->half_ns || !goroutines->known)
		return false;
	int64_t all_ns = goroutines->grew ? goroutines->most_ns : onsets->from_ns;
	int64_t since_ns = all_ns > memory->unix_ns ? all_ns : memory->unix_ns;
	return all_ns && memory->half_ns - since_ns >= WORKING_SET_NS;
}

enum course_metric onsets_first(const struct onsets *onsets)
{
	enum course_metric first = COURSE_METRICS;
	for (enum course_metric i = 0; i < COURSE_METRICS; i++)
		if (onsets->metrics[i].grew &&
		    (first == COURSE_METRICS ||
		     onset_follows(onsets, &onsets->metrics[first], &onsets->metrics[i])))
			first = i;
	return first;
}

const struct course_mark *onset_mark(const struct onsets *onsets, const struct onset *onset,
				     bool by_hand)
{
	const struct course_mark *found = NULL;
	int64_t grown_ns = onsets->to_ns - onset->unix_ns;
	int64_t age_ns = grown_ns > MARK_AGE_NS ? grown_ns : MARK_AGE_NS;
	for (int i = 0; i < onsets->mark_count; i++) {
		const struct course_mark *mark = &onsets->marks[i];
		if ((strcmp(mark->kind, "hand") == 0) != by_hand ||
		    mark->unix_ns > onset->unix_ns + onset->give_ns ||
		    mark->unix_ns < onset->unix_ns - age_ns)
			continue;
		if (!found || mark->unix_ns >= found->unix_ns)
			found = mark;
	}
	return found;
}
