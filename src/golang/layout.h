// SPDX-License-Identifier: Apache-2.0
/*
 * Where the fields of the Go runtime's structures are, by version: the one place that knows Go
 * versions. Walkers ask for a field by name; a field that a version lacks is -1 there, and
 * layout_require() turns that into ERROR_UNSUPPORTED with the field's name.
 *
 * Source: DWARF of programs built by each toolchain, linux/amd64; arm64 has the same offsets. The
 * test suite compares this table with the DWARF of its own target programs.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "golang/version.h"

enum { LAYOUT_FIRST_MINOR = 22, LAYOUT_LAST_MINOR = 27, LAYOUT_VERSIONS = 6 };

enum go_field {
#define GO_FIELD(name, dwarf, ...) name,
#include "golang/layout_table.h"
#undef GO_FIELD
	GO_FIELD_COUNT
};

struct go_layout {
	int minor;
	int offset[GO_FIELD_COUNT]; // in bytes; for SIZE rows the size; -1: the version has no such
				    // field
};

// ERROR_UNSUPPORTED with the version's name when no layout is known for it.
bool layout_find(const struct go_version *version, struct go_layout *layout,
		 struct error *error) must_check;
bool layout_has(const struct go_layout *layout, enum go_field field);
bool layout_require(const struct go_layout *layout, const enum go_field *fields, size_t count,
		    struct error *error) must_check;
// "runtime.mspan.startAddr"; for a SIZE row "runtime.mspan".
const char *layout_field_name(enum go_field field);

// Bytes of one structure of the target, read as fields. A field that is missing or lies outside
// the bytes reads as 0: require it, and read the whole structure, first.
struct go_record {
	const struct go_layout *layout;
	const uint8_t *bytes;
	size_t size;
};

uint64_t record_u64(const struct go_record *record, enum go_field field);
uint32_t record_u32(const struct go_record *record, enum go_field field);
uint16_t record_u16(const struct go_record *record, enum go_field field);
uint8_t record_u8(const struct go_record *record, enum go_field field);
