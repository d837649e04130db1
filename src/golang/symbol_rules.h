// SPDX-License-Identifier: Apache-2.0
/*
 * The runtime's variables without a symbol table: functions keep their names in every Go program,
 * and the code of a known function says where a variable is that it is known to use. Which
 * function, and how to tell the variable from the others in it, is a table (symbol_rules.c).
 *
 * No guesses: an address must lie in the module's data, every rule for a symbol that applies must
 * say the same, and what the variable holds must make sense. What fails that is not found.
 */
#pragma once

#include "golang/moduledata.h"
#include "golang/runtime.h"

// Fills those symbols that are 0 and can be found; where no code says where the buckets are, a scan
// for them does (bucket_scan.h).
bool symbol_rules_apply(const struct go_moduledata *module, struct go_runtime *runtime,
			struct error *error) must_check;
