// SPDX-License-Identifier: Apache-2.0
// Logs of programs that gccgo has built: their functions have the names that the linker knows.
#pragma once

#include "crash/crash.h"

// Whether the files of its runtime are libgo's.
bool gccgo_has_made(const struct crash *crash);
// Gives functions the names that they have in the source: "example_0com_1shop.F" is
// "example.com/shop.F".
void gccgo_restore_names(struct crash *crash, struct crash_log *log);
