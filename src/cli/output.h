// SPDX-License-Identifier: Apache-2.0
// The file that a command writes with --output: opened with privileges, written without.
#pragma once

#include "cli/cli.h"

struct cli_output {
	int fd; // -1: none was asked for
	const char *path;
};

// Runs `work` sandboxed, with `output` open for what --output names (NULL: nothing, "-": standard
// output). A file appears under its name only once it is whole. Returns the exit code.
int cli_run_into_file(int (*work)(void *context), void *context,
		      const struct cli_arguments *arguments, struct cli_output *output,
		      const char *path);
int cli_run_with_output(int (*work)(void *context), void *context,
			const struct cli_arguments *arguments, struct cli_output *output);
