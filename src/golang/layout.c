// SPDX-License-Identifier: Apache-2.0
// In: a Go version and a field's name. Out: its offset.
#include "golang/layout.h"

#include "base/reader.h"

struct field_row {
	const char *name;
	int offset[LAYOUT_VERSIONS];
};

static const struct field_row fields[GO_FIELD_COUNT] = {
#define GO_FIELD(id, dwarf, ...) [id] = {dwarf, {__VA_ARGS__}},
#include "golang/layout_table.h"
#undef GO_FIELD
};

bool layout_find(const struct go_version *version, struct go_layout *layout, struct error *error)
{
	if (version->major != 1 || version->minor < LAYOUT_FIRST_MINOR ||
	    version->minor > LAYOUT_LAST_MINOR) {
		error_set(error, ERROR_UNSUPPORTED,
			  "Go version %s: whyoom reads the runtimes of Go 1.%d to 1.%d",
			  version->text, LAYOUT_FIRST_MINOR, LAYOUT_LAST_MINOR);
		return error_hint(error, "update whyoom, or report this version");
	}
	layout->minor = version->minor;
	for (int i = 0; i < GO_FIELD_COUNT; i++)
		layout->offset[i] = fields[i].offset[version->minor - LAYOUT_FIRST_MINOR];
	return true;
}

bool layout_has(const struct go_layout *layout, enum go_field field)
{
	return layout->offset[field] >= 0;
}

bool layout_require(const struct go_layout *layout, const enum go_field *wanted, size_t count,
		    struct error *error)
{
	for (size_t i = 0; i < count; i++)
		if (!layout_has(layout, wanted[i]))
			return error_set(error, ERROR_UNSUPPORTED, "Go 1.%d has no %s",
					 layout->minor, fields[wanted[i]].name);
	return true;
}

const char *layout_field_name(enum go_field field)
{
	return fields[field].name;
}

static struct reader at_field(const struct go_record *record, enum go_field field)
{
	struct reader reader = reader_over(record->bytes, record->size);
	reader_seek(&reader, (uint64_t)record->layout->offset[field]); // -1 fails
	return reader;
}

uint64_t record_u64(const struct go_record *record, enum go_field field)
{
	struct reader reader = at_field(record, field);
	return reader_u64(&reader);
}

uint32_t record_u32(const struct go_record *record, enum go_field field)
{
	struct reader reader = at_field(record, field);
	return reader_u32(&reader);
}

uint16_t record_u16(const struct go_record *record, enum go_field field)
{
	struct reader reader = at_field(record, field);
	return reader_u16(&reader);
}

uint8_t record_u8(const struct go_record *record, enum go_field field)
{
	struct reader reader = at_field(record, field);
	return reader_u8(&reader);
}
