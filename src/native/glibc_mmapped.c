// SPDX-License-Identifier: Apache-2.0
// In: anonymous mappings. Out: those that are chunks of malloc, one or several each.
#include "native/glibc_priv.h"

#define PROBE_BYTES_MAX ((uint64_t)128 << 20) // address space that is looked through page by page

// The length of the mapped chunk that starts at `at`, with its header; 0: there is none. Its
// mapping may start before it by what aligned_alloc left out (mchunk_prev_size); the first header
// stays there. From 2.43 on mchunk_size is shorter by a header.
static uint64_t chunk_length(struct malloc_reading *reading, taddr_t at, taddr_t end)
{
	uint8_t bytes[CHUNK_HEADER_BYTES];
	if (!target_read_bulk(reading->target, at, bytes, sizeof bytes, NULL))
		return 0;
	uint64_t before = word_at(bytes, 0) & ~(uint64_t)1, field = word_at(bytes, 8);
	if ((field & CHUNK_FLAGS) != CHUNK_IS_MMAPPED || before >= PAGE_BYTES ||
	    before % CHUNK_ALIGN)
		return 0;
	uint64_t bytes_here = field & ~CHUNK_FLAGS;
	if (bytes_here % PAGE_BYTES == PAGE_BYTES - CHUNK_HEADER_BYTES)
		bytes_here += CHUNK_HEADER_BYTES;
	return bytes_here && bytes_here % PAGE_BYTES == 0 && bytes_here <= end - at ? bytes_here
										    : 0;
}

// Chunks one behind the other, as far as they go. Returns where they end.
static taddr_t follow(struct malloc_reading *reading, taddr_t at, taddr_t end)
{
	struct glibc_malloc *out = reading->out;
	while (at < end && out->mmapped.count < GLIBC_MMAPPED_MAX) {
		uint64_t length = chunk_length(reading, at, end);
		if (!length)
			break;
		vec_push(&out->mmapped, {at, at + length});
		out->mmapped_found_bytes += length;
		at += length;
	}
	return at;
}

static bool may_be_mmapped(const struct mapping *mapping)
{
	return !mapping->inode && memcmp(mapping->perms, "rw-p", 4) == 0 &&
	       strncmp(mapping->name, "[anon: Go", 9) != 0 &&
	       strncmp(mapping->name, "[heap]", 6) != 0 && strncmp(mapping->name, "[stack", 6) != 0;
}

// What of a mapping is no heap of an arena, piece by piece; *heap goes on with the address.
static bool next_piece(const struct malloc_reading *reading, const struct mapping *mapping,
		       taddr_t *at, taddr_t *end)
{
	while (*at < mapping->end) {
		taddr_t start = (*at) - (*at) % HEAP_MAX_BYTES;
		const struct glibc_heap *heap = glibc_malloc_find_heap(reading->out, *at);
		if (!heap) {
			*end = start + HEAP_MAX_BYTES < mapping->end &&
					       glibc_malloc_find_heap(reading->out,
								      start + HEAP_MAX_BYTES)
				       ? start + HEAP_MAX_BYTES
				       : mapping->end;
			return true;
		}
		*at = heap->mapped_end > *at ? heap->mapped_end : start + HEAP_MAX_BYTES;
	}
	return false;
}

static bool all_found(const struct glibc_malloc *out)
{
	return out->mmapped_count.known && out->mmapped.count == out->mmapped_count.value &&
	       out->mmapped_found_bytes == out->mmapped_bytes.value;
}

// `probe`: also where something else, a stack for one, comes first in the same mapping.
static void collect(struct malloc_reading *reading, uint64_t probe_bytes)
{
	struct glibc_malloc *out = reading->out;
	out->mmapped.count = 0;
	out->mmapped_found_bytes = 0;
	VEC_FOREACH (mapping, &reading->maps->list) {
		taddr_t at = mapping->start, end;
		if (!may_be_mmapped(mapping))
			continue;
		while (next_piece(reading, mapping, &at, &end)) {
			taddr_t next = follow(reading, at, end);
			for (; next < end && probe_bytes >= PAGE_BYTES; probe_bytes -= PAGE_BYTES) {
				taddr_t found = follow(reading, next, end);
				next = found > next ? found : next + PAGE_BYTES;
			}
			at = end;
		}
	}
}

void mmapped_collect(struct malloc_reading *reading)
{
	struct glibc_malloc *out = reading->out;
	bool known_count = out->mmapped_count.known;
	if (!known_count || out->mmapped_count.value)
		collect(reading, 0);
	if (known_count && out->mmapped.count < out->mmapped_count.value)
		collect(reading, PROBE_BYTES_MAX);
	out->mmapped_estimated = !all_found(out);
}
