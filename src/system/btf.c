// SPDX-License-Identifier: Apache-2.0
// In: the bytes of BTF. Out: offsets and kinds. Types are numbered from 1, in the order of the
// file.
#include "system/btf.h"

#include <stdio.h>
#include <string.h>

enum { MAGIC = 0xeb9f, NAME_MAX_BYTES = 256 };

enum kind {
	KIND_INT = 1,
	KIND_PTR = 2,
	KIND_ARRAY = 3,
	KIND_STRUCT = 4,
	KIND_UNION = 5,
	KIND_ENUM = 6,
	KIND_TYPEDEF = 8,
	KIND_FUNC_PROTO = 13,
	KIND_VAR = 14,
	KIND_DATASEC = 15,
	KIND_DECL_TAG = 17,
	KIND_ENUM64 = 19,
	KIND_COUNT,
};

struct type {
	uint32_t name, count, kind, target;
	bool has_bits; // a member's offset carries the width of a bit field
	struct reader more;
};

static uint32_t size_of_more(const struct type *type)
{
	static const uint8_t fixed[KIND_COUNT] = {
		[KIND_INT] = 4, [KIND_ARRAY] = 12, [KIND_VAR] = 4, [KIND_DECL_TAG] = 4};
	static const uint8_t each[KIND_COUNT] = {
		[KIND_STRUCT] = 12,    [KIND_UNION] = 12,   [KIND_ENUM] = 8,
		[KIND_FUNC_PROTO] = 8, [KIND_DATASEC] = 12, [KIND_ENUM64] = 12};
	return fixed[type->kind] + each[type->kind] * type->count;
}

static bool read_type(struct reader *reader, struct type *type)
{
	*type = (struct type){.name = reader_u32(reader)};
	uint32_t info = reader_u32(reader);
	type->target = reader_u32(reader);
	type->count = info & 0xffff;
	type->kind = info >> 24 & 0x1f;
	type->has_bits = info >> 31;
	if (type->kind == 0 || type->kind >= KIND_COUNT)
		reader_fail(reader);
	if (!reader_ok(reader))
		return false;
	type->more = reader_sub(reader, size_of_more(type));
	return reader_ok(reader);
}

static bool has_name(const struct btf *btf, uint32_t offset, const char *name)
{
	struct reader strings = btf->strings;
	reader_seek(&strings, offset);
	const char *found = reader_cstring(&strings, NAME_MAX_BYTES);
	return found && strcmp(found, name) == 0;
}

static bool find_type(const struct btf *btf, enum kind kind, const char *name, struct type *type)
{
	struct reader types = btf->types;
	while (!reader_at_end(&types) && read_type(&types, type))
		if (type->kind == kind && has_name(btf, type->name, name))
			return true;
	return false;
}

static bool get_type(const struct btf *btf, uint32_t id, enum kind kind, struct type *type)
{
	struct reader types = btf->types;
	for (uint32_t i = 1; i <= id; i++)
		if (reader_at_end(&types) || !read_type(&types, type))
			return false;
	return id && type->kind == kind;
}

bool btf_open(const void *data, size_t size, struct btf *out, struct error *error)
{
	struct reader reader = reader_over(data, size);
	uint16_t magic = reader_u16(&reader);
	reader_skip(&reader, 2); // version, flags
	uint32_t header = reader_u32(&reader);
	uint32_t types_at = reader_u32(&reader), types_size = reader_u32(&reader);
	uint32_t strings_at = reader_u32(&reader), strings_size = reader_u32(&reader);
	if (magic != MAGIC)
		reader_fail(&reader);
	struct btf btf;
	reader_seek(&reader, (uint64_t)header + types_at);
	btf.types = reader_sub(&reader, types_size);
	reader_seek(&reader, (uint64_t)header + strings_at);
	btf.strings = reader_sub(&reader, strings_size);
	if (!reader_check(&reader, "BTF", error))
		return false;
	*out = btf;
	return true;
}

bool btf_find_member(const struct btf *btf, const char *structure, const char *member,
		     uint32_t *offset, struct error *error)
{
	struct type type;
	bool found = find_type(btf, KIND_STRUCT, structure, &type);
	for (uint32_t i = 0; found && i < type.count; i++) {
		uint32_t name = reader_u32(&type.more);
		reader_skip(&type.more, 4); // its type
		uint32_t bits = reader_u32(&type.more);
		if (!has_name(btf, name, member) || bits % 8 || (type.has_bits && bits >> 24))
			continue;
		*offset = bits / 8;
		return true;
	}
	return error_set(error, ERROR_NOT_FOUND, "this kernel's types have no %s.%s", structure,
			 member);
}

// typedef void (*btf_trace_NAME)(void *, FIRST, ...)
bool btf_takes_pointer(const struct btf *btf, const char *tracepoint, bool *is_pointer,
		       struct error *error)
{
	char name[NAME_MAX_BYTES];
	struct type type, proto;
	snprintf(name, sizeof name, "btf_trace_%s", tracepoint);
	if (!find_type(btf, KIND_TYPEDEF, name, &type) ||
	    !get_type(btf, type.target, KIND_PTR, &type) ||
	    !get_type(btf, type.target, KIND_FUNC_PROTO, &proto) || proto.count < 2)
		return error_set(error, ERROR_NOT_FOUND, "this kernel has no tracepoint %s",
				 tracepoint);
	reader_skip(&proto.more, 8 + 4); // the data of who listens; the name of the first one
	*is_pointer = get_type(btf, reader_u32(&proto.more), KIND_PTR, &type);
	return true;
}
