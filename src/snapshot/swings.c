// SPDX-License-Identifier: Apache-2.0
// In: gauges, many times between two looks. Out: what they came down to, and from where.
#include "snapshot/swings.h"

void swings_begin(struct swings *swings, int64_t from_ns, int64_t to_ns)
{
	*swings = (struct swings){.from_ns = from_ns, .to_ns = to_ns};
}

static void add(struct swing *swing, uint64_t value, bool last_half)
{
	struct swing_half *half = &swing->halves[last_half];
	bool first = !swing->halves[0].samples && !swing->halves[1].samples;
	half->changes += !first && value != swing->last;
	if (value > swing->most)
		swing->most = value;
	if (!half->samples || value <= half->low) {
		half->low = value;
		swing->high = swing->most;
	}
	half->samples++;
	swing->last = value;
}

void swings_add(struct swings *swings, const struct go_gauges *gauges, int64_t now_ns)
{
	bool last_half = now_ns - swings->from_ns > (swings->to_ns - swings->from_ns) / 2;
	if (gauges->has_heap && gauges->heap_marked) // else nothing was collected yet
		add(&swings->marked, gauges->heap_marked, last_half);
	if (gauges->has_goroutines)
		add(&swings->goroutines, gauges->goroutines, last_half);
}

bool swing_tells(const struct swing *swing, uint64_t changes)
{
	for (int i = 0; i < 2; i++)
		if (!swing->halves[i].samples || swing->halves[i].changes < changes)
			return false;
	return true;
}
