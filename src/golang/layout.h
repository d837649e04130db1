// SPDX-License-Identifier: Apache-2.0
/*
 * Where the fields of the Go runtime's structures are, by version: the one place that knows Go
 * versions. Walkers ask for a field by name; a field that a version lacks is -1 there, and
 * layout_require() turns that into ERROR_UNSUPPORTED with the field's name.
 *
 * Source: DWARF of programs built by each toolchain, for linux/amd64 and linux/arm64: the longer
 * cache lines of arm64 move some fields.
 * tools/go-layout/update writes the table, and the test suite compares it with DWARF.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/reader.h"
#include "golang/version.h"
#include "target/elf_image.h"

enum go_field {
#define GO_COLUMN(minor, patch, experiment)
#define GO_FIELD(name, dwarf, ...) name,
#include "golang/layout_table.h"
#undef GO_FIELD
#undef GO_COLUMN
	GO_FIELD_COUNT
};

// Where a layout comes from, and so how far its numbers can be trusted.
enum go_layout_trust {
	LAYOUT_FROM_TABLE, // measured with this version and these experiments
	LAYOUT_FROM_DWARF, // the target's own DWARF
	LAYOUT_GUESSED, // of another version or other experiments: only structural checks hold it
};

struct go_layout {
	enum go_layout_trust trust;
	int minor, patch;       // of the column: the first patch that has this layout
	const char *experiment; // the one that makes the difference, or ""; behind "arm64" there
	int offset[GO_FIELD_COUNT]; // in bytes; for a structure its size; -1: there is no such
				    // field
};

// The layout of this very version on that machine (Go 1.17 and earlier: amd64 only).
// ERROR_UNSUPPORTED with its name when the table lacks its minor version or one of its experiments.
bool layout_find(const struct go_version *version, enum elf_machine machine,
		 struct go_layout *layout, struct error *error) must_check;
// All columns of the table, oldest first, for guesses.
size_t layout_count(void);
void layout_get(size_t index, struct go_layout *layout);
bool layout_is_of(const struct go_layout *layout, enum elf_machine machine);
// What a reader must know of how far the numbers can be trusted; "" for a layout of the table.
const char *layout_caveat(const struct go_layout *layout);
bool layout_has(const struct go_layout *layout, enum go_field field);
bool layout_require(const struct go_layout *layout, const enum go_field *fields, size_t count,
		    struct error *error) must_check;
// "runtime.mspan.startAddr"; for a structure's size "runtime.mspan".
const char *layout_field_name(enum go_field field);

// Bytes of one structure of the target, read as fields. A field that is missing or lies outside
// the bytes reads as 0: require it, and read the whole structure, first.
struct go_record {
	const struct go_layout *layout;
	const uint8_t *bytes;
	size_t size;
};

// The one place that looks at them: it runs for each field of each of a million structures, where a
// struct reader would go through memory.
static inline uint64_t record_bytes(const struct go_record *record, enum go_field field,
				    size_t size)
{
	uint64_t place = (uint64_t)(int64_t)record->layout->offset[field], value = 0; // -1 fails
	if (place < record->size && size <= record->size - place)
		memcpy(&value, record->bytes + place, size);
	return le64toh(value);
}

static inline uint64_t record_u64(const struct go_record *record, enum go_field field)
{
	return record_bytes(record, field, sizeof(uint64_t));
}

static inline uint32_t record_u32(const struct go_record *record, enum go_field field)
{
	return (uint32_t)record_bytes(record, field, sizeof(uint32_t));
}

static inline uint16_t record_u16(const struct go_record *record, enum go_field field)
{
	return (uint16_t)record_bytes(record, field, sizeof(uint16_t));
}

static inline uint8_t record_u8(const struct go_record *record, enum go_field field)
{
	return (uint8_t)record_bytes(record, field, sizeof(uint8_t));
}

// A number that some versions keep in 8 bytes and others in 2, from whichever field is there.
static inline uint64_t record_u64_or_u16(const struct go_record *record, enum go_field wide,
					 enum go_field narrow)
{
	return layout_has(record->layout, narrow) ? record_u16(record, narrow)
						  : record_u64(record, wide);
}
