// SPDX-License-Identifier: Apache-2.0
// In: runtime.mheap_.allspans. Out: the spans in use, sorted by address.
#include "golang/spans.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/sort.h"
#include "target/ranges.h"

enum {
	BATCH_SPANS = 1 << 20,
	INLINE_MARKS_MIN = 16, // bytes of an object
	INLINE_MARKS_MAX = 512,
	SPANS_MAX = 32 << 20,
	SPAN_PAGES_MAX = 1 << 30,
	SPAN_STRUCT_MAX = 512,
	SPAN_FREE_UNTIL_GO_1_12 = 3,
};

void go_spans_deinit(struct go_spans *spans)
{
	vec_deinit(&spans->spans);
	vec_deinit(&spans->structs);
	vec_deinit(&spans->bitmaps);
}

struct reading {
	const struct go_runtime *runtime;
	uint32_t sweepgen;
	bool inline_marks; // Green Tea: marks of small objects are in their span
	struct go_spans *out;
};

// Where the marks of the last collection are: those of a span that was swept became its allocBits,
// which say nothing of objects allocated since. Source: runtime/mgcsweep.go (sweep).
static void find_marks(const struct reading *reading, const struct go_record *record,
		       struct go_span *span)
{
	uint32_t sweepgen = record_u32(record, GO_MSPAN_SWEEPGEN);
	// One that a P has cached since before the collection is swept when the P lets go of it.
	span->unswept = sweepgen == reading->sweepgen - 2 || sweepgen == reading->sweepgen + 1;
	span->mark_bits =
		record_u64(record, span->unswept ? GO_MSPAN_GC_MARK_BITS : GO_MSPAN_ALLOC_BITS);
	span->marks_in_span = span->unswept && reading->inline_marks &&
			      span->object_size >= INLINE_MARKS_MIN &&
			      span->object_size <= INLINE_MARKS_MAX;
}

