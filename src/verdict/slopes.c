// SPDX-License-Identifier: Apache-2.0
// In: one number by time. Out: where its growth begins, by the lines that fit it best.
#include "verdict/slopes.h"

#include <math.h>
#include <stdbool.h>

enum { BACK_PARTS = 2, ROUNDS = 3 };
static const double KNEE_MIN = 0.7;      // of the error with one line less: more is no knee
static const double LEVEL_MIN = 0.7;     // of the error of a level: more is a step and no slope
static const double STEEPER_MIN = 1.5;   // else it is one line, as good as it is known
static const double STEEPER_MAX = 25;    // than what it follows from
static const double LEVEL_MARGIN = 0.03; // of the growth: within, it is the level still

// A level up to `knee`, a line from there to `bend`, another to the end. Without a bend: 0.
struct shape {
	int knee, bend;
	double error;
};

static double gap_before(const struct series *series, int index)
{
	return (double)(series->times_ns[index] - series->times_ns[index - 1]);
}

double series_level_until(const struct series *series, int at)
{
	// samples are closer together where it moves
	int64_t middle_ns = series->times_ns[0] + (series->times_ns[at] - series->times_ns[0]) / 2;
	int index = 0;
	while (index < at && series->times_ns[index + 1] <= middle_ns)
		index++;
	return series->values[index];
}

static double level_error(const struct series *series, int from, int to, double level)
{
	double error = 0;
	for (int i = from + 1; i <= to; i++)
		error += fabs(series->values[i] - level) * gap_before(series, i);
	return error;
}

static double slope_of(const struct series *series, int from, int to)
{
	return (series->values[to] - series->values[from]) /
	       (double)(series->times_ns[to] - series->times_ns[from]);
}

static double line_error(const struct series *series, int from, int to)
{
	double slope = slope_of(series, from, to), error = 0;
	for (int i = from + 1; i <= to; i++) {
		double after = (double)(series->times_ns[i] - series->times_ns[from]);
		double fit = series->values[from] + slope * after;
		error += fabs(series->values[i] - fit) * gap_before(series, i);
	}
	return error;
}

// What the level until each sample, and the line from each to the end, are off by.
struct ends {
	double level[COURSE_SAMPLES_MAX], line[COURSE_SAMPLES_MAX];
};

static void measure_ends(const struct series *series, struct ends *ends)
{
	for (int i = 0; i < series->count - 1; i++) {
		ends->level[i] = level_error(series, 0, i, series_level_until(series, i));
		ends->line[i] = line_error(series, i, series->count - 1);
	}
}

static struct shape fit_one_line(const struct series *series, const struct ends *ends)
{
	struct shape best = {.error = ends->line[0]};
	double most = KNEE_MIN * best.error;
	for (int knee = 1; knee < series->count - 1; knee++) {
		double error = ends->level[knee] + ends->line[knee];
		if (error >= most)
			continue;
		most = error;
		best = (struct shape){.knee = knee, .error = error};
	}
	return best;
}

// Some 8 million steps for as many samples as there can be, less what is off already.
static struct shape fit_two_lines(const struct series *series, const struct ends *ends,
				  struct shape best)
{
	best.error *= KNEE_MIN;
	for (int knee = 0; knee < series->count - 2; knee++)
		for (int bend = knee + 1; bend < series->count - 1; bend++) {
			double error = ends->level[knee] + ends->line[bend];
			if (error < best.error)
				error += line_error(series, knee, bend);
			if (error < best.error)
				best = (struct shape){knee, bend, error};
		}
	return best;
}

// The slow slope before the bend is where it began, if it made a good part of the growth, on its
// own way up; not where it needs so much longer that what came then is another matter.
static bool counts_before_bend(const struct series *series, const struct shape *shape,
			       double part_min)
{
	int knee = shape->knee, bend = shape->bend, last = series->count - 1;
	double slow = slope_of(series, knee, bend), fast = slope_of(series, bend, last);
	double part = series->values[bend] - series->values[knee];
	double level = series->values[knee] + part / 2;
	if (fast < STEEPER_MIN * slow)
		return true;
	return part >= part_min * (series->values[last] - series->values[knee]) &&
	       fast <= STEEPER_MAX * slow &&
	       line_error(series, knee, bend) < LEVEL_MIN * level_error(series, knee, bend, level);
}

// Growth that becomes faster has its knee where it is fast already: it began where the level was
// left. Not far before, or a slow drift would be taken for it. The level is known the better, the
// less of the growth is before the knee.
static int go_back(const struct series *series, int knee)
{
	int last = series->count - 1;
	int64_t back_ns = (series->times_ns[last] - series->times_ns[knee]) / BACK_PARTS;
	int64_t earliest_ns = series->times_ns[knee] - back_ns;
	for (int round = 0; round < ROUNDS; round++) {
		double level = series_level_until(series, knee);
		double least = level + LEVEL_MARGIN * (series->values[last] - level);
		while (knee > 0 && series->values[knee - 1] > least &&
		       series->times_ns[knee - 1] >= earliest_ns)
			knee--;
	}
	return knee;
}

struct beginning series_find_beginning(const struct series *series, double part_min)
{
	struct ends ends;
	measure_ends(series, &ends);
	struct shape shape = fit_two_lines(series, &ends, fit_one_line(series, &ends));
	if (shape.bend && !counts_before_bend(series, &shape, part_min))
		return (struct beginning){shape.bend, series->values[shape.bend]};
	int at = go_back(series, shape.knee);
	return (struct beginning){at, series_level_until(series, at)};
}
