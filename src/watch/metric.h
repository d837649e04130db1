// SPDX-License-Identifier: Apache-2.0
/*
 * What a trigger may ask about: one row a metric, with its unit, where it comes from and what
 * reading it costs. The parser of conditions, `watch --check` and docs/watch.md follow these rows.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum metric {
	METRIC_LIMIT_USED,
	METRIC_GROWTH,
	METRIC_LIMIT_IN,
	METRIC_USAGE,
	METRIC_ANON,
	METRIC_FILE,
	METRIC_RSS,
	METRIC_HEAP_LIVE,
	METRIC_HEAP_MARKED,
	METRIC_GOROUTINES,
	METRIC_FDS,
	METRIC_THREADS,
	METRIC_PSI_SOME,
	METRIC_PSI_FULL,
	METRIC_LIMIT_HITS,
	METRIC_HIGH_HITS,
	METRIC_OOMS,
	METRIC_OOM_KILLS,
	METRICS
};

enum metric_unit {
	METRIC_BYTES,
	METRIC_COUNT,
	METRIC_PERCENT, // in hundredths
	METRIC_BYTES_PER_S,
	METRIC_TIME, // in nanoseconds
};

enum metric_source {
	METRIC_FROM_SAMPLE,   // the cgroup, read anyway
	METRIC_FROM_PROCESS,  // files of /proc/PID
	METRIC_FROM_PRESSURE, // memory.pressure
	METRIC_FROM_RUNTIME,  // the target's memory, by a process without privileges
};

struct metric_row {
	const char *name;
	enum metric_unit unit;
	enum metric_source source;
	const char *what;  // "the anonymous memory of the cgroup"
	const char *cost;  // of reading it
	const char *hosts; // where it is not known; "" where it is everywhere
};

extern const struct metric_row metrics[METRICS];

// What is known of one target now.
struct readings {
	int64_t monotonic_ns;
	int64_t limit_bytes; // of the cgroup whose limit bites; 0: none
	bool known[METRICS];
	int64_t values[METRICS]; // METRIC_LIMIT_IN: INT64_MAX when the limit is not coming nearer
};

static inline void reading_set(struct readings *readings, enum metric metric, int64_t value)
{
	readings->known[metric] = true;
	readings->values[metric] = value;
}

// A number of that unit, as people read it.
struct metric_text {
	char text[40];
};
struct metric_text metric_text(enum metric_unit unit, int64_t value);
