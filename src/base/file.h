// SPDX-License-Identifier: Apache-2.0
// Whole files, bounded; and writing that says when it did not reach the disk.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

// Opens for reading, close-on-exec. `dir_fd` may be AT_FDCWD. `what` names it in the message.
bool file_open(int dir_fd, const char *path, int *fd, struct error *error) must_check;
// Reads all of `fd` from its start, at most `limit_bytes` (more is ERROR_LIMIT). *data is malloc'ed
// and has a NUL behind it that does not count.
bool file_read(int fd, const char *path, size_t limit_bytes, char **data, size_t *size,
	       struct error *error) must_check;
bool file_read_path(int dir_fd, const char *path, size_t limit_bytes, char **data, size_t *size,
		    struct error *error) must_check;
// Reads `fd` from its start into the caller's buffer and terminates it; for /proc and cgroup files
// that are sampled often: no allocation. Cuts at `capacity - 1`.
bool file_read_into(int fd, const char *path, char *buffer, size_t capacity,
		    struct error *error) must_check;
// Writes everything; `path` is only for the message.
bool file_write(int fd, const char *path, const void *data, size_t size,
		struct error *error) must_check;
