// SPDX-License-Identifier: Apache-2.0
/*
 * How the numbers of one process went up to the snapshot, and the marks beside them: deploys and
 * changes that somebody noted, restarts, other limits. Plain data of fixed size, so that it can go
 * through a pipe to a process without privileges; who takes it from there terminates its texts.
 */
#pragma once

#include <stdint.h>

enum course_metric {
	COURSE_MEMORY, // what the limit counts and the kernel cannot reclaim, else resident memory
	COURSE_HEAP,   // HeapAlloc, or what comes near to it
	COURSE_GOROUTINES,
	COURSE_FDS,
	COURSE_THREADS,
	COURSE_METRICS
};

enum { COURSE_SAMPLES_MAX = 360, COURSE_MARKS_MAX = 16 };

struct course_sample {
	int64_t unix_ns;
	int64_t values[COURSE_METRICS]; // below 0: not known
};

struct course_mark {
	int64_t unix_ns;
	char kind[16]; // as in the timeline: "hand", "restart", "limit", "binary"
	char text[160];
};

struct course {
	int count, mark_count;
	struct course_sample samples[COURSE_SAMPLES_MAX]; // oldest first
	struct course_mark marks[COURSE_MARKS_MAX];       // oldest first
};

struct course_sample course_sample_at(int64_t unix_ns);
// In order of time. When it is full, one goes: the longer ago, the farther apart they are, by a few
// percent of that time; the first one stays.
void course_add(struct course *course, const struct course_sample *sample);
// Texts that are too long are cut.
void course_mark_set(struct course_mark *mark, int64_t unix_ns, const char *kind, const char *text);
// The newest are kept.
void course_add_mark(struct course *course, int64_t unix_ns, const char *kind, const char *text);
// Samples from then on are of a process that is gone.
void course_cut(struct course *course, int64_t unix_ns);
// What came from another process: counts within bounds, texts that end.
void course_tame(struct course *course);
