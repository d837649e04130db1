// SPDX-License-Identifier: Apache-2.0
// gzip over whole buffers: pprof files are gzip files. Outputs are malloc'ed.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

bool gzip_is(const void *data, size_t size); // by its first bytes
// All members one behind the other, as gzip(1) does. More than `limit_bytes` is ERROR_LIMIT,
// anything that is not a whole gzip file ERROR_BAD_DATA.
bool gzip_decompress(const void *data, size_t size, size_t limit_bytes, uint8_t **plain,
		     size_t *plain_size, struct error *error) must_check;
bool gzip_compress(const void *plain, size_t plain_size, uint8_t **data, size_t *size,
		   struct error *error) must_check;
