// SPDX-License-Identifier: Apache-2.0
// What a message of the runtime means, as data: one row a message.
#pragma once

#include "crash/crash.h"
#include "crash/span.h"

struct crash_cause {
	const char *id; // for machines
	enum crash_kind kind;
	const char *start;   // how the message begins; "*x": contains x
	const char *title;   // what happened, in a few words
	const char *meaning; // what that means; "" where the title says it
	const char *next;    // what to capture or to do; ""
	bool is_memory;      // the machine or its limit had no memory for it
};

// Never NULL: the last row of each kind takes all.
const struct crash_cause *crash_cause_find(enum crash_kind kind, struct span message);
const struct crash_cause *crash_cause_by_id(const char *id);
