// SPDX-License-Identifier: Apache-2.0
// A report for a ticket: the answer and its proof, the kill, the tables that people ask for next,
// where the evidence comes from. Names stand in code spans or are escaped: nothing of a target
// becomes markup, a link, or a mention.
#pragma once

#include <jansson.h>

#include "base/strbuf.h"

// `report`: as report_to_json makes it, or from a file that anybody may have written.
void report_write_markdown(const json_t *report, struct strbuf *out);
