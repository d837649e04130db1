// SPDX-License-Identifier: Apache-2.0
/*
 * Two incidents as an experiment: what is different about the program and its settings, and what
 * came of it. Reads what incident_files_load has checked.
 */
#pragma once

#include <jansson.h>

#include "base/strbuf.h"
#include "report/report.h"
#include "store/incident_files.h"

struct incident_diff;

bool incident_diff_new(const struct incident_files *before, const struct incident_files *after,
		       struct incident_diff **diff, struct error *error) must_check;
// The verdict's sentence in the reader's language, for the text.
void incident_diff_retell(struct incident_diff *diff, bool is_after, const char *sentence);
void incident_diff_free(struct incident_diff *diff);
void incident_diff_write_text(const struct incident_diff *diff, struct report_style style,
			      struct strbuf *out);
json_t *incident_diff_to_json(const struct incident_diff *diff);
