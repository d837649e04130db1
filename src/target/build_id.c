// SPDX-License-Identifier: Apache-2.0
// In: the bytes of ELF notes. Out: the build IDs among them.
#include "target/build_id.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/reader.h"

enum { NOTE_GNU_BUILD_ID = 3, NOTE_GO_BUILD_ID = 4, NAME_BYTES = 4 };

static void take_gnu(const uint8_t *bytes, size_t size, struct build_ids *ids)
{
	if (ids->gnu[0] || 2 * size >= sizeof ids->gnu)
		return;
	for (size_t i = 0; i < size; i++)
		snprintf(ids->gnu + 2 * i, 3, "%02x", bytes[i]);
}

static void take_go(const uint8_t *bytes, size_t size, struct build_ids *ids)
{
	if (ids->go[0] || size >= sizeof ids->go)
		return;
	for (size_t i = 0; i < size; i++)
		if (bytes[i] <= ' ' || bytes[i] > '~')
			return;
	memcpy(ids->go, bytes, size);
	ids->go[size] = '\0';
}

static uint64_t padded(uint32_t size)
{
	return ((uint64_t)size + 3) & ~(uint64_t)3;
}

void build_ids_parse(const void *notes, size_t size, struct build_ids *ids)
{
	struct reader reader = reader_over(notes, size);
	while (!reader_at_end(&reader)) {
		uint32_t name_size = reader_u32(&reader), data_size = reader_u32(&reader);
		uint32_t type = reader_u32(&reader);
		const uint8_t *name = reader_bytes(&reader, padded(name_size));
		const uint8_t *data = reader_bytes(&reader, data_size);
		if (!reader_ok(&reader))
			return;
		if (name_size == NAME_BYTES && type == NOTE_GNU_BUILD_ID && !memcmp(name, "GNU", 4))
			take_gnu(data, data_size, ids);
		if (name_size == NAME_BYTES && type == NOTE_GO_BUILD_ID && !memcmp(name, "Go\0", 4))
			take_go(data, data_size, ids);
		// The last note of a section need not be padded.
		uint64_t left = reader.size - reader.offset, rest = padded(data_size) - data_size;
		reader_skip(&reader, rest < left ? rest : left);
	}
}

enum build_match build_ids_compare(const struct build_ids *a, const struct build_ids *b)
{
	bool gnu = a->gnu[0] && b->gnu[0], go = a->go[0] && b->go[0];
	if (!gnu && !go)
		return BUILD_UNKNOWN;
	return (!gnu || strcmp(a->gnu, b->gnu) == 0) && (!go || strcmp(a->go, b->go) == 0)
		       ? BUILD_SAME
		       : BUILD_OTHER;
}

const char *build_ids_name(const struct build_ids *ids)
{
	return ids->gnu[0] ? ids->gnu : ids->go;
}
