// SPDX-License-Identifier: Apache-2.0
// In: a number, again and again. Out: what it was.
#include "watch/past.h"

#include <stddef.h>

static int newest(const struct past *past)
{
	return (past->next + PAST_SLOTS - 1) % PAST_SLOTS;
}

void past_add(struct past *past, int64_t age_ns, int64_t now_ns, int64_t value)
{
	if (past->count) {
		int64_t passed_ns = now_ns - past->times_ns[newest(past)];
		if (passed_ns < 0 || passed_ns > 2 * age_ns)
			past->count = 0;
		else if (passed_ns < age_ns / PAST_PARTS)
			return;
	}
	past->values[past->next] = value;
	past->times_ns[past->next] = now_ns;
	past->next = (past->next + 1) % PAST_SLOTS;
	past->count += past->count < PAST_SLOTS;
}

const int64_t *past_find(const struct past *past, int64_t age_ns, int64_t now_ns,
			 int64_t *found_age_ns)
{
	int slot = newest(past);
	for (int i = 0; i < past->count; i++, slot = (slot + PAST_SLOTS - 1) % PAST_SLOTS) {
		int64_t found_ns = now_ns - past->times_ns[slot];
		if (found_ns < age_ns)
			continue;
		if (found_ns > 2 * age_ns)
			return NULL;
		if (found_age_ns)
			*found_age_ns = found_ns;
		return &past->values[slot];
	}
	return NULL;
}
