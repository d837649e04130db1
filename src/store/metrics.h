// SPDX-License-Identifier: Apache-2.0
// What a sample of a target has: one row a metric, one place in the database, the text, the JSON.
#pragma once

#include <stdint.h>

enum store_metric {
	STORE_USAGE, // of the cgroup whose limit bites
	STORE_LIMIT,
	STORE_ANON,
	STORE_FILE,
	STORE_RSS, // of the process, as are the rest
	STORE_HEAP_LIVE,
	STORE_HEAP_GOAL,
	STORE_GOROUTINES,
	STORE_FDS,
	STORE_THREADS,
	STORE_PSI_SOME, // of its cgroup where the kernel tells it (v2), else of the machine
	STORE_PSI_FULL,
	STORE_METRICS
};

enum store_unit { STORE_BYTES, STORE_COUNT, STORE_PERMILLE };

struct store_metric_row {
	const char *column; // in the database, in JSON and CSV; with its unit where it has one
	const char *label;
	enum store_unit unit;
};

extern const struct store_metric_row store_metrics[STORE_METRICS];

struct store_sample {
	int64_t unix_ns;
	int64_t values[STORE_METRICS]; // below 0: not known
};

// Nothing known yet.
struct store_sample store_sample_at(int64_t unix_ns);
