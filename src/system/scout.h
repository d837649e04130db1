// SPDX-License-Identifier: Apache-2.0
/*
 * Looking before opening: what is to be opened next stands in foreign bytes, and those are for a
 * process without privileges to read. A scout is such a process; its answer is plain data of fixed
 * size, and no more to be trusted than what it has read.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

// Runs `look` in a sandboxed child. `answer` is filled there and copied back on success.
bool scout_run(bool (*look)(void *context, void *answer, struct error *error), void *context,
	       void *answer, size_t answer_size, struct error *error) must_check;

// Opens a regular file for reading, and nothing else: no pipe to wait for, no device to wake.
// `dir_fd` may be AT_FDCWD.
bool scout_open_file(int dir_fd, const char *path, int *fd, struct error *error) must_check;
