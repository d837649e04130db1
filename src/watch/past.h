// SPDX-License-Identifier: Apache-2.0
/*
 * What a number was a given time ago, to a tenth of that time: a dozen values, taken a tenth of
 * the time apart. Plain data; all zero is empty. After a gap, or a clock that went back, it is not
 * known again until the time has passed.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum { PAST_SLOTS = 13, PAST_PARTS = 10 };

struct past {
	int64_t values[PAST_SLOTS], times_ns[PAST_SLOTS]; // a ring
	int next, count;
};

void past_add(struct past *past, int64_t age_ns, int64_t now_ns, int64_t value);
// The newest that is at least `age_ns` old. NULL: not known.
const int64_t *past_find(const struct past *past, int64_t age_ns, int64_t now_ns,
			 int64_t *found_age_ns);
