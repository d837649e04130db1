// SPDX-License-Identifier: Apache-2.0
// Crashes of a log, as text for people and as JSON: the answer first, then goroutines in groups.
#pragma once

#include <jansson.h>

#include "crash/crash.h"
#include "report/report.h"

// The first `rows` groups of each crash.
void report_write_crashes(const struct crash_log *log, struct report_style style, size_t rows,
			  struct strbuf *out);
json_t *report_crashes_to_json(const struct crash_log *log, const char *path);
