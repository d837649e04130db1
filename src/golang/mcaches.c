// SPDX-License-Identifier: Apache-2.0
// In: the mcache of each processor. Out: what flushing all of them would change.
#include "golang/mcaches.h"

#include <stdlib.h>

#include "base/reader.h"

enum {
	STACK_ORDERS = 4,
	STACK_MIN_BYTES = 2048,
	STACKS_OF_AN_ORDER_MAX = 64, // 32 KiB of stacks of 2 KiB and more: 16
	SPAN_STRUCT_MAX = 512,
};

struct flush {
	const struct go_runtime *runtime;
	uint32_t sweepgen;
	go_addresses stacks; // free stacks in the caches
	struct go_flush_pushes pushes;
	uint64_t freed_spans;
	bool counts_spans; // Go 1.16 and later
	struct go_held_back *held;
};

static void add_span(struct flush *flush, size_t span_class, const struct go_record *span)
{
	struct go_held_back *held = flush->held;
	uint64_t slots = record_u64_or_u16(span, GO_MSPAN_NELEMS, GO_MSPAN_NELEMS_U16);
	uint64_t count = record_u16(span, GO_MSPAN_ALLOC_COUNT);
	uint64_t size = record_u64(span, GO_MSPAN_ELEMSIZE);
	if (count > slots || slots > UINT16_MAX || size != go_size_class_bytes(span_class >> 1)) {
		held->failed++;
		return;
	}
	bool counts_when_cached = !layout_has(span->layout, GO_MSPAN_ALLOC_COUNT_BEFORE_CACHE);
	uint64_t used = counts_when_cached
				? count - slots
				: count - record_u16(span, GO_MSPAN_ALLOC_COUNT_BEFORE_CACHE);
	held->small_allocs[span_class >> 1] += used;
	held->alloc_bytes += used * size;
	held->cached_spans++;
	if (count < slots)
		flush->pushes.partial[span_class]++;
	else
		flush->pushes.full[span_class]++;
	if (record_u32(span, GO_MSPAN_SWEEPGEN) == flush->sweepgen + 1)
		held->stale_spans++;
	else
		held->unused_bytes += (slots - count) * size;
}

// Where nothing is cached, the cache points to an empty span of the runtime, without slots.
static void add_spans(struct flush *flush, const struct go_record *cache)
{
	const struct go_layout *layout = cache->layout;
	struct reader reader = reader_over(cache->bytes, cache->size);
	reader_seek(&reader, (uint64_t)layout->offset[GO_MCACHE_ALLOC]);
	size_t size = (size_t)layout->offset[GO_SIZEOF_MSPAN];
	for (size_t i = 0; i < GO_SPAN_CLASSES; i++) {
		uint8_t bytes[SPAN_STRUCT_MAX];
		taddr_t address = reader_u64(&reader);
		struct go_record span = {layout, bytes, size};
		if (size > sizeof bytes || !address ||
		    !target_read(flush->runtime->target, address, bytes, size, NULL))
			flush->held->failed++;
		else if (record_u64_or_u16(&span, GO_MSPAN_NELEMS, GO_MSPAN_NELEMS_U16))
			add_span(flush, i, &span);
	}
}

// A free stack's first word is the address of the next.
static void add_stacks(struct flush *flush, taddr_t first, uint64_t size)
{
	int count = 0;
	for (taddr_t at = first; at; count++) {
		taddr_t next;
		if (count == STACKS_OF_AN_ORDER_MAX ||
		    !target_read_u64(flush->runtime->target, at, &next, NULL)) {
			flush->held->failed++;
			return;
		}
		vec_push(&flush->stacks, at);
		flush->held->cached_stack_bytes += size;
		at = next;
	}
}

