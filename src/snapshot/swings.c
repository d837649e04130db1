// SPDX-License-Identifier: Apache-2.0
// In: gauges, many times between two looks. Out: the least and the most of each half of the time.
#include "snapshot/swings.h"

void swings_begin(struct swings *swings, int64_t from_ns, int64_t to_ns)
{
	*swings = (struct swings){.from_ns = from_ns, .to_ns = to_ns};
}

// `low` and `high`: the value, or a bound of it that is safe.
static void add(struct swing *swing, uint64_t value, uint64_t low, uint64_t high, bool last_half)
{
	struct swing_half *half = &swing->halves[last_half];
	bool first = !swing->halves[0].samples && !swing->halves[1].samples;
	half->changes += !first && value != swing->last;
	if (!half->samples || low < half->low)
		half->low = low;
	if (!half->samples || high > half->high)
		half->high = high;
	half->samples++;
	swing->last = value;
}

// The number of goroutines is a sum of several words that move while they are read: a reading may
// be wrong by some, so what only one of two in a row shows does not count.
static void add_twice_seen(struct swing *swing, uint64_t value, bool last_half)
{
	bool first = !swing->halves[0].samples && !swing->halves[1].samples;
	uint64_t last = first ? value : swing->last;
	add(swing, value, value > last ? value : last, value < last ? value : last, last_half);
}

void swings_add(struct swings *swings, const struct go_gauges *gauges, int64_t now_ns)
{
	bool last_half = now_ns - swings->from_ns > (swings->to_ns - swings->from_ns) / 2;
	if (gauges->has_heap && gauges->heap_marked) // else nothing was collected yet
		add(&swings->marked, gauges->heap_marked, gauges->heap_marked, gauges->heap_marked,
		    last_half);
	if (gauges->has_goroutines)
		add_twice_seen(&swings->goroutines, gauges->goroutines, last_half);
}

bool swing_tells(const struct swing *swing, uint64_t changes)
{
	for (int i = 0; i < 2; i++)
		if (!swing->halves[i].samples || swing->halves[i].changes < changes)
			return false;
	return true;
}