static bool parse_span(const struct reading *reading, const struct go_record *record,
		       struct go_span *span)
{
	uint64_t pages = record_u64(record, GO_MSPAN_NPAGES);
	uint8_t state = record_u8(record, GO_MSPAN_STATE);
	uint64_t slots = record_u64_or_u16(record, GO_MSPAN_NELEMS, GO_MSPAN_NELEMS_U16);
	uint16_t count = record_u16(record, GO_MSPAN_ALLOC_COUNT);
	if (state == SPAN_FREE_UNTIL_GO_1_12)
		state = GO_SPAN_FREE;
	if (pages > SPAN_PAGES_MAX || state > GO_SPAN_STACK)
		return false;
	*span = (struct go_span){
		.start = record_u64(record, GO_MSPAN_START_ADDR),
		.bytes = pages * GO_PAGE_BYTES,
		.object_size = record_u64(record, GO_MSPAN_ELEMSIZE),
		.object_count = count,
		.slots = state == GO_SPAN_IN_USE ? (uint32_t)slots : 0,
		.span_class = record_u8(record, GO_MSPAN_SPANCLASS),
		.state = state,
	};
	if (state != GO_SPAN_IN_USE)
		return true;
	find_marks(reading, record, span);
	return count <= slots && span->object_size && slots <= span->bytes / span->object_size;
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

static void sort_by_start(struct go_spans *spans)
{
	struct go_span *items = spans->spans.items;
	size_t count = spans->spans.count;
	_cleanup_free_ struct sort_key *keys = alloc_try_array(count, sizeof *keys);
	struct go_span *sorted = alloc_try_array(count, sizeof *sorted);
	if (!keys || !sorted) {
		free(sorted);
		if (count)
			qsort(items, count, sizeof *items, by_start);
		return;
	}
	for (size_t i = 0; i < count; i++)
		keys[i] = (struct sort_key){.key = items[i].start, .value = i};
	sort_keys(keys, count);
	for (size_t i = 0; i < count; i++)
		sorted[i] = items[keys[i].value];
	free(items);
	spans->spans.items = sorted;
	spans->spans.capacity = count;
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

static void add_struct(struct go_spans *out, taddr_t start, uint32_t size)
{
	struct go_extent *last =
		out->structs.count ? &out->structs.items[out->structs.count - 1] : NULL;
	if (last && start >= last->start && start <= last->end + GO_EXTENT_GAP_BYTES)
		last->end = start + size > last->end ? start + size : last->end;
	else if (out->structs.count < GO_EXTENTS_MAX)
		vec_push(&out->structs, (struct go_extent){start, start + size});
}

static void visit_span(void *context, const struct target_range *range, const uint8_t *bytes)
{
	struct reading *reading = context;
	struct go_record record = {&reading->runtime->layout, bytes, range->size};
	struct go_span span;
	if (!bytes || !parse_span(reading, &record, &span)) {
		reading->out->failed++;
		return;
	}
	add_struct(reading->out, range->start, range->size);
	add_span(reading->out, &span);
}

// The structures lie one behind the other in the chunks of their allocator, so that in the order
// of their addresses a few large reads bring many.
static bool read_batch(struct reading *reading, const taddr_t *addresses, size_t count)
{
	uint32_t size = (uint32_t)reading->runtime->layout.offset[GO_SIZEOF_MSPAN];
	_cleanup_free_ struct sort_key *keys = alloc_try_array(count, sizeof *keys);
	_cleanup_free_ struct target_range *ranges = alloc_try_array(count, sizeof *ranges);
	if (!keys || !ranges)
		return false;
	for (size_t i = 0; i < count; i++)
		keys[i] = (struct sort_key){.key = addresses[i]};
	sort_keys(keys, count);
	for (size_t i = 0; i < count; i++)
		ranges[i] = (struct target_range){.start = keys[i].key, .size = size};
	target_read_ranges(reading->runtime->target, ranges, count, visit_span, reading);
	return true;
}

static bool read_all(struct reading *reading, taddr_t table, uint64_t count, struct error *error)
{
	_cleanup_free_ taddr_t *addresses = alloc_try_array(count, sizeof *addresses);
	if (!addresses)
		return error_set(error, ERROR_LIMIT, "no memory for %" PRIu64 " spans", count);
	if (!target_read_bulk(reading->runtime->target, table, addresses, count * sizeof *addresses,
			      error))
		return error_wrap(error, "Go heap spans");
	// One piece of memory that is touched once; where it cannot be had, the vector grows.
	struct go_spans *out = reading->out;
	out->spans.items = alloc_try_array(count, sizeof *out->spans.items);
	out->spans.capacity = out->spans.items ? count : 0;
	for (uint64_t i = 0; i < count; i += BATCH_SPANS)
		if (!read_batch(reading, addresses + i,
				count - i < BATCH_SPANS ? count - i : BATCH_SPANS))
			return error_set(error, ERROR_LIMIT, "no memory for %" PRIu64 " spans",
					 count);
	return true;
}

static bool find_table(const struct go_runtime *runtime, taddr_t *table, uint64_t *count,
		       uint32_t *sweepgen, struct error *error)
{
	const struct go_layout *layout = &runtime->layout;
	struct target *target = runtime->target;
	taddr_t heap;
	if (!go_runtime_symbol(runtime, GO_SYMBOL_MHEAP, &heap, error) ||
	    !target_read_u64(target, heap + layout->offset[GO_MHEAP_ALLSPANS], table, error) ||
	    !target_read_u64(target, heap + layout->offset[GO_MHEAP_ALLSPANS] + 8, count, error) ||
	    !target_read_u32(target, heap + layout->offset[GO_MHEAP_SWEEPGEN], sweepgen, error))
		return error_wrap(error, "Go heap spans");
	return *count <= SPANS_MAX ||
	       error_set(error, ERROR_BAD_DATA, "%" PRIu64 " Go heap spans", *count);
}

bool go_spans_read(const struct go_runtime *runtime, struct go_spans *out, struct error *error)
{
	struct go_spans spans = {0};
	struct reading reading = {.runtime = runtime, .out = &spans};
	uint64_t count;
	int size = runtime->layout.offset[GO_SIZEOF_MSPAN];
	if (size <= 0 || size > SPAN_STRUCT_MAX)
		return error_set(error, ERROR_BAD_DATA, "a Go heap span of %d bytes", size);
	if (!find_table(runtime, &spans.table, &count, &reading.sweepgen, error))
		return false;
	reading.inline_marks = layout_has(&runtime->layout, GO_INLINE_MARKS);
	spans.sweepgen = reading.sweepgen;
	spans.table_bytes = count * sizeof(taddr_t);
	if (!read_all(&reading, spans.table, count, error)) {
		go_spans_deinit(&spans);
		return false;
	}
	sort_by_start(&spans);
	*out = spans;
	return true;
}
