// SPDX-License-Identifier: Apache-2.0
// In: spans. Out: their objects by number, and their bytes.
#include "golang/reach_heap.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "golang/reach.h"

#define OBJECTS_MAX   ((uint64_t)1 << 32)
#define SPREAD_MAX    ((uint64_t)64 << 30) // of addresses, for the table by page
#define SPAN_SIZE_MAX ((uint64_t)1 << 30)

void reach_heap_deinit(struct reach_heap *heap)
{
	for (size_t i = 0; heap->bytes && i < heap->spans->spans.count; i++)
		free(heap->bytes[i]);
	free(heap->first);
	free(heap->bytes);
	free(heap->marked);
	free(heap->watched);
	free(heap->pages);
}

static bool is_used(const struct go_span *span)
{
	return span->state == GO_SPAN_IN_USE && span->object_size && span->slots &&
	       span->slots <= span->bytes / span->object_size && span->bytes <= SPAN_SIZE_MAX &&
	       span->start <= UINT64_MAX - span->bytes;
}

static void index_pages(struct reach_heap *heap)
{
	const struct go_spans *spans = heap->spans;
	if (heap->high - heap->low > SPREAD_MAX)
		return;
	heap->pages =
		alloc_try_array((heap->high - heap->low) / GO_PAGE_BYTES + 1, sizeof *heap->pages);
	for (size_t i = 0; heap->pages && i < spans->spans.count; i++) {
		const struct go_span *span = &spans->spans.items[i];
		uint64_t page = (span->start - heap->low) / GO_PAGE_BYTES;
		for (uint64_t j = 0; is_used(span) && j < span->bytes / GO_PAGE_BYTES; j++)
			heap->pages[page + j] = (uint32_t)i + 1;
	}
}

bool reach_heap_init(struct reach_heap *heap, struct target *target, const struct go_spans *spans,
		     struct error *error)
{
	size_t count = spans->spans.count;
	*heap = (struct reach_heap){.target = target, .spans = spans, .low = UINT64_MAX};
	heap->first = alloc_try_array(count + 1, sizeof *heap->first);
	heap->bytes = alloc_try_array(count + 1, sizeof *heap->bytes);
	for (size_t i = 0; heap->first && i < count; i++) {
		const struct go_span *span = &spans->spans.items[i];
		heap->first[i] = heap->object_count;
		if (!is_used(span)) {
			heap->unreadable += span->state == GO_SPAN_IN_USE && span->object_count;
			continue;
		}
		heap->object_count += span->slots;
		heap->low = span->start < heap->low ? span->start : heap->low;
		heap->high = span->start + span->bytes > heap->high ? span->start + span->bytes
								    : heap->high;
	}
	if (heap->object_count && heap->object_count < OBJECTS_MAX) {
		heap->marked = alloc_try_array(heap->object_count / 64 + 1, 8);
		heap->watched = alloc_try_array(heap->object_count / 64 + 1, 8);
	}
	if (!heap->first || !heap->bytes || !heap->marked || !heap->watched)
		return error_set(error, ERROR_LIMIT, "no memory for the objects of the heap");
	index_pages(heap);
	return true;
}

static bool find_span(const struct reach_heap *heap, taddr_t address, size_t *index)
{
	if (address < heap->low || address >= heap->high)
		return false;
	if (heap->pages) {
		uint32_t span = heap->pages[(address - heap->low) / GO_PAGE_BYTES];
		*index = span - 1;
		return span != 0;
	}
	const struct go_span *span = go_spans_find(heap->spans, address);
	*index = span ? (size_t)(span - heap->spans->spans.items) : 0;
	return span && is_used(span);
}

uint64_t reach_heap_find(const struct reach_heap *heap, taddr_t address, size_t *index)
{
	if (!find_span(heap, address, index))
		return REACH_NO_OBJECT;
	const struct go_span *span = &heap->spans->spans.items[*index];
	uint64_t slot = (address - span->start) / span->object_size;
	return slot < span->slots ? heap->first[*index] + slot : REACH_NO_OBJECT;
}

taddr_t reach_heap_address(const struct reach_heap *heap, size_t index, uint64_t object)
{
	const struct go_span *span = &heap->spans->spans.items[index];
	return span->start + (object - heap->first[index]) * span->object_size;
}

static bool copy_span(struct reach_heap *heap, size_t index)
{
	const struct go_span *span = &heap->spans->spans.items[index];
	if (heap->copied_bytes + span->bytes > REACH_BYTES_MAX)
		return false;
	uint8_t *bytes = alloc_try_array(span->bytes, 1);
	if (!bytes)
		return false;
	heap->copied_bytes += span->bytes;
	heap->bytes[index] = bytes;
	return target_read_bulk(heap->target, span->start, bytes, span->bytes, NULL);
}

const uint8_t *reach_heap_bytes(struct reach_heap *heap, size_t index, uint64_t object,
				uint64_t *size)
{
	const struct go_span *span = &heap->spans->spans.items[index];
	if (span->span_class & 1)
		return NULL;
	if (!heap->bytes[index] && !copy_span(heap, index)) {
		heap->unreadable++;
		return NULL;
	}
	*size = span->object_size;
	return heap->bytes[index] + (object - heap->first[index]) * span->object_size;
}
