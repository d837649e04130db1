// SPDX-License-Identifier: Apache-2.0
/*
 * How the live heap and the number of goroutines went up and down between two looks at a process.
 * Both looks may fall into a burst. What tells it from a leak is what the numbers came down to in
 * between, and whether they had been as high before that.
 */
#pragma once

#include "golang/gauge.h"

struct swing_half {
	uint64_t samples, changes; // how often it was seen, and was another than the time before
	uint64_t low, high;
};

struct swing {
	struct swing_half halves[2]; // of the time
	uint64_t last;
};

struct swings {
	int64_t from_ns, to_ns;          // of any clock
	struct swing marked, goroutines; // bytes that the last collection found live; a number
};

void swings_begin(struct swings *swings, int64_t from_ns, int64_t to_ns);
void swings_add(struct swings *swings, const struct go_gauges *gauges, int64_t now_ns);
// Whether it was seen often enough: at least so many changes in each half.
bool swing_tells(const struct swing *swing, uint64_t changes);
