// SPDX-License-Identifier: Apache-2.0
/*
 * Whole structures of the runtime, copied at once so that their fields belong together, and reads
 * of single variables.
 */
#pragma once

#include "base/cleanup.h"
#include "base/vec.h"
#include "golang/runtime.h"

struct go_struct {
	uint8_t *bytes; // owned
	struct go_record record;
};

typedef VEC(taddr_t) go_addresses;

// The structure at `address`; `size_field` is its size in the layout.
bool go_struct_read(const struct go_runtime *runtime, taddr_t address, enum go_field size_field,
		    struct go_struct *out, struct error *error) must_check;
// The same for a variable of the runtime.
bool go_struct_read_symbol(const struct go_runtime *runtime, enum go_symbol symbol,
			   enum go_field size_field, struct go_struct *out,
			   struct error *error) must_check;
void go_struct_deinit(struct go_struct *structure);

// False where the binary has no such variable or it cannot be read: then it is not known.
bool go_variable_u32(const struct go_runtime *runtime, enum go_symbol symbol, uint32_t *value);
bool go_variable_u64(const struct go_runtime *runtime, enum go_symbol symbol, uint64_t *value);

double record_f64(const struct go_record *record, enum go_field field);
// The record of a structure inside another, at `offset` in it.
struct go_record record_at(const struct go_record *record, size_t offset, size_t size);

// The addresses of all processors (P), in order. Source: runtime/proc.go (allp). The caller frees
// them; `addresses` starts out empty.
bool go_processors_find(const struct go_runtime *runtime, go_addresses *addresses,
			struct error *error) must_check;
