// SPDX-License-Identifier: Apache-2.0
// A log's bytes as they come, decompressed: plain, gzip, zstd, UTF-16. Bounded memory.
#pragma once

#include <stddef.h>

#include "base/error.h"

struct crash_input;

bool crash_input_open(int fd, const char *path, struct crash_input **input,
		      struct error *error) must_check;
void crash_input_free(struct crash_input *input);
// Up to `capacity` bytes; *size of 0 is the end. What was cut in the middle of its compression ends
// without an error: what came before is worth reading.
bool crash_input_read(struct crash_input *input, void *buffer, size_t capacity, size_t *size,
		      struct error *error) must_check;
// Whether the compressed data was damaged or cut.
bool crash_input_is_cut(const struct crash_input *input);
