// SPDX-License-Identifier: Apache-2.0
// In: a word and those that are known. Out: the nearest, by letters changed, left out or added.
#include "base/suggest.h"

#include <string.h>

enum { WORD_MAX = 40 };

static size_t least(size_t a, size_t b, size_t c)
{
	size_t most = a < b ? a : b;
	return most < c ? most : c;
}

static size_t distance(const char *a, const char *b)
{
	size_t row[WORD_MAX + 1], a_length = strlen(a), b_length = strlen(b);
	if (a_length > WORD_MAX || b_length > WORD_MAX)
		return WORD_MAX;
	for (size_t j = 0; j <= b_length; j++)
		row[j] = j;
	for (size_t i = 1; i <= a_length; i++) {
		size_t diagonal = row[0];
		row[0] = i;
		for (size_t j = 1; j <= b_length; j++) {
			size_t above = row[j];
			row[j] =
				least(above + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1]));
			diagonal = above;
		}
	}
	return row[b_length];
}

const char *suggest(const char *word, const char *const *candidates, size_t count)
{
	const char *nearest = NULL;
	size_t length = strlen(word), best = length < 4 ? 1 : length < 8 ? 2 : 3;
	for (size_t i = 0; i < count; i++) {
		if (!candidates[i])
			continue;
		size_t far = distance(word, candidates[i]);
		// The one that begins with it, too: "heap" for "heap_live".
		if (length >= 3 && strncmp(word, candidates[i], length) == 0)
			far = far < 1 ? far : 1;
		if (far > best || (nearest && far == best))
			continue;
		nearest = candidates[i];
		best = far;
	}
	return nearest;
}
