// SPDX-License-Identifier: Apache-2.0
/*
 * Walking untrusted protobuf bytes, as far as pprof needs it. Private to profile/.
 * Damage sticks in the message's reader: check it with reader_check() once the walk has ended.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/reader.h"
#include "base/vec.h"
#include "profile/pprof_fields.h"

enum { WIRE_MAX_SCALARS = 11 }; // one more than the highest field number of a message of numbers

struct wire_field {
	uint64_t number;
	enum wire_type type;
	uint64_t value;      // of a number
	struct reader bytes; // of a text, a message or packed numbers
};

struct wire_numbers {
	VEC(uint64_t) list;
};

// One step of a message. False at its end and after damage.
bool wire_next(struct reader *message, struct wire_field *field);
// False, and the message is damaged, when the field is not of that type.
bool wire_expect(struct reader *message, const struct wire_field *field, enum wire_type type);
// A repeated number, packed or one by one, behind those that are there. Keeps at most
// `maximum` + 1: the one too many tells the caller.
void wire_read_numbers(struct reader *message, const struct wire_field *field, size_t maximum,
		       struct wire_numbers *numbers);
// A whole message whose fields 1 to `count` are numbers; scalars[N] is field N, or 0.
bool wire_read_scalars(struct reader message, const char *what, size_t count,
		       uint64_t scalars[static WIRE_MAX_SCALARS], struct error *error) must_check;
