// SPDX-License-Identifier: Apache-2.0
/*
 * What a log puts before each line, learned from one line: the same text again, but for times and
 * what they are made of. "Nov 21 17:03:28 host app[12]: " matches "Dec  1 00:00:01 host app[12]: "
 * and no line of another process.
 */
#pragma once

#include "crash/span.h"

enum { PREFIX_MAX = 256 };

struct prefix {
	char text[PREFIX_MAX]; // as in the line that it was learned from
	size_t length;
};

// False where it is too long.
bool prefix_learn(struct span text, struct prefix *prefix);
// The length of the prefix in `line`, or SPAN_NONE. A line that ends within the blanks at the end
// of a prefix is an empty line.
size_t prefix_match(const struct prefix *prefix, struct span line);
// Whether it can stand before a line of a log: it has a time, or ends as such prefixes end.
bool prefix_is_plausible(struct span text);
