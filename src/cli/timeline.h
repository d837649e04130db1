// SPDX-License-Identifier: Apache-2.0
// What the commands around the timeline share.
#pragma once

#include <stdint.h>

#include "cli/cli.h"

// --db, or where it is by default; malloc'ed. NULL for --db none.
char *cli_timeline_path(const struct cli_arguments *arguments);
// --db-size; 0 where it is not given.
// The directory of a stored incident; returns an exit code, and has said why it is not EXIT_OK.
int cli_timeline_incident(const struct cli_arguments *arguments, int64_t id, char *path,
			  size_t capacity);
bool cli_timeline_size(const struct cli_arguments *arguments, int64_t *bytes,
		       struct error *error) must_check;
