// SPDX-License-Identifier: Apache-2.0
/*
 * Whether a runtime, read with a layout that was not measured for its version, makes sense: numbers
 * that the runtime keeps in two places must agree, and what must be an address, a state or a
 * function's entry must be one. A wrong layout fails here, so that no wrong number is shown.
 */
#pragma once

#include "golang/runtime.h"

// ERROR_UNSUPPORTED with the first thing that does not fit.
bool go_runtime_verify(const struct go_runtime *runtime, struct error *error) must_check;
