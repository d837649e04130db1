// SPDX-License-Identifier: Apache-2.0
// In: runtime.mheap_.allspans. Out: the spans in use, sorted by address.
#include "golang/spans.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/cleanup.h"

enum {
	SPANS_MAX = 32 << 20,
	SPAN_PAGES_MAX = 1 << 30,
	SPAN_STRUCT_MAX = 512,
	SPAN_FREE_UNTIL_GO_1_12 = 3,
};

void go_spans_deinit(struct go_spans *spans)
{
	vec_deinit(&spans->spans);
}

static bool read_span(const struct go_runtime *runtime, taddr_t address, uint32_t sweepgen,
		      struct go_span *span)
{
	uint8_t bytes[SPAN_STRUCT_MAX];
	size_t size = (size_t)runtime->layout.offset[GO_SIZEOF_MSPAN];
	if (size > sizeof bytes || !target_read(runtime->target, address, bytes, size, NULL))
		return false;
	struct go_record record = {&runtime->layout, bytes, size};
	uint64_t pages = record_u64(&record, GO_MSPAN_NPAGES);
	uint8_t state = record_u8(&record, GO_MSPAN_STATE);
	uint64_t slots = record_u64_or_u16(&record, GO_MSPAN_NELEMS, GO_MSPAN_NELEMS_U16);
	uint16_t count = record_u16(&record, GO_MSPAN_ALLOC_COUNT);
	if (state == SPAN_FREE_UNTIL_GO_1_12)
		state = GO_SPAN_FREE;
	if (pages > SPAN_PAGES_MAX || state > GO_SPAN_STACK)
		return false;
	*span = (struct go_span){
		.start = record_u64(&record, GO_MSPAN_START_ADDR),
		.bytes = pages * GO_PAGE_BYTES,
		.object_size = record_u64(&record, GO_MSPAN_ELEMSIZE),
		.object_count = count,
		.slots = state == GO_SPAN_IN_USE ? (uint32_t)slots : 0,
		.span_class = record_u8(&record, GO_MSPAN_SPANCLASS),
		.state = state,
		.unswept = record_u32(&record, GO_MSPAN_SWEEPGEN) == sweepgen - 2,
	};
	return state != GO_SPAN_IN_USE ||
	       (count <= slots && span->object_size && slots <= span->bytes / span->object_size);
}

const struct go_span *go_spans_find(const struct go_spans *spans, taddr_t address)
{
	size_t low = 0, high = spans->spans.count;
	while (low < high) { // the first span that starts above `address`
		size_t middle = low + (high - low) / 2;
		if (spans->spans.items[middle].start <= address)
			low = middle + 1;
		else
			high = middle;
	}
	const struct go_span *span = low ? &spans->spans.items[low - 1] : NULL;
	return span && address - span->start < span->bytes ? span : NULL;
}

static int by_start(const void *a, const void *b)
{
	taddr_t left = ((const struct go_span *)a)->start,
		right = ((const struct go_span *)b)->start;
	return (left > right) - (left < right);
}

static void add_span(struct go_spans *out, const struct go_span *span)
{
	if (span->state == GO_SPAN_FREE)
		return;
	if (span->state == GO_SPAN_IN_USE) {
		out->heap_inuse += span->bytes;
		out->heap_objects += span->object_count;
		out->heap_alloc += span->object_count * span->object_size;
	} else {
		out->stack_bytes += span->bytes;
	}
	vec_push(&out->spans, *span);
}

bool go_spans_read(const struct go_runtime *runtime, struct go_spans *out, struct error *error)
{
	const struct go_layout *layout = &runtime->layout;
	taddr_t heap, table;
	uint64_t count;
	uint32_t sweepgen;
	if (!go_runtime_symbol(runtime, GO_SYMBOL_MHEAP, &heap, error) ||
	    !target_read_u64(runtime->target, heap + layout->offset[GO_MHEAP_ALLSPANS], &table,
			     error) ||
	    !target_read_u64(runtime->target, heap + layout->offset[GO_MHEAP_ALLSPANS] + 8, &count,
			     error) ||
	    !target_read_u32(runtime->target, heap + layout->offset[GO_MHEAP_SWEEPGEN], &sweepgen,
			     error))
		return error_wrap(error, "Go heap spans");
	if (count > SPANS_MAX)
		return error_set(error, ERROR_BAD_DATA, "%" PRIu64 " Go heap spans", count);
	_cleanup_free_ taddr_t *addresses = alloc_try_array(count, sizeof *addresses);
	if (!addresses)
		return error_set(error, ERROR_LIMIT, "no memory for %" PRIu64 " spans", count);
	if (!target_read_bulk(runtime->target, table, addresses, count * sizeof *addresses, error))
		return error_wrap(error, "Go heap spans");
	struct go_spans spans = {0};
	for (uint64_t i = 0; i < count; i++) {
		struct go_span span;
		if (read_span(runtime, addresses[i], sweepgen, &span))
			add_span(&spans, &span);
		else
			spans.failed++;
	}
	if (spans.spans.count)
		qsort(spans.spans.items, spans.spans.count, sizeof *spans.spans.items, by_start);
	*out = spans;
	return true;
}
