// SPDX-License-Identifier: Apache-2.0
// Functions and lines out of the program's file, for what a log has only as addresses: stacks of a
// profile without their comments, the pc of a signal.
#pragma once

#include "crash/model_priv.h"

// Only programs that run where they were linked (not position-independent ones: their addresses
// are moved by an amount that no log has).
bool exe_lines_add(struct crash_log *log, int exe_fd, const char *path,
		   struct error *error) must_check;
