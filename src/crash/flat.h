// SPDX-License-Identifier: Apache-2.0
/*
 * A crash whose line breaks became blanks, as pages and chat programs do it: the lines again. A
 * file ends where its line number and offset end, and what stands before it is a function.
 */
#pragma once

#include "base/strbuf.h"
#include "crash/span.h"

// Whether one line holds several frames.
bool flat_is(struct span line);
// Appends the lines, each with a line end.
void flat_restore(struct span line, struct strbuf *out);
