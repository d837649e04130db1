// SPDX-License-Identifier: Apache-2.0
/*
 * A real C program with a heap to test on: malloc-program, started without address randomization,
 * brought to a state, copied and ended. What the tests read is the copy, which they may damage.
 */
#pragma once

#include "system/lab.h"

#include "base/vec.h"
#include "native/native.h"

struct native_lab_change {
	size_t offset;
	uint64_t before;
};

struct native_lab {
	int memory_fd;
	struct maps maps; // as smaps had them
	VEC(struct target_mapping) mappings;
	uint8_t *memory; // the copy of everything writable, shared with memory_fd
	size_t memory_bytes;
	VEC(size_t) pages; // offsets of the pages that are not empty
	VEC(struct native_lab_change) changes;
};

// `commands` are lines of malloc-program, which lies beside the test or in ../native.
void native_lab_start(struct native_lab *lab, const char *const *commands, size_t count);
void native_lab_stop(struct native_lab *lab);
// A target over the copy as it is now.
struct target *native_lab_target(const struct native_lab *lab);
// The place of an address of the program in `memory`, with 8 bytes; or NULL.
uint8_t *native_lab_at(const struct native_lab *lab, taddr_t address);
// Overwrites 8 bytes of the copy; native_lab_undo puts everything back.
void native_lab_change(struct native_lab *lab, uint8_t *place, uint64_t value);
void native_lab_undo(struct native_lab *lab);
// What holds of whatever was read; aborts where it does not.
void native_lab_require_sane(const struct native_memory *memory);
