// SPDX-License-Identifier: Apache-2.0
/*
 * What `whyoom runtime` shows: the Go runtime's own statistics, as text and as JSON. The snapshot
 * has its runtime part. Every number of the JSON says its unit in its name, but for those of
 * runtime.MemStats, which keep their names from Go; absent numbers are null.
 */
#pragma once

#include "report/report.h"

struct runtime_report_options {
	bool classes; // every size class, not only the ones with most waste
};

void report_write_runtime(const struct snapshot *snapshot, struct runtime_report_options options,
			  struct report_style style, struct strbuf *out);
json_t *report_runtime_to_json(const struct snapshot *snapshot);

enum { RUNTIME_ODDITIES_MAX = 12, RUNTIME_ODDITY_BYTES = 256 };

// Sentences about what is out of the ordinary and bears on memory, the weightiest first.
struct runtime_oddities {
	char text[RUNTIME_ODDITIES_MAX][RUNTIME_ODDITY_BYTES];
	size_t count;
};
void report_find_oddities(const struct snapshot *snapshot, struct runtime_oddities *out);
