// SPDX-License-Identifier: Apache-2.0
// What the parts of the function tables share: opening them (functab_open.c), looking program
// counters up (functab.c), looking names up (functab_names.c).
#pragma once

#include "base/map.h"
#include "base/vec.h"
#include "golang/functab.h"

// The tables of the program, or of a plugin that it has loaded.
struct functab_module {
	taddr_t moduledata;
	taddr_t names, cu_table, files, pc_table, functions, text, go_func;
	uint32_t *entries; // pairs: offset of the entry from text, offset of the _func
	size_t count;
	uint8_t pc_quantum; // program counters in the tables count in these
};

struct functab {
	struct target *target;
	struct go_layout layout;
	struct arena arena;
	VEC(struct functab_module) modules; // the first is that of the runtime; never empty
	struct map strings;                 // address -> index in string_list
	VEC(const char *) string_list;
	struct map names_of_pc; // pc -> index in name_list
	VEC(const char *) name_list;
	struct map frames; // return pc -> index in frame_list
	VEC(struct go_frame *) frame_list;
	uint64_t failures;
	bool plugins_missing; // the tables of at least one could not be read
};
