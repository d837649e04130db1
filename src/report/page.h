// SPDX-License-Identifier: Apache-2.0
/*
 * The HTML face: one file that needs nothing else. A fixed page (web/, bundled and embedded at
 * build time) with the report's JSON in it. Everything foreign is in that JSON or, for a browser
 * without scripts, in the text form; both are escaped here, and the page's own policy (CSP) lets
 * run only the one script whose hash it names.
 */
#pragma once

#include <jansson.h>

#include "base/error.h"
#include "base/strbuf.h"
#include "profile/profile.h"

// Everything is borrowed. NULL: not there.
struct report_page {
	const json_t
		*report;  // as report_to_json makes it; from a file that anybody may have written
	const char *text; // the report's text form
	const struct profile *heap;   // for the flame graph
	const struct profile *before; // of the baseline, for the differential one
	const json_t *timeline;       // as timeline_write_json writes it
	const char *directory;        // of the incident
};

// False where this whyoom was built without Node.js, and so without the page.
bool report_page_built_in(void);
// ERROR_UNSUPPORTED where it is not built in.
bool report_write_page(const struct report_page *page, struct strbuf *out,
		       struct error *error) must_check;
