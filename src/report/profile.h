// SPDX-License-Identifier: Apache-2.0
// One profile alone, by one of its sample types: as a table with the largest stacks, or as JSON.
#pragma once

#include "profile/profile.h"
#include "report/report.h"

// Rows are stacks, the largest first. `sample_type` is a type of the profile.
void report_write_profile(const struct profile *profile, uint32_t sample_type, int rows,
			  struct strbuf *out);
// {"kind", "sample_types", "stacks": [{"values": {TYPE: N}, "stack": [frames]}]}: all of them.
json_t *report_profile_to_json(const struct profile *profile, const char *kind,
			       uint32_t sample_type);
