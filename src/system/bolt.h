// SPDX-License-Identifier: Apache-2.0
/*
 * Values out of a bbolt database (containerd keeps what it knows of containers in one), read only
 * and without its lock, which its daemon holds for as long as it runs.
 *
 * The database is copied on write, so what one transaction left stays whole until the one after
 * the next; bolt_get reads again when there was another one meanwhile. All that is in the file is
 * untrusted: every page, count and size is checked, and a look-up takes a bounded number of steps.
 *
 * Follows go.etcd.io/bbolt internal/common/{page,meta,bucket}.go, version 2 of the format, as a
 * little-endian machine writes it. Keys are sorted by their bytes.
 */
#pragma once

#include <stddef.h>

#include "base/error.h"

// The text under `path`: names of nested buckets, and the key in the last one. Zero bytes and what
// does not fit in `capacity` are cut. ERROR_NOT_FOUND where there is no such bucket or key;
// ERROR_LIMIT where the database changed faster than it could be read.
bool bolt_get(int fd, const char *const *path, size_t path_count, char *value, size_t capacity,
	      struct error *error) must_check;
