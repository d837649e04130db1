// SPDX-License-Identifier: Apache-2.0
// In: protobuf bytes from anywhere. Out: their fields, one at a time.
#include "profile/pprof_wire.h"

#include <string.h>

bool wire_next(struct reader *message, struct wire_field *field)
{
	if (reader_at_end(message))
		return false;
	uint64_t tag = reader_varint(message);
	*field = (struct wire_field){.number = tag >> 3, .type = tag & 7};
	if (!field->number)
		reader_fail(message);
	switch (field->type) {
	case WIRE_VARINT:
		field->value = reader_varint(message);
		break;
	case WIRE_BYTES:
		field->bytes = reader_sub(message, reader_varint(message));
		break;
	case WIRE_FIXED64:
		reader_skip(message, 8);
		break;
	case WIRE_FIXED32:
		reader_skip(message, 4);
		break;
	default: // groups, which nobody writes any more, and what is not defined
		reader_fail(message);
	}
	return reader_ok(message);
}

bool wire_expect(struct reader *message, const struct wire_field *field, enum wire_type type)
{
	if (field->type != type)
		reader_fail(message);
	return field->type == type;
}

static void read_packed(struct reader *message, struct reader packed, size_t maximum,
			struct wire_numbers *numbers)
{
	while (!reader_at_end(&packed) && numbers->list.count <= maximum) {
		uint64_t value = reader_varint(&packed);
		vec_push(&numbers->list, value);
	}
	if (!reader_ok(&packed))
		reader_fail(message);
}

void wire_read_numbers(struct reader *message, const struct wire_field *field, size_t maximum,
		       struct wire_numbers *numbers)
{
	if (field->type == WIRE_BYTES)
		read_packed(message, field->bytes, maximum, numbers);
	else if (wire_expect(message, field, WIRE_VARINT) && numbers->list.count <= maximum)
		vec_push(&numbers->list, field->value);
}

bool wire_read_scalars(struct reader message, const char *what, size_t count,
		       uint64_t scalars[static WIRE_MAX_SCALARS], struct error *error)
{
	struct wire_field field;
	memset(scalars, 0, WIRE_MAX_SCALARS * sizeof *scalars);
	while (wire_next(&message, &field))
		if (field.number <= count && wire_expect(&message, &field, WIRE_VARINT))
			scalars[field.number] = field.value;
	return reader_check(&message, what, error);
}
