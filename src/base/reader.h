// SPDX-License-Identifier: Apache-2.0
/*
 * The one way to look at untrusted bytes: little-endian, bounds-checked, no pointer arithmetic.
 *
 * The first failure sticks: later reads give 0 and move nothing. Check reader_ok() once a record,
 * and before any value bounds a loop. The reader borrows its bytes.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct reader {
	const uint8_t *data;
	size_t size;
	size_t offset;
	bool failed;
	size_t failed_offset; // where the first failure was
};

struct reader reader_over(const void *data, size_t size);
bool reader_ok(const struct reader *reader);
bool reader_at_end(const struct reader *reader); // also true after a failure
// False and a message with the offset ("WHAT: truncated or damaged at offset N") if it failed.
bool reader_check(const struct reader *reader, const char *what, struct error *error) must_check;
void reader_fail(struct reader *reader);

void reader_seek(struct reader *reader, uint64_t offset); // from the start; the end is allowed
void reader_skip(struct reader *reader, uint64_t size);
uint8_t reader_u8(struct reader *reader);
uint16_t reader_u16(struct reader *reader);
uint32_t reader_u32(struct reader *reader);
uint64_t reader_u64(struct reader *reader);
uint64_t reader_varint(struct reader *reader); // LEB128, at most 10 bytes
// `size` bytes in place, or NULL.
const uint8_t *reader_bytes(struct reader *reader, uint64_t size);
// The text up to the next NUL within `limit` bytes, in place and terminated; NULL if there is none.
const char *reader_cstring(struct reader *reader, size_t limit);
// The next `size` bytes as a reader of their own.
struct reader reader_sub(struct reader *reader, uint64_t size);
