// SPDX-License-Identifier: Apache-2.0
// The sizes in a crash for want of memory: what was asked for, what the heap grew by, what it had.
#pragma once

#include "crash/model_priv.h"

// Fills crash->asked, grew, in_use, growing. After the version is known: arguments of Go 1.17 and
// later may be stale where they are marked so, and are uncertain where no mark is there.
void sizes_find(struct crash *crash, struct crash_log *log);
