// SPDX-License-Identifier: Apache-2.0
/*
 * Patterns over functions, as rules write them: "io.ReadAll" is that function, "crypto/tls..." all
 * that begin so, "...zap.New" all that end so, "...otel..." all with it inside; "a|b" is either.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum { FRAME_PATTERNS_MAX = 4 };

bool frame_matches(const char *pattern, const char *function);

// Gives the function of frame `index`, innermost first, of whatever has frames.
typedef const char *(*frame_function)(const void *stack, size_t index);

// Every pattern (up to NULL) matches a frame, in this order from the innermost one outwards.
bool frames_match(const char *const *patterns, const void *stack, size_t depth, frame_function get);
// One of the patterns matches some frame.
bool frames_match_any(const char *const *patterns, const void *stack, size_t depth,
		      frame_function get);
