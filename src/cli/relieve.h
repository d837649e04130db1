// SPDX-License-Identifier: Apache-2.0
// What `relieve` and `profiler` share: a change of one process from the look to the print.
#pragma once

#include "cli/cli.h"
#include "relief/relief.h"

struct cli_relief {
	const struct cli_arguments *arguments;
	const char *command; // "relieve" or "profiler"
	int pid;
	struct relief_request request;
	bool only_show;        // write nothing
	unsigned int settings; // what --undo is about, a bit for each
};

// Both return the exit code.
int cli_relief_change(struct cli_relief *job);
int cli_relief_undo(struct cli_relief *job);
// --state, or the default.
const char *cli_relief_state(const struct cli_arguments *arguments);
