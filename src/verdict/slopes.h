// SPDX-License-Identifier: Apache-2.0
/*
 * Where a number that does not fall leaves its level for good. What it does is fitted by a level
 * and a line to the end, or by a level and two lines: growth often begins slowly, and something
 * follows from it that makes it fast. Errors count by the time that each sample stands for.
 */
#pragma once

#include <stdint.h>

#include "snapshot/course.h"

// One number by time; what is not known is left out.
struct series {
	int count;
	int64_t times_ns[COURSE_SAMPLES_MAX];
	double values[COURSE_SAMPLES_MAX];
};

struct beginning {
	int at;       // index of the sample where it began
	double level; // the number until then
};

// The number in the middle of the time until then.
double series_level_until(const struct series *series, int at);
// Of a series that has 3 samples or more and does not fall. What went up slowly before it went up
// fast counts if it made at least `part_min` of the growth.
struct beginning series_find_beginning(const struct series *series, double part_min);
