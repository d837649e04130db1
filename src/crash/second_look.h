// SPDX-License-Identifier: Apache-2.0
/*
 * A log whose lines are not as the program wrote them: newest first, as consoles and their exports
 * have them, or broken at the width of a terminal. That shows only once stacks were read, so such a
 * log is read once more, whole, as far as it is small enough.
 */
#pragma once

#include "crash/crash.h"
#include "crash/span.h"
#include "crash/streams.h"

#define SECOND_LOOK_BYTES_MAX ((size_t)64 << 20)

// Whether what was seen asks for it.
bool second_look_is_due(const struct log_shape *shape);
// Reads `text` as `shape` says, and where that gives more whole frames than `log` has, puts what it
// read into its place. True when it did.
bool second_look_take(struct span text, const struct log_shape *shape,
		      const struct crash_options *options, struct crash_log *log);
