// SPDX-License-Identifier: Apache-2.0
/*
 * What the timeline has of one process, thinned out for a page: fine near the end, coarse before,
 * the most that was seen in each stretch. {"events": [], "columns": ["time_s", "width_s", ...],
 * "rows": [[...]]}, null in a row where a metric is not known.
 */
#pragma once

#include <jansson.h>
#include <stdint.h>

#include "base/error.h"

struct page_timeline_request {
	const char *db;        // path of the database; NULL: none
	int pid;               // 0: of the incident in `directory`
	int64_t end_ns;        // with `pid`: when it ended, or now
	const char *directory; // of an incident, as it was stored
};

// Reads it in a process of its own, since the database may have been written by anybody: a
// descriptor with the JSON, to be read with page_timeline_load, or -1 where there is nothing.
int page_timeline_open(const struct page_timeline_request *request);
// NULL where `fd` is -1 or has no JSON. The caller frees it; the descriptor is closed.
json_t *page_timeline_load(int fd);
