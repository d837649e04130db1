// SPDX-License-Identifier: Apache-2.0
/*
 * The page of a stored incident, made of its files alone: open with privileges, give them up, then
 * write. It is no part of the manifest: whoever doubts it makes it again.
 */
#pragma once

#include "base/strbuf.h"
#include "store/incident_files.h"

#define INCIDENT_PAGE_NAME "report.html"

struct incident_page {
	struct incident_files *files, *baseline; // baseline NULL: there is none
	int timeline_fd;                         // of page_timeline_open, or -1
};

bool incident_page_open(const char *path, struct incident_page *page,
			struct error *error) must_check;
// ERROR_BAD_DATA where a file is not what was written. A damaged baseline only leaves out what
// grew.
bool incident_page_write(struct incident_page *page, struct strbuf *out,
			 struct error *error) must_check;
void incident_page_close(struct incident_page *page);
