// SPDX-License-Identifier: Apache-2.0
/*
 * The one way to look at untrusted bytes: little-endian, bounds-checked, no pointer arithmetic.
 *
 * The first failure sticks: later reads give 0 and move nothing. Check reader_ok() once a record,
 * and before any value bounds a loop. The reader borrows its bytes.
 *
 * What runs for each field of each structure of a target is inline.
 */
#pragma once

#include <endian.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/error.h"

struct reader {
	const uint8_t *data;
	size_t size;
	size_t offset;
	bool failed;
	size_t failed_offset; // where the first failure was
};

static inline struct reader reader_over(const void *data, size_t size)
{
	return (struct reader){.data = data ? data : "", .size = data ? size : 0};
}

static inline bool reader_ok(const struct reader *reader)
{
	return !reader->failed;
}

bool reader_at_end(const struct reader *reader); // also true after a failure
// False and a message with the offset ("WHAT: truncated or damaged at offset N") if it failed.
bool reader_check(const struct reader *reader, const char *what, struct error *error) must_check;
void reader_fail(struct reader *reader);

// `size` bytes in place, or NULL.
static inline const uint8_t *reader_bytes(struct reader *reader, uint64_t size)
{
	if (reader->failed || size > reader->size - reader->offset) {
		reader_fail(reader);
		return NULL;
	}
	const uint8_t *bytes = reader->data + reader->offset;
	reader->offset += size;
	return bytes;
}

// From the start; the end is allowed.
static inline void reader_seek(struct reader *reader, uint64_t offset)
{
	if (reader->failed || offset > reader->size)
		reader_fail(reader);
	else
		reader->offset = offset;
}

static inline uint8_t reader_u8(struct reader *reader)
{
	const uint8_t *bytes = reader_bytes(reader, 1);
	return bytes ? *bytes : 0;
}

static inline uint16_t reader_u16(struct reader *reader)
{
	uint16_t value = 0;
	const uint8_t *bytes = reader_bytes(reader, sizeof value);
	if (bytes)
		memcpy(&value, bytes, sizeof value);
	return le16toh(value);
}

static inline uint32_t reader_u32(struct reader *reader)
{
	uint32_t value = 0;
	const uint8_t *bytes = reader_bytes(reader, sizeof value);
	if (bytes)
		memcpy(&value, bytes, sizeof value);
	return le32toh(value);
}

static inline uint64_t reader_u64(struct reader *reader)
{
	uint64_t value = 0;
	const uint8_t *bytes = reader_bytes(reader, sizeof value);
	if (bytes)
		memcpy(&value, bytes, sizeof value);
	return le64toh(value);
}

void reader_skip(struct reader *reader, uint64_t size);
uint64_t reader_varint(struct reader *reader); // LEB128, at most 10 bytes
// The text up to the next NUL within `limit` bytes, in place and terminated; NULL if there is none.
const char *reader_cstring(struct reader *reader, size_t limit);
// The next `size` bytes as a reader of their own.
struct reader reader_sub(struct reader *reader, uint64_t size);
