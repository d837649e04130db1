// SPDX-License-Identifier: Apache-2.0
// In: an address and the layout. Out: the bytes of one structure, to be read by field.
#include "golang/structs.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { PROCESSORS_MAX = 4096 };

bool go_struct_read(const struct go_runtime *runtime, taddr_t address, enum go_field size_field,
		    struct go_struct *out, struct error *error)
{
	if (!layout_require(&runtime->layout, &size_field, 1, error))
		return false;
	size_t size = (size_t)runtime->layout.offset[size_field];
	_cleanup_free_ uint8_t *bytes = alloc_array(size, 1);
	if (!target_read(runtime->target, address, bytes, size, error))
		return error_wrap(error, "%s", layout_field_name(size_field));
	out->record = (struct go_record){&runtime->layout, bytes, size};
	out->bytes = take_ptr(bytes);
	return true;
}

bool go_struct_read_symbol(const struct go_runtime *runtime, enum go_symbol symbol,
			   enum go_field size_field, struct go_struct *out, struct error *error)
{
	taddr_t address;
	return go_runtime_symbol(runtime, symbol, &address, error) &&
	       go_struct_read(runtime, address, size_field, out, error);
}

void go_struct_deinit(struct go_struct *structure)
{
	free(structure->bytes);
	*structure = (struct go_struct){0};
}

bool go_variable_u32(const struct go_runtime *runtime, enum go_symbol symbol, uint32_t *value)
{
	taddr_t address;
	return go_runtime_symbol(runtime, symbol, &address, NULL) &&
	       target_read_u32(runtime->target, address, value, NULL);
}

bool go_variable_u64(const struct go_runtime *runtime, enum go_symbol symbol, uint64_t *value)
{
	taddr_t address;
	return go_runtime_symbol(runtime, symbol, &address, NULL) &&
	       target_read_u64(runtime->target, address, value, NULL);
}

double record_f64(const struct go_record *record, enum go_field field)
{
	uint64_t bits = record_u64(record, field);
	double value;
	memcpy(&value, &bits, sizeof value);
	return value;
}

struct go_record record_at(const struct go_record *record, size_t offset, size_t size)
{
	if (offset > record->size || size > record->size - offset)
		return (struct go_record){record->layout, record->bytes, 0};
	return (struct go_record){record->layout, record->bytes + offset, size};
}

bool go_processors_find(const struct go_runtime *runtime, go_addresses *addresses,
			struct error *error)
{
	taddr_t slice, table;
	uint64_t count;
	if (!go_runtime_symbol(runtime, GO_SYMBOL_ALLP, &slice, error) ||
	    !target_read_u64(runtime->target, slice, &table, error) ||
	    !target_read_u64(runtime->target, slice + 8, &count, error))
		return error_wrap(error, "processors");
	if (count > PROCESSORS_MAX)
		return error_set(error, ERROR_BAD_DATA, "%" PRIu64 " processors", count);
	for (uint64_t i = 0; i < count; i++) {
		taddr_t address;
		if (!target_read_u64(runtime->target, table + 8 * i, &address, error))
			return error_wrap(error, "processors");
		vec_push(addresses, address);
	}
	return true;
}
