// SPDX-License-Identifier: Apache-2.0
/*
 * A profile as a pprof file: profile.proto of google/pprof, which `go tool pprof` and every viewer
 * read. Ids are indexes plus one. Same profile, same bytes. *data is malloc'ed; writing it out is
 * the caller's. Fails only when there is no memory (ERROR_LIMIT).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct profile;

// gzip over the encoding, as the format asks for.
bool pprof_write(const struct profile *profile, uint8_t **data, size_t *size,
		 struct error *error) must_check;
// The bare encoding, which readers accept too.
bool pprof_write_plain(const struct profile *profile, uint8_t **data, size_t *size,
		       struct error *error) must_check;
