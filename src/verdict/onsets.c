// SPDX-License-Identifier: Apache-2.0
// In: samples of a process. Out: when each number began to grow, and after which mark.
#include "verdict/onsets.h"

#include <math.h>
#include <string.h>

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

enum { SAMPLES_MIN = 6, ENDING_MAX = 3, BACK_PARTS = 2, ROUNDS = 3 };
static const double LEVEL_MARGIN = 0.03;   // of the growth: within, it is the level still
static const double KNEE_MIN = 0.7;        // of the error of one straight line: more is no knee
static const double FOLLOWS_MIN = 0.1;     // of how long the first has grown
static const double CONSEQUENCE_MIN = 0.2; // of the growth of the memory, that was there before
static const int64_t MARK_AGE_NS = 600 * SECOND_NS; // or as long as it has grown

// One number by time; what is not known is left out.
struct series {
	int count;
	int64_t times_ns[COURSE_SAMPLES_MAX];
	double values[COURSE_SAMPLES_MAX];
};

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

// The number in the middle of that time: samples are closer together where it moves.
static double level_until(const struct series *series, int knee)
{
	int64_t middle_ns =
		series->times_ns[0] + (series->times_ns[knee] - series->times_ns[0]) / 2;
	int at = 0;
	while (at < knee && series->times_ns[at + 1] <= middle_ns)
		at++;
	return series->values[at];
}

// How far the samples are from a level up to `knee` and a straight line from there to the end, by
// the time that each of them stands for.
static double error_of(const struct series *series, int knee)
{
	int last = series->count - 1;
	double level = level_until(series, knee), error = 0;
	double length = (double)(series->times_ns[last] - series->times_ns[knee]);
	double rise = series->values[last] - series->values[knee];
	for (int i = 1; i <= last; i++) {
		double at = (double)(series->times_ns[i] - series->times_ns[knee]);
		double fit = i <= knee ? level : series->values[knee] + rise * at / length;
		double weight = (double)(series->times_ns[i] - series->times_ns[i - 1]);
		error += fabs(series->values[i] - fit) * weight;
	}
	return error;
}

static int find_knee(const struct series *series)
{
	double straight = error_of(series, 0), least = KNEE_MIN * straight;
	int found = 0;
	for (int knee = 1; knee < series->count - 1; knee++) {
		double error = error_of(series, knee);
		if (error >= least)
			continue;
		least = error;
		found = knee;
	}
	return found;
}

// Growth that becomes faster has its knee where it is fast already: it began where the level was
// left. Not far before, or a slow drift would be taken for it. The level is known the better, the
// less of the growth is before the knee.
static int find_beginning(const struct series *series, int knee)
{
	int last = series->count - 1;
	int64_t back_ns = (series->times_ns[last] - series->times_ns[knee]) / BACK_PARTS;
	int64_t earliest_ns = series->times_ns[knee] - back_ns;
	for (int round = 0; round < ROUNDS; round++) {
		double level = level_until(series, knee);
		double least = level + LEVEL_MARGIN * (series->values[last] - level);
		while (knee > 0 && series->values[knee - 1] > least &&
		       series->times_ns[knee - 1] >= earliest_ns)
			knee--;
	}
	return knee;
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
static int64_t give_at(const struct series *raw, const struct series *floor, int knee)
{
	int64_t gap_ns = gap_at(floor, knee);
	double level = level_until(floor, knee);
	double least = level + LEVEL_MARGIN * (floor->values[floor->count - 1] - level);
	int left = knee;
	while (left > 0 && raw->values[left - 1] > least)
		left--;
	int64_t before_ns = floor->times_ns[knee] - floor->times_ns[left];
	return before_ns > gap_ns ? before_ns : gap_ns;
}

static int64_t memory_at(const struct course *course, int64_t unix_ns)
{
	int64_t memory = -1;
	for (int i = 0; i < course->count; i++) {
		if (course->samples[i].unix_ns > unix_ns && memory >= 0)
			break;
		if (course->samples[i].values[COURSE_MEMORY] >= 0)
			memory = course->samples[i].values[COURSE_MEMORY];
	}
	return memory;
}

static void find_onset(const struct course *course, enum course_metric metric, struct onset *onset)
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
	int knee = find_beginning(&series, find_knee(&series));
	*onset = (struct onset){
		.known = true,
		.grew = true,
		.from_start = knee == 0,
		.unix_ns = series.times_ns[knee],
		.give_ns = give_at(&raw, &series, knee),
		.before = (int64_t)level_until(&series, knee),
		.now = (int64_t)last,
		.memory_bytes = memory_at(course, series.times_ns[knee]),
	};
}

void onsets_find(const struct course *course, struct onsets *out)
{
	*out = (struct onsets){0};
	if (!course->count)
		return;
	out->from_ns = course->samples[0].unix_ns;
	out->to_ns = course->samples[course->count - 1].unix_ns;
	for (int i = 0; i < COURSE_METRICS; i++)
		find_onset(course, i, &out->metrics[i]);
	out->mark_count = course->mark_count;
	memcpy(out->marks, course->marks, sizeof out->marks);
}

bool onset_follows(const struct onsets *onsets, const struct onset *later,
		   const struct onset *first)
{
	if (!later->grew || !first->grew || later->from_start)
		return false;
	int64_t apart_ns = later->unix_ns - first->unix_ns;
	return apart_ns > later->give_ns + first->give_ns &&
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
