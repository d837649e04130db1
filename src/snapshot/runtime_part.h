// SPDX-License-Identifier: Apache-2.0
// The part of a snapshot that says what the runtime knows of itself: collector, settings, metrics,
// spans by size class, scheduler.
#pragma once

#include "snapshot/snapshot.h"

struct runtime_part_source {
	const struct go_runtime *runtime;
	const struct go_memstats *stats;
	const struct go_spans *spans;
	int environ_fd; // /proc/PID/environ, or -1
	bool in_haste;  // do not wait for a collection to end
};

bool runtime_part_take(const struct runtime_part_source *source, struct snapshot_runtime *out,
		       struct error *error) must_check;
void runtime_part_deinit(struct snapshot_runtime *part);
