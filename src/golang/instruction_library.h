// SPDX-License-Identifier: Apache-2.0
/*
 * capstone, loaded when it is needed: for executables without symbols. Linked to the program it
 * would bring 3 MiB of tables, which the dynamic linker has to go through, to the start of every
 * command.
 */
#pragma once

#include <capstone/capstone.h>

#include "base/error.h"

// Those of capstone that are used, without "cs_".
#define INSTRUCTION_FUNCTIONS(X) \
	X(open)                  \
	X(close)                 \
	X(option)                \
	X(malloc)                \
	X(free)                  \
	X(strerror)              \
	X(disasm_iter)           \
	X(regs_access)

struct instruction_library {
#define INSTRUCTION_FUNCTION(name) __typeof__(cs_##name) *name;
	INSTRUCTION_FUNCTIONS(INSTRUCTION_FUNCTION)
#undef INSTRUCTION_FUNCTION
};

// Opens files where nobody has prepared it. What is loaded stays.
bool instruction_library_load(struct instruction_library *library, struct error *error) must_check;
// Before the sandbox is entered, for all who load it in there. A failure shows when it is loaded.
void instruction_library_prepare(void);
