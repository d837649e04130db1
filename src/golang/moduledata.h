// SPDX-License-Identifier: Apache-2.0
/*
 * runtime.firstmoduledata, found by its shape: in a stripped program nothing else says where the
 * tables of functions and the variables are.
 *
 * It starts with a pointer to the header of the function tables (pclntab) and slices of those
 * tables; the header holds the same places as offsets. What agrees in all of them is no accident,
 * so the magic number, which obfuscators change, is not needed. The fields read here have been at
 * the same offsets since Go 1.16. Before, there is one table, and its magic number is needed.
 * Source: runtime/symtab.go (moduledata, pcHeader).
 */
#pragma once

#include "target/target.h"

struct go_range {
	taddr_t start, end; // end is exclusive
};

enum go_data_range {
	GO_RANGE_NOPTRDATA,
	GO_RANGE_DATA,
	GO_RANGE_BSS,
	GO_RANGE_NOPTRBSS,
	GO_RANGE_COUNT
};

struct go_moduledata {
	taddr_t address, pc_header;
	uint64_t function_count;
	struct go_range text;
	struct go_range data[GO_RANGE_COUNT]; // where variables are
};

// Looks through the writable data of the executable, also where it was made read-only since.
// ERROR_NOT_FOUND when no runtime of Go 1.13 or later is there.
bool moduledata_find(struct target *target, struct go_moduledata *out,
		     struct error *error) must_check;
// The one at `address`. ERROR_BAD_DATA when it is none.
bool moduledata_read(struct target *target, taddr_t address, struct go_moduledata *out,
		     struct error *error) must_check;
// Whether `size` bytes at `address` can be a variable of the program.
bool moduledata_holds_variable(const struct go_moduledata *module, taddr_t address, uint64_t size);
