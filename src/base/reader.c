// SPDX-License-Identifier: Apache-2.0
// In: foreign bytes. Out: checked values, or a reader that has failed for good.
#include "base/reader.h"

#include <endian.h>
#include <string.h>

bool reader_at_end(const struct reader *reader)
{
	return reader->failed || reader->offset == reader->size;
}

bool reader_check(const struct reader *reader, const char *what, struct error *error)
{
	return !reader->failed ||
	       error_set(error, ERROR_BAD_DATA, "%s: truncated or damaged at offset %zu of %zu",
			 what, reader->failed_offset, reader->size);
}

void reader_fail(struct reader *reader)
{
	if (reader->failed)
		return;
	reader->failed = true;
	reader->failed_offset = reader->offset;
}

void reader_skip(struct reader *reader, uint64_t size)
{
	(void)reader_bytes(reader, size);
}

uint64_t reader_varint(struct reader *reader)
{
	uint64_t value = 0;
	for (unsigned int shift = 0; shift < 70; shift += 7) {
		const uint8_t *byte = reader_bytes(reader, 1);
		if (!byte)
			return 0;
		if (shift == 63 && *byte > 1)
			break;
		value |= (uint64_t)(*byte & 0x7f) << shift;
		if (!(*byte & 0x80))
			return value;
	}
	reader_fail(reader);
	return 0;
}

const char *reader_cstring(struct reader *reader, size_t limit)
{
	if (reader->failed)
		return NULL;
	size_t left = reader->size - reader->offset;
	const uint8_t *start = reader->data + reader->offset;
	const uint8_t *end = left ? memchr(start, '\0', left < limit ? left : limit) : NULL;
	if (!end) {
		reader_fail(reader);
		return NULL;
	}
	return (const char *)reader_bytes(reader, (uint64_t)(end - start) + 1);
}

struct reader reader_sub(struct reader *reader, uint64_t size)
{
	const uint8_t *bytes = reader_bytes(reader, size);
	return bytes ? reader_over(bytes, size) : (struct reader){.failed = true};
}
