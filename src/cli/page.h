// SPDX-License-Identifier: Apache-2.0
// The faces of a report that go to a file or to a ticket: --html FILE and --md.
#pragma once

#include "cli/output.h"

struct report;

struct cli_page {
	const char *path; // NULL: no page was asked for
	int timeline_fd;  // of page_timeline_open, or -1
	struct cli_output output;
};

// Runs `work` sandboxed; where a page was asked for, with its file open, and with what was stored
// of process `target` (NULL: nothing). Prints the file's name in the end. Returns the exit code.
int cli_page_run(struct cli_page *page, const char *target, int (*work)(void *context),
		 void *context, const struct cli_arguments *arguments);
bool cli_page_write(const struct cli_page *page, const struct report *report,
		    struct error *error) must_check;
// Prints the ticket and frees; returns the exit code.
int cli_print_markdown(struct json_t *report);
