// SPDX-License-Identifier: Apache-2.0
/*
 * The memory numbers of runtime/metrics, under its names and by its rules: unlike ReadMemStats,
 * metrics.Read flushes no caches, so its objects and bytes lag behind what is allocated. Source:
 * runtime/metrics.go (initMetrics and the aggregates).
 *
 * A number is here for each version that has what it is made of, also where the version's own
 * runtime/metrics does not have that name yet.
 */
#pragma once

#include "golang/gc_state.h"
#include "golang/scheduler.h"

enum { GO_METRICS_MAX = 64 };

struct go_metric {
	const char *name; // the unit is behind the colon
	bool is_seconds;
	uint64_t value; // of a counter
	double seconds; // if is_seconds
};

struct go_metrics {
	struct go_metric rows[GO_METRICS_MAX];
	size_t count;
};

// `scheduler` may be NULL.
void go_metrics_compute(const struct go_runtime *runtime, const struct go_memstats *stats,
			const struct go_gc_state *gc, const struct go_scheduler *scheduler,
			struct go_metrics *out);
