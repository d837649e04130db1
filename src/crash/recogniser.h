// SPDX-License-Identifier: Apache-2.0
/*
 * Clean lines of one process's log, one by one, to crashes. Other lines may stand between; what a
 * goroutine has is kept until the next one begins, so that equal ones cost a hash and no memory.
 */
#pragma once

#include "crash/crash.h"
#include "crash/line.h"

struct recogniser;

// The log and the options are borrowed.
struct recogniser *recogniser_new(struct crash_log *log, const struct crash_options *options);
// Ends what is open and puts it into the log.
void recogniser_free(struct recogniser *recogniser);
// True when the line, which was parsed, is one of a crash. `number` is that of the input's line.
bool recogniser_take(struct recogniser *recogniser, const struct crash_line *parsed,
		     struct span line, uint64_t number, const char *wrapping);
// The same for a line of the kernel's log, whatever it says, without what comes before its text.
bool recogniser_take_kernel(struct recogniser *recogniser, struct span text, uint64_t number,
			    const char *wrapping);
// A block of the kernel's log about a kill is being read.
bool recogniser_in_kernel(const struct recogniser *recogniser);
// A message was seen and no goroutine yet: what follows may come with another prefix.
bool recogniser_wants_goroutines(const struct recogniser *recogniser);
// Whether this message goes on with what is open: behind notes, or "\tpanic: " behind a panic.
bool recogniser_continues(const struct recogniser *recogniser, const struct crash_line *line);
