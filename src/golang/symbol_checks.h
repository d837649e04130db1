// SPDX-License-Identifier: Apache-2.0
// What a variable of the runtime must hold to be that variable.
#pragma once

#include "golang/runtime.h"

// False when what is at `address` cannot be `symbol`; true also where nothing can be said of it.
bool symbol_holds(const struct go_runtime *runtime, enum go_symbol symbol, taddr_t address);
