// SPDX-License-Identifier: Apache-2.0
/*
 * Whether a group looks leaked: a judgement with its reasons, by what is known of it: how many of
 * one creator wait at one place, for how long, on what, whether anything can wake them, and which
 * waits are known (known_waits.h). It accuses nobody for being idle by design.
 */
#pragma once

#include "goroutine/groups.h"

enum goroutine_verdict {
	GOROUTINE_QUIET,   // nothing to say
	GOROUTINE_IDLE,    // waits by design
	GOROUTINE_SUSPECT, // looks leaked or stuck
};

enum { GOROUTINE_REASONS_MAX = 512 };

struct goroutine_judgement {
	enum goroutine_verdict verdict;
	int score;                           // of a suspect: larger is worse
	char reasons[GOROUTINE_REASONS_MAX]; // "60 wait at one place; nothing can wake them"
};

// `before`: how many there were earlier, or -1 where nobody looked.
void goroutine_judge(const struct goroutine_group *group, int64_t before,
		     struct goroutine_judgement *judgement);
const char *goroutine_verdict_name(enum goroutine_verdict verdict); // "suspect", for machines
// Whether these frames wait by design, however many they are; for a crash log's goroutines, too.
bool goroutine_waits_by_design(const struct goroutine_frame *frames, size_t depth,
			       const char *state);
