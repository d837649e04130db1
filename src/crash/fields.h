// SPDX-License-Identifier: Apache-2.0
/*
 * A line of a table, as consoles and command-line tools export logs: the same line without the
 * quotes and the notation of its fields, so that what stands before and behind the message is like
 * in any other log.
 */
#pragma once

#include "base/strbuf.h"
#include "crash/span.h"

// CSV ("a","b ""c"""), YAML (key: "value"), bytes in JSON ("MESSAGE":[112,97]) and what the command
// line of AWS prints. `out` was empty, and is where the line is none of them: false.
bool fields_unpack(struct span line, struct strbuf *out);
