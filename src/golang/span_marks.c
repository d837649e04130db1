// SPDX-License-Identifier: Apache-2.0
// In: spans, and the bitmaps that they point to. Out: how many of their objects are marked.
#include "golang/span_marks.h"

#include "base/cleanup.h"
#include "base/sort.h"
#include "target/ranges.h"

enum { BATCH_SPANS = 1 << 20, MARKS_BYTES_MAX = 8192 };

struct counting {
	struct go_spans *all;
	struct go_span *spans; // those of this batch
	struct go_span_marks *marks;
};

static uint32_t count_bits(const uint8_t *bytes, uint32_t bits)
{
	uint32_t count = 0, whole = bits / 8;
	for (uint32_t i = 0; i < whole; i++)
		count += (uint32_t)__builtin_popcount(bytes[i]);
	if (bits % 8)
		count += (uint32_t)__builtin_popcount(bytes[whole] & ((1U << bits % 8) - 1));
	return count;
}

// The ranges come sorted by address.
static void add_bitmap(struct go_spans *spans, const struct go_span *span,
		       const struct target_range *range)
{
	taddr_t end = range->start + range->size;
	struct go_extent *last =
		spans->bitmaps.count ? &spans->bitmaps.items[spans->bitmaps.count - 1] : NULL;
	if (span->marks_in_span)
		return;
	if (last && range->start >= last->start && range->start <= last->end + GO_EXTENT_GAP_BYTES)
		last->end = end > last->end ? end : last->end;
	else if (spans->bitmaps.count < GO_EXTENTS_MAX)
		vec_push(&spans->bitmaps, (struct go_extent){range->start, end});
}

static void visit_marks(void *context, const struct target_range *range, const uint8_t *bytes)
{
	struct counting *counting = context;
	struct go_span *span = &counting->spans[range->index];
	add_bitmap(counting->all, span, range);
	uint32_t objects = (uint32_t)span->object_count; // at most `slots`
	if (!bytes) {
		counting->marks->failed++;
		return;
	}
	uint32_t count = count_bits(bytes, span->slots);
	span->marked_count = count < objects ? count : objects;
}

// A span's bits as a range to read; false where it has none that make sense.
static bool find_bits(const struct go_layout *layout, const struct go_span *span, taddr_t *start,
		      uint32_t *size)
{
	*size = (span->slots + 7) / 8;
	*start = span->mark_bits;
	if (span->marks_in_span)
		*start = span->start + GO_PAGE_BYTES -
			 (uint64_t)layout->offset[GO_SIZEOF_INLINE_MARKS] +
			 (uint64_t)layout->offset[GO_INLINE_MARKS];
	return *start && *size && *size <= MARKS_BYTES_MAX;
}

static bool count_batch(const struct go_runtime *runtime, struct go_spans *all, size_t first,
			size_t count, struct go_span_marks *marks)
{
	struct go_span *spans = all->spans.items + first;
	_cleanup_free_ struct sort_key *keys = alloc_try_array(count, sizeof *keys);
	_cleanup_free_ struct target_range *ranges = alloc_try_array(count, sizeof *ranges);
	size_t used = 0;
	taddr_t start;
	uint32_t size;
	if (!keys || !ranges)
		return false;
	for (size_t i = 0; i < count; i++) {
		struct go_span *span = &spans[i];
		if (span->state != GO_SPAN_IN_USE)
			continue;
		span->marked_count = (uint32_t)span->object_count;
		if (find_bits(&runtime->layout, span, &start, &size))
			keys[used++] = (struct sort_key){.key = start, .value = i};
		else
			marks->failed++;
	}
	sort_keys(keys, used);
	for (size_t i = 0; i < used; i++) {
		uint32_t index = (uint32_t)keys[i].value;
		(void)!find_bits(&runtime->layout, &spans[index], &start, &size);
		ranges[i] = (struct target_range){.start = start, .size = size, .index = index};
	}
	struct counting counting = {.all = all, .spans = spans, .marks = marks};
	target_read_ranges(runtime->target, ranges, used, visit_marks, &counting);
	return true;
}

static bool read_sweepgen(const struct go_runtime *runtime, uint32_t *sweepgen, struct error *error)
{
	taddr_t heap;
	return go_runtime_symbol(runtime, GO_SYMBOL_MHEAP, &heap, error) &&
	       target_read_bulk(runtime->target,
				heap + (uint64_t)runtime->layout.offset[GO_MHEAP_SWEEPGEN],
				sweepgen, sizeof *sweepgen, error);
}

bool go_span_marks_read(const struct go_runtime *runtime, struct go_spans *spans,
			struct go_span_marks *out, struct error *error)
{
	static const enum go_field needed[] = {GO_MSPAN_ALLOC_BITS, GO_MSPAN_GC_MARK_BITS,
					       GO_MHEAP_SWEEPGEN};
	struct go_span_marks marks = {0};
	size_t count = spans->spans.count;
	uint32_t sweepgen;
	spans->bitmaps.count = 0;
	if (!layout_require(&runtime->layout, needed, sizeof needed / sizeof *needed, error))
		return false;
	for (size_t i = 0; i < count; i += BATCH_SPANS)
		if (!count_batch(runtime, spans, i,
				 count - i < BATCH_SPANS ? count - i : BATCH_SPANS, &marks))
			return error_set(error, ERROR_LIMIT, "no memory for the marks of %zu spans",
					 count);
	if (!read_sweepgen(runtime, &sweepgen, error))
		return false;
	marks.collected = sweepgen != spans->sweepgen;
	*out = marks;
	return true;
}
