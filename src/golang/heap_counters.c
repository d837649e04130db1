// SPDX-License-Identifier: Apache-2.0
// In: the bytes of runtime.memstats. Out: its heap counters, summed.
#include "golang/heap_counters.h"

#include "base/reader.h"

enum { DELTAS = 3 };

// An array of 8-byte counters, one a size class, added to `counts`.
static void add_classes(const struct go_record *delta, enum go_field field, uint64_t *counts)
{
	struct reader reader = reader_over(delta->bytes, delta->size);
	reader_seek(&reader, (uint64_t)delta->layout->offset[field]);
	for (size_t i = 0; i < GO_SIZE_CLASSES; i++)
		counts[i] += reader_u64(&reader);
}

// A delta may be negative, and the sum is right all the same: unsigned numbers wrap around.
static void add_delta(const struct go_record *delta, struct go_heap_counters *sum)
{
	sum->committed += record_u64(delta, GO_HEAP_STATS_DELTA_COMMITTED);
	sum->released += record_u64(delta, GO_HEAP_STATS_DELTA_RELEASED);
	sum->in_heap += record_u64(delta, GO_HEAP_STATS_DELTA_IN_HEAP);
	sum->in_stacks += record_u64(delta, GO_HEAP_STATS_DELTA_IN_STACKS);
	sum->in_work_bufs += record_u64(delta, GO_HEAP_STATS_DELTA_IN_WORK_BUFS);
	sum->in_ptr_scalar_bits += record_u64(delta, GO_HEAP_STATS_DELTA_IN_PTR_SCALAR_BITS);
	sum->tiny_allocs += record_u64(delta, GO_HEAP_STATS_DELTA_TINY_ALLOC_COUNT);
	sum->large_alloc_bytes += record_u64(delta, GO_HEAP_STATS_DELTA_LARGE_ALLOC);
	sum->large_allocs += record_u64(delta, GO_HEAP_STATS_DELTA_LARGE_ALLOC_COUNT);
	sum->large_free_bytes += record_u64(delta, GO_HEAP_STATS_DELTA_LARGE_FREE);
	sum->large_frees += record_u64(delta, GO_HEAP_STATS_DELTA_LARGE_FREE_COUNT);
	add_classes(delta, GO_HEAP_STATS_DELTA_SMALL_ALLOC_COUNT, sum->small_allocs);
	add_classes(delta, GO_HEAP_STATS_DELTA_SMALL_FREE_COUNT, sum->small_frees);
}

bool go_heap_counters_get(const struct go_record *mstats, struct go_heap_counters *out,
			  struct error *error)
{
	static const enum go_field needed[] = {GO_MSTATS_HEAP_STATS, GO_SIZEOF_HEAP_STATS_DELTA};
	const struct go_layout *layout = mstats->layout;
	struct go_heap_counters sum = {0};
	if (!layout_require(layout, needed, sizeof needed / sizeof *needed, error))
		return false;
	size_t size = (size_t)layout->offset[GO_SIZEOF_HEAP_STATS_DELTA];
	for (size_t i = 0; i < DELTAS; i++) {
		struct go_record delta = record_at(
			mstats, (size_t)layout->offset[GO_MSTATS_HEAP_STATS] + i * size, size);
		add_delta(&delta, &sum);
	}
	if (!layout_has(layout, GO_HEAP_STATS_DELTA_TINY_ALLOC_COUNT)) // Go 1.16
		sum.tiny_allocs = record_u64(mstats, GO_MSTATS_TINYALLOCS);
	*out = sum;
	return true;
}

struct go_heap_sums go_heap_counters_sum(const struct go_heap_counters *counters)
{
	struct go_heap_sums sums = {
		.alloc_bytes = counters->large_alloc_bytes,
		.free_bytes = counters->large_free_bytes,
		.allocs = counters->large_allocs,
		.frees = counters->large_frees,
	};
	for (size_t i = 0; i < GO_SIZE_CLASSES; i++) {
		uint64_t bytes = go_size_class_bytes(i);
		sums.alloc_bytes += counters->small_allocs[i] * bytes;
		sums.free_bytes += counters->small_frees[i] * bytes;
		sums.allocs += counters->small_allocs[i];
		sums.frees += counters->small_frees[i];
	}
	return sums;
}
