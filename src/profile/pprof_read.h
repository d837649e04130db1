// SPDX-License-Identifier: Apache-2.0
/*
 * A pprof file as a profile: profile.proto of google/pprof, gzip'ed or bare.
 *
 * The bytes are untrusted. What `go tool pprof` refuses is refused (ERROR_BAD_DATA): references to
 * functions, locations or texts that are not there, doubled or zero ids, samples with the wrong
 * number of values. Unknown fields are skipped. Sizes and counts are bounded (ERROR_LIMIT) by the
 * constants here and in profile.h. The legacy text formats are ERROR_UNSUPPORTED.
 *
 * Ids of the file are not kept: what is the same by content becomes one. Texts end at their first
 * NUL.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

struct profile;

#define PPROF_MAX_PLAIN_BYTES \
	((size_t)512 << 20)                 // once decompressed; a sane limit for the file too
#define PPROF_MAX_FIELDS ((size_t)16 << 20) // of the outermost message

bool pprof_parse(const void *data, size_t size, struct profile **profile,
		 struct error *error) must_check;
