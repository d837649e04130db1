// SPDX-License-Identifier: Apache-2.0
// In: one mapping, and what C allocators and threads have in it. Out: where its resident bytes
// belong.
#include <stdlib.h>

#include "ledger/process_ledger_priv.h"

static int by_start(const void *a, const void *b)
{
	const struct native_piece *left = a, *right = b;
	return (left->start > right->start) - (left->start < right->start);
}

static void add_heaps(struct builder *builder, const struct glibc_malloc *malloc)
{
	VEC_FOREACH (heap, &malloc->heaps) {
		const struct glibc_arena *arena = &malloc->arenas.items[heap->arena];
		enum account account =
			arena->is_main ? ACCOUNT_MALLOC_MAIN_USED : ACCOUNT_MALLOC_ARENAS_USED;
		vec_push(&builder->native_pieces, {
							  .start = heap->start,
							  .end = heap->mapped_end,
							  .account = account,
							  .heap = heap,
							  .doubtful = !arena->complete,
						  });
	}
	VEC_FOREACH (chunk, &malloc->mmapped)
		vec_push(&builder->native_pieces, {
							  .start = chunk->start,
							  .end = chunk->end,
							  .account = ACCOUNT_MALLOC_MMAPPED,
							  .doubtful = malloc->mmapped_estimated,
						  });
}

void prepare_native(struct builder *builder)
{
	const struct native_memory *native = builder->input->native;
	if (!native)
		return;
	if (native->has_malloc)
		add_heaps(builder, &native->malloc);
	if (native->has_stacks) {
		VEC_FOREACH (stack, &native->stacks.list)
			vec_push(&builder->native_pieces, {.start = stack->start,
							   .end = stack->end,
							   .account = ACCOUNT_THREADS,
							   .doubtful = !native->stacks.complete});
		builder->threads = native->stacks.list.count;
	}
	if (builder->native_pieces.count)
		qsort(builder->native_pieces.items, builder->native_pieces.count,
		      sizeof *builder->native_pieces.items, by_start);
}

// Resident bytes of [start, end) that glibc has free. The ranges of an arena are sorted.
static int64_t free_bytes(const struct glibc_malloc *malloc, const struct glibc_heap *heap,
			  const struct residency *residency, taddr_t start, taddr_t end)
{
	const struct glibc_arena *arena = &malloc->arenas.items[heap->arena];
	const struct glibc_range *ranges = malloc->free_ranges.items + arena->first_free;
	size_t low = 0, high = arena->free_count;
	int64_t sum = 0;
	while (low < high) { // the first that ends behind `start`
		size_t middle = low + (high - low) / 2;
		if (ranges[middle].end <= start)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < arena->free_count && ranges[low].start < end; low++)
		sum += residency_bytes(residency, max_address(ranges[low].start, start),
				       min_address(ranges[low].end, end));
	return sum;
}

static int64_t account_piece(struct builder *builder, const struct native_piece *piece,
			     const struct residency *residency, taddr_t start, taddr_t end,
			     int64_t left)
{
	int64_t resident = min_bytes(residency_bytes(residency, start, end), left), free = 0;
	enum account account_of_free = piece->account + 1;
	if (piece->heap)
		free = min_bytes(free_bytes(&builder->input->native->malloc, piece->heap, residency,
					    start, end),
				 resident);
	builder_add(builder, piece->account, resident - free);
	builder_add(builder, account_of_free, free);
	if (piece->doubtful || !residency->bits) {
		builder->uncertain[piece->account] += resident - free;
		builder->uncertain[account_of_free] += free;
	}
	return resident;
}

int64_t account_native(struct builder *builder, const struct mapping *mapping, int64_t limit)
{
	struct residency residency;
	int64_t left = limit;
	taddr_t done = mapping->start;
	size_t first = 0, high = builder->native_pieces.count;
	while (first < high) { // the first piece that ends behind the mapping's start
		size_t middle = first + (high - first) / 2;
		if (builder->native_pieces.items[middle].end <= mapping->start)
			first = middle + 1;
		else
			high = middle;
	}
	if (limit <= 0 || first == builder->native_pieces.count ||
	    builder->native_pieces.items[first].start >= mapping->end)
		return 0;
	residency_read(builder->input->pagemap_fd, mapping, &residency);
	for (size_t i = first; i < builder->native_pieces.count; i++) {
		const struct native_piece *piece = &builder->native_pieces.items[i];
		if (piece->start >= mapping->end)
			break;
		taddr_t start = max_address(piece->start, done);
		taddr_t end = min_address(piece->end, mapping->end);
		if (start >= end)
			continue;
		left -= account_piece(builder, piece, &residency, start, end, left);
		done = end;
	}
	residency_deinit(&residency);
	return limit - left;
}
