// SPDX-License-Identifier: Apache-2.0
// In: free chunks that lead to each other. Out: what they hold; how much the bins have.
#include "native/glibc_priv.h"

#include <stdlib.h>

enum { LINK_BYTES = 24 };

void links_forget(struct malloc_reading *reading)
{
	reading->link_page = 0;
	reading->has_link_page = false;
}

static bool take_link(const uint8_t *bytes, struct chunk_link *link)
{
	*link = (struct chunk_link){word_at(bytes, 0), word_at(bytes, 8), word_at(bytes, 16)};
	return true;
}

static bool spend(struct malloc_reading *reading, uint64_t cost)
{
	bool enough = reading->listed_left > cost;
	reading->listed_left -= enough ? cost : reading->listed_left;
	return enough;
}

// A page is read as a whole once two links in a row lie in it: chunks that were freed one behind
// the other lie side by side, others anywhere.
bool link_read(struct malloc_reading *reading, taddr_t chunk, struct chunk_link *link)
{
	uint8_t bytes[LINK_BYTES];
	taddr_t at = chunk + 8, page = at - at % PAGE_BYTES;
	if (!spend(reading, 1))
		return false;
	if (at % PAGE_BYTES + LINK_BYTES <= PAGE_BYTES) {
		bool again = page == reading->link_page;
		if (again && !reading->has_link_page)
			reading->has_link_page = target_read_bulk(
				reading->target, page, reading->link_bytes, PAGE_BYTES, NULL);
		if (again && reading->has_link_page)
			return take_link(reading->link_bytes + at % PAGE_BYTES, link);
		reading->link_page = page;
		reading->has_link_page = false;
	}
	return spend(reading, LINK_READ_COST) &&
	       target_read_bulk(reading->target, at, bytes, sizeof bytes, NULL) &&
	       take_link(bytes, link);
}

void free_range_add(struct malloc_reading *reading, taddr_t start, taddr_t end)
{
	struct glibc_malloc *out = reading->out;
	start = (start + PAGE_BYTES - 1) & ~(taddr_t)(PAGE_BYTES - 1);
	end &= ~(taddr_t)(PAGE_BYTES - 1);
	if (start >= end)
		return;
	if (out->free_ranges.count == GLIBC_FREE_RANGES_MAX)
		out->free_ranges_cut = true;
	else
		vec_push(&out->free_ranges, {start, end});
}

struct bin_sum {
	uint64_t bytes, count, largest_bytes;
};

// One ring from the bin through its chunks and back; `self` is where the bin would be a chunk.
static bool follow_bin(struct malloc_reading *reading, const struct glibc_arena *arena,
		       taddr_t self, taddr_t first, struct bin_sum *sum)
{
	taddr_t before = self;
	for (taddr_t chunk = first; chunk != self;) {
		struct chunk_link link;
		const struct glibc_heap *heap = glibc_malloc_find_heap(reading->out, chunk);
		if (!heap || &reading->out->arenas.items[heap->arena] != arena ||
		    chunk % CHUNK_ALIGN || !link_read(reading, chunk, &link) ||
		    link.second != before)
			return false;
		uint64_t bytes = link.field & ~CHUNK_FLAGS;
		bool below_top = arena->top >= heap->start && arena->top < heap->end;
		taddr_t end = below_top ? arena->top : heap->end;
		if (bytes < CHUNK_MIN_BYTES || bytes % CHUNK_ALIGN || chunk >= end ||
		    bytes > end - chunk)
			return false;
		sum->bytes += bytes;
		sum->count++;
		if (bytes > sum->largest_bytes)
			sum->largest_bytes = bytes;
		free_range_add(reading, chunk, chunk + bytes);
		before = chunk;
		chunk = link.first;
	}
	return true;
}

static bool follow_bins(struct malloc_reading *reading, const struct glibc_arena *arena,
			struct bin_sum *sum)
{
	struct arena_state state;
	if (!arena_read(reading->target, reading->shape, arena->address, &state, NULL))
		return false;
	for (size_t i = 0; i < NORMAL_BINS; i++)
		if (!follow_bin(reading, arena,
				arena->address + reading->shape->top_offset + 16 * i,
				state.bins[2 * i], sum))
			return false;
	return true;
}

static int by_start(const void *a, const void *b)
{
	const struct glibc_range *left = a, *right = b;
	return (left->start > right->start) - (left->start < right->start);
}

// Sorts the ranges from number `first` on; false where two overlap, for then the lists are no lists
// of free chunks.
static bool order_ranges(struct glibc_malloc *out, size_t first)
{
	struct glibc_range *ranges = out->free_ranges.items;
	if (out->free_ranges.count == first)
		return true;
	qsort(ranges + first, out->free_ranges.count - first, sizeof *ranges, by_start);
	for (size_t i = first + 1; i < out->free_ranges.count; i++)
		if (ranges[i].start < ranges[i - 1].end)
			return false;
	return true;
}

// The ranges from number `first` on take the place of those from number `to` on.
static void replace_ranges(struct glibc_malloc *out, size_t to, size_t first)
{
	size_t count = out->free_ranges.count - first;
	if (count)
		memmove(out->free_ranges.items + to, out->free_ranges.items + first,
			count * sizeof *out->free_ranges.items);
	out->free_ranges.count = to + count;
}

bool bins_read(struct malloc_reading *reading, struct glibc_arena *arena)
{
	struct glibc_malloc *out = reading->out;
	size_t walked = out->free_ranges.count;
	for (int attempt = 0; attempt < ATTEMPTS_MAX && reading->listed_left; attempt++) {
		struct bin_sum sum = {0};
		links_forget(reading);
		out->free_ranges.count = walked;
		if (arena->top_bytes > arena->system_bytes || !follow_bins(reading, arena, &sum) ||
		    sum.bytes > arena->system_bytes - arena->top_bytes ||
		    !order_ranges(out, walked))
			continue;
		replace_ranges(out, arena->first_free, walked);
		arena->bins_bytes = sum.bytes;
		arena->bins_count = sum.count;
		arena->largest_free_bytes = sum.largest_bytes;
		return true;
	}
	out->free_ranges.count = walked;
	return false;
}
