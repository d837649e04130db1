// SPDX-License-Identifier: Apache-2.0
// In: keys in any order. Out: the same in order, by radix sort from the lowest digit on.
#include "base/sort.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/cleanup.h"

enum { DIGIT_BITS = 11, DIGITS = 1 << DIGIT_BITS, PASSES = (64 + DIGIT_BITS - 1) / DIGIT_BITS };

static int by_key(const void *a, const void *b)
{
	uint64_t left = ((const struct sort_key *)a)->key,
		 right = ((const struct sort_key *)b)->key;
	return (left > right) - (left < right);
}

static bool is_sorted(const struct sort_key *keys, size_t count)
{
	for (size_t i = 1; i < count; i++)
		if (keys[i].key < keys[i - 1].key)
			return false;
	return true;
}

// The bits that are not the same in all keys: what need not be sorted by is left out.
static uint64_t find_differences(const struct sort_key *keys, size_t count)
{
	uint64_t differences = 0;
	for (size_t i = 1; i < count; i++)
		differences |= keys[i].key ^ keys[0].key;
	return differences;
}

static void sort_digit(const struct sort_key *from, struct sort_key *to, size_t count, int shift)
{
	size_t places[DIGITS] = {0}, place = 0;
	for (size_t i = 0; i < count; i++)
		places[from[i].key >> shift & (DIGITS - 1)]++;
	for (size_t digit = 0; digit < DIGITS; digit++) {
		size_t here = places[digit];
		places[digit] = place;
		place += here;
	}
	for (size_t i = 0; i < count; i++)
		to[places[from[i].key >> shift & (DIGITS - 1)]++] = from[i];
}

void sort_keys(struct sort_key *keys, size_t count)
{
	if (is_sorted(keys, count))
		return;
	_cleanup_free_ struct sort_key *copy = alloc_try_array(count, sizeof *copy);
	if (!copy) {
		qsort(keys, count, sizeof *keys, by_key);
		return;
	}
	uint64_t differences = find_differences(keys, count);
	struct sort_key *from = keys, *to = copy;
	for (int pass = 0; pass < PASSES; pass++) {
		int shift = pass * DIGIT_BITS;
		if (!(differences >> shift & (DIGITS - 1)))
			continue;
		sort_digit(from, to, count, shift);
		struct sort_key *sorted = to;
		to = from;
		from = sorted;
	}
	if (from != keys)
		memcpy(keys, from, count * sizeof *keys);
}