static void add_cache(struct flush *flush, taddr_t processor)
{
	const struct go_runtime *runtime = flush->runtime;
	const struct go_layout *layout = &runtime->layout;
	struct go_struct cache = {0};
	taddr_t address;
	if (!target_read_u64(runtime->target, processor + (uint64_t)layout->offset[GO_P_MCACHE],
			     &address, NULL)) {
		flush->held->failed++;
		return;
	}
	if (!address) // a processor without one
		return;
	if (!go_struct_read(runtime, address, GO_SIZEOF_MCACHE, &cache, NULL)) {
		flush->held->failed++;
		return;
	}
	flush->held->caches++;
	flush->held->tiny_allocs += record_u64(&cache.record, GO_MCACHE_TINY_ALLOCS);
	flush->held->scan_bytes += record_u64(&cache.record, GO_MCACHE_SCAN_ALLOC);
	if (flush->counts_spans)
		add_spans(flush, &cache.record);
	size_t size = (size_t)layout->offset[GO_SIZEOF_STACKFREELIST];
	for (size_t order = 0; order < STACK_ORDERS; order++) {
		struct go_record list = record_at(
			&cache.record, (size_t)layout->offset[GO_MCACHE_STACKCACHE] + order * size,
			size);
		add_stacks(flush, record_u64(&list, GO_STACKFREELIST_LIST),
			   (uint64_t)STACK_MIN_BYTES << order);
	}
	go_struct_deinit(&cache);
}

static int by_address(const void *a, const void *b)
{
	taddr_t left = *(const taddr_t *)a, right = *(const taddr_t *)b;
	return (left > right) - (left < right);
}

// A span of stacks goes back to the heap when the last of its stacks is in no use: `object_count`
// of such a span counts the stacks in the caches too.
static void sum_stack_spans(struct flush *flush, const struct go_spans *spans)
{
	go_addresses *stacks = &flush->stacks;
	if (stacks->count)
		qsort(stacks->items, stacks->count, sizeof *stacks->items, by_address);
	for (size_t i = 0; i < stacks->count;) {
		const struct go_span *span = go_spans_find(spans, stacks->items[i]);
		if (!span || span->state != GO_SPAN_STACK) {
			flush->held->failed++;
			i++;
			continue;
		}
		uint64_t cached = 0;
		for (; i < stacks->count && stacks->items[i] < span->start + span->bytes; i++)
			cached++;
		if (cached != span->object_count)
			continue;
		flush->held->stack_bytes += span->bytes;
		flush->freed_spans++;
	}
}

bool go_held_back_read(const struct go_runtime *runtime, const struct go_spans *spans,
		       bool collecting, struct go_held_back *out, struct error *error)
{
	static const enum go_field needed[] = {
		GO_P_MCACHE,          GO_SIZEOF_MCACHE,        GO_MCACHE_ALLOC,
		GO_MCACHE_STACKCACHE, GO_SIZEOF_STACKFREELIST, GO_SIZEOF_MSPAN,
		GO_MHEAP_SWEEPGEN,
	};
	struct go_held_back held = {0};
	struct flush flush = {.runtime = runtime,
			      .held = &held,
			      .counts_spans = layout_has(&runtime->layout, GO_MSTATS_HEAP_STATS)};
	go_addresses processors = {0};
	taddr_t heap;
	bool ok = layout_require(&runtime->layout, needed, sizeof needed / sizeof *needed, error) &&
		  go_runtime_symbol(runtime, GO_SYMBOL_MHEAP, &heap, error) &&
		  target_read_u32(runtime->target,
				  heap + (uint64_t)runtime->layout.offset[GO_MHEAP_SWEEPGEN],
				  &flush.sweepgen, error) &&
		  go_processors_find(runtime, &processors, error);
	if (ok) {
		VEC_FOREACH (processor, &processors)
			add_cache(&flush, *processor);
		if (spans && !collecting)
			sum_stack_spans(&flush, spans);
		held.cost_known =
			flush.counts_spans &&
			go_flush_cost_compute(runtime, heap, flush.sweepgen, &flush.pushes,
					      &processors, flush.freed_spans, &held.cost);
		*out = held;
	}
	vec_deinit(&processors);
	vec_deinit(&flush.stacks);
	return ok;
}
