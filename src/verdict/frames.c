// SPDX-License-Identifier: Apache-2.0
// In: patterns and functions. Out: whether they match.
#include "verdict/frames.h"

#include <string.h>

static const char dots[] = "...";
enum { DOTS = 3 };

static bool contains(const char *text, const char *part, size_t length)
{
	return memmem(text, strlen(text), part, length) != NULL;
}

static bool matches_one(const char *pattern, size_t length, const char *function)
{
	bool open_start = length > DOTS && strncmp(pattern, dots, DOTS) == 0;
	bool open_end = length > DOTS && strncmp(pattern + length - DOTS, dots, DOTS) == 0;
	const char *part = pattern + (open_start ? DOTS : 0);
	size_t size = length - (open_start ? DOTS : 0) - (open_end ? DOTS : 0);
	size_t given = strlen(function);
	if (open_start && open_end)
		return contains(function, part, size);
	if (open_start)
		return given >= size && memcmp(function + given - size, part, size) == 0;
	if (open_end)
		return strncmp(function, part, size) == 0;
	return given == size && memcmp(function, part, size) == 0;
}

bool frame_matches(const char *pattern, const char *function)
{
	while (*pattern) {
		size_t length = strcspn(pattern, "|");
		if (matches_one(pattern, length, function))
			return true;
		pattern += length + (pattern[length] == '|');
	}
	return false;
}

bool frames_match(const char *const *patterns, const void *stack, size_t depth, frame_function get)
{
	size_t next = 0;
	for (size_t i = 0; i < depth && next < FRAME_PATTERNS_MAX && patterns[next]; i++)
		if (frame_matches(patterns[next], get(stack, i)))
			next++;
	return next == FRAME_PATTERNS_MAX || !patterns[next];
}

bool frames_match_any(const char *const *patterns, const void *stack, size_t depth,
		      frame_function get)
{
	for (size_t i = 0; i < FRAME_PATTERNS_MAX && patterns[i]; i++)
		for (size_t j = 0; j < depth; j++)
			if (frame_matches(patterns[i], get(stack, j)))
				return true;
	return false;
}
