// SPDX-License-Identifier: Apache-2.0
// In: an arena and its heaps. Out: what of them is free, chunk by chunk.
#include <inttypes.h>

#include "native/glibc_priv.h"

enum {
	FENCE_BYTES = 16, // sysmalloc ends a heap that it leaves with chunks of 16 and of 0 bytes
	FENCE_TAIL_BYTES = 48, // they lie in the last so many bytes
	MARK_BYTES = 256 << 10,
	BREAKS_MAX = 24,
	WINDOW_MIN_BYTES = 4 << 10,
};

// Where a walk stands; it can go on from any of those it passed.
struct walk_mark {
	taddr_t at;
	uint64_t previous_bytes; // of the chunk before; 0: there is none
	uint64_t bins_bytes, bins_count, largest_bytes, chunk_count;
	size_t free_range_count, cache_count;
};

struct chunk_walk {
	struct malloc_reading *reading;
	struct glibc_arena *arena;
	struct glibc_heap *heap;
	taddr_t top; // of the arena; in another heap as a rule, where there are several
	taddr_t start;
	struct walk_mark now;
	VEC(struct walk_mark) marks;
	taddr_t window_start;
	size_t window_bytes, next_window_bytes;
	const char *broken; // why
};

enum step { STEP_ON, STEP_END, STEP_BROKEN, STEP_LIMIT };

static bool broken(struct chunk_walk *walk, const char *why)
{
	walk->broken = why;
	return false;
}

// A page after a jump over a large chunk, more where chunks are small, and nothing behind top: to
// read what the program never touched would map the kernel's page of zeros there.
static bool load_window(struct chunk_walk *walk, taddr_t at)
{
	struct malloc_reading *reading = walk->reading;
	bool goes_on = at - walk->window_start <= walk->window_bytes + CHUNK_HEADER_BYTES;
	size_t wanted = goes_on ? walk->window_bytes * 4 : 0;
	size_t size = wanted < WINDOW_MIN_BYTES     ? WINDOW_MIN_BYTES - at % PAGE_BYTES
		      : wanted > CHUNK_WINDOW_BYTES ? CHUNK_WINDOW_BYTES
						    : wanted;
	if (size < CHUNK_HEADER_BYTES)
		size += WINDOW_MIN_BYTES;
	taddr_t end = walk->top >= at && walk->top < walk->heap->end
			      ? walk->top + CHUNK_HEADER_BYTES
			      : walk->heap->end;
	if (size > end - at)
		size = end - at;
	walk->window_bytes = 0;
	if (size < CHUNK_HEADER_BYTES)
		return broken(walk, "a chunk's header reaches out of its heap");
	if (!target_read_bulk(reading->target, at, reading->window, size, NULL))
		return broken(walk, "its memory could not be read");
	reading->bytes_left -= size < reading->bytes_left ? size : reading->bytes_left;
	walk->window_start = at;
	walk->window_bytes = size;
	return true;
}

// The header at `at`, which is below the heap's end.
static inline bool read_header(struct chunk_walk *walk, taddr_t at, uint64_t *previous,
			       uint64_t *field)
{
	if (at < walk->window_start || at - walk->window_start >= walk->window_bytes ||
	    walk->window_bytes - (at - walk->window_start) < CHUNK_HEADER_BYTES)
		if (!load_window(walk, at))
			return false;
	*previous = word_at(walk->reading->window, at - walk->window_start);
	*field = word_at(walk->reading->window, at - walk->window_start + 8);
	return true;
}

static void keep_free(struct chunk_walk *walk, taddr_t start, uint64_t bytes)
{
	walk->now.bins_bytes += bytes;
	walk->now.bins_count++;
	if (bytes > walk->now.largest_bytes)
		walk->now.largest_bytes = bytes;
	if (bytes >= PAGE_BYTES)
		free_range_add(walk->reading, start, start + bytes);
}

// A cache starts with how many chunks each of its lists has: with a few (see glibc_cache.c).
static bool may_be_cache(const struct chunk_walk *walk, taddr_t chunk, uint64_t bytes)
{
	size_t at = chunk - walk->window_start + CHUNK_HEADER_BYTES;
	if (bytes != 0x290 && bytes != 0x250 && bytes != 0x300)
		return false;
	if (at + 8 > walk->window_bytes) // not to be seen from here
		return true;
	uint64_t high_bits = bytes == 0x250 ? 0x8080808080808080 : 0xff80ff80ff80ff80;
	return !(word_at(walk->reading->window, at) & high_bits);
}

static void keep_cache_candidate(struct malloc_reading *reading, taddr_t chunk, uint64_t bytes)
{
	if (reading->caches.count == CACHE_CANDIDATES_MAX)
		reading->caches_cut = true;
	else
		vec_push(&reading->caches, {chunk, bytes});
}

static bool holds_top(const struct glibc_heap *heap, taddr_t top)
{
	return top >= heap->start && top < heap->end;
}

static bool check_chunk(struct chunk_walk *walk, uint64_t field)
{
	uint64_t bytes = field & ~CHUNK_FLAGS;
	if (bytes % CHUNK_ALIGN)
		return broken(walk, "a chunk's size is no multiple of 16");
	taddr_t limit = holds_top(walk->heap, walk->top) ? walk->top : walk->heap->end;
	if (walk->now.at > limit || bytes > limit - walk->now.at)
		return broken(walk, "a chunk reaches out of its heap, or over its top");
	if (field & CHUNK_IS_MMAPPED)
		return broken(walk, "a mapped chunk inside a heap");
	if (walk->arena->is_main && field & CHUNK_NON_MAIN)
		return broken(walk, "a chunk of another arena");
	return true;
}

// The chunk at now.at: its header says whether the one before is free.
static inline enum step step(struct chunk_walk *walk)
{
	struct walk_mark *now = &walk->now;
	uint64_t previous, field;
	if (!read_header(walk, now->at, &previous, &field))
		return STEP_BROKEN;
	uint64_t bytes = field & ~CHUNK_FLAGS;
	if (!(field & CHUNK_PREV_INUSE)) {
		if (!now->previous_bytes || previous != now->previous_bytes) {
			broken(walk, "a free chunk's two sizes differ");
			return STEP_BROKEN;
		}
		keep_free(walk, now->at - previous, previous);
	}
	uint64_t left = walk->heap->end - now->at;
	if (now->at == walk->top) {
		if (bytes == left)
			return STEP_END;
		broken(walk, "top does not end where its heap does");
		return STEP_BROKEN;
	}
	if (bytes < CHUNK_MIN_BYTES) {
		if (left <= FENCE_TAIL_BYTES && (bytes == FENCE_BYTES || bytes == 0))
			return STEP_END;
		broken(walk, "a chunk that is too small");
		return STEP_BROKEN;
	}
	if (!check_chunk(walk, field))
		return STEP_BROKEN;
	if (may_be_cache(walk, now->at, bytes))
		keep_cache_candidate(walk->reading, now->at, bytes);
	now->at += bytes;
	now->previous_bytes = bytes;
	now->chunk_count++;
	return STEP_ON;
}

// Until `bytes_left` of the budget are left.
static enum step walk_on(struct chunk_walk *walk, uint64_t bytes_left)
{
	struct malloc_reading *reading = walk->reading;
	taddr_t next_mark = walk->now.at;
	while (reading->chunks_left && reading->bytes_left > bytes_left) {
		if (walk->now.at >= next_mark) {
			walk->now.free_range_count = reading->out->free_ranges.count;
			walk->now.cache_count = reading->caches.count;
			vec_push(&walk->marks, walk->now);
			next_mark = walk->now.at + MARK_BYTES;
		}
		enum step next = step(walk);
		if (next != STEP_ON)
			return next;
		if (walk->now.at >= walk->heap->end) {
			broken(walk, "its last chunk is not the last");
			return STEP_BROKEN;
		}
		reading->chunks_left--;
	}
	return STEP_LIMIT;
}

// The end of the memory that follows `start` without a gap.
static taddr_t region_end(const struct malloc_reading *reading, taddr_t start)
{
	const struct mapping *mapping = maps_find(reading->maps, start);
	const struct mapping *end = reading->maps->list.items + reading->maps->list.count;
	taddr_t at = start;
	for (; mapping && mapping < end && mapping->start <= at && mapping->perms[1] == 'w';
	     mapping++)
		at = mapping->end;
	return start < reading->brk_end && at >= reading->brk_end ? at + BRK_SLACK_BYTES : at;
}

taddr_t main_heap_end(const struct malloc_reading *reading, taddr_t start, taddr_t top)
{
	uint64_t field;
	taddr_t limit = region_end(reading, start);
	if (top < start || top >= limit ||
	    !target_read_bulk(reading->target, top + 8, &field, sizeof field, NULL))
		return 0;
	uint64_t bytes = field & ~CHUNK_FLAGS;
	return bytes && bytes <= limit - top && (top + bytes) % PAGE_BYTES == 0 ? top + bytes : 0;
}

// Where the heap and the arena's top end now; they grow while they are read.
static void refresh(struct chunk_walk *walk)
{
	struct malloc_reading *reading = walk->reading;
	struct arena_state state;
	struct heap_info info;
	if (!arena_read(reading->target, reading->shape, walk->arena->address, &state, NULL) ||
	    !arena_check(reading, reading->shape, &state, NULL))
		return;
	if (walk->arena->is_main) {
		taddr_t end = main_heap_end(reading, walk->heap->start, state.top);
		if (end)
			walk->heap->end = walk->heap->mapped_end = end;
	} else if (heap_info_read(reading->target, walk->heap->start, &info) &&
		   info.arena == walk->arena->address) {
		walk->heap->end = info.start + info.bytes;
		walk->heap->mapped_end = info.start + info.mapped_bytes;
	}
	walk->top = state.top;
	walk->arena->system_bytes = state.system_bytes;
	walk->arena->max_system_bytes = state.max_system_bytes;
}

// Back to a mark that was passed; further back each time it breaks.
static void go_back(struct chunk_walk *walk, size_t marks)
{
	struct malloc_reading *reading = walk->reading;
	size_t left = walk->marks.count > marks ? walk->marks.count - marks : 1;
	walk->now = walk->marks.items[left - 1];
	walk->marks.count = left - 1;
	walk->window_bytes = 0;
	reading->out->free_ranges.count = walk->now.free_range_count;
	reading->caches.count = walk->now.cache_count;
}

static enum step walk_all(struct chunk_walk *walk, uint64_t bytes_left)
{
	enum step last = walk_on(walk, bytes_left);
	for (size_t breaks = 1; last == STEP_BROKEN && breaks <= BREAKS_MAX; breaks++) {
		refresh(walk);
		if (walk->heap->end <= walk->start)
			break;
		go_back(walk, breaks);
		last = walk_on(walk, bytes_left);
	}
	return last;
}

static void say_why(const struct chunk_walk *walk, enum step last)
{
	struct error *error = &walk->arena->why_not;
	if (last == STEP_LIMIT)
		error_set(error, ERROR_LIMIT,
			  "the walk of its chunks ended at 0x%" PRIx64 ": so many are not walked",
			  walk->now.at);
	else
		error_set(error, ERROR_BAD_DATA,
			  "heap at 0x%" PRIx64 ", chunk at 0x%" PRIx64 ": %s", walk->heap->start,
			  walk->now.at, walk->broken);
}

// Adds what was seen of one heap; returns how much of it that is.
static uint64_t add_walk(struct chunk_walk *walk, enum step last)
{
	struct glibc_arena *arena = walk->arena;
	const struct glibc_heap *heap = walk->heap;
	bool top_here = holds_top(heap, walk->top);
	arena->bins_bytes += walk->now.bins_bytes;
	arena->bins_count += walk->now.bins_count;
	arena->chunk_count += walk->now.chunk_count;
	if (walk->now.largest_bytes > arena->largest_free_bytes)
		arena->largest_free_bytes = walk->now.largest_bytes;
	if (top_here) {
		arena->top_bytes = heap->end - walk->top;
		arena->top = walk->top;
		arena->chunk_count++;
	}
	if (last == STEP_END)
		return heap->end - heap->start;
	return walk->now.at - heap->start +
	       (top_here && walk->now.at <= walk->top ? arena->top_bytes : 0);
}

static uint64_t swapped_bytes(const struct malloc_reading *reading, const struct glibc_heap *heap)
{
	uint64_t bytes = 0;
	const struct mapping *mapping = maps_find(reading->maps, heap->start);
	const struct mapping *end = reading->maps->list.items + reading->maps->list.count;
	for (; mapping && mapping < end && mapping->start < heap->end; mapping++)
		bytes += mapping->swap_bytes.known ? mapping->swap_bytes.value : 0;
	return bytes;
}

static taddr_t first_chunk(const struct malloc_reading *reading, const struct glibc_arena *arena,
			   const struct glibc_heap *heap)
{
	taddr_t start = heap->start;
	if (!arena->is_main) {
		// heap_info is as long as it takes the arena that follows it in the first heap.
		start += arena->address % HEAP_MAX_BYTES;
		if (arena->address - arena->address % HEAP_MAX_BYTES == heap->start)
			start += reading->shape->size;
	}
	return (start + CHUNK_ALIGN - 1) & ~(taddr_t)(CHUNK_ALIGN - 1);
}

static uint64_t walk_heap(struct malloc_reading *reading, struct glibc_arena *arena,
			  struct glibc_heap *heap, uint64_t bytes_left)
{
	struct chunk_walk walk = {
		.reading = reading, .arena = arena, .heap = heap, .broken = "its arena is torn"};
	enum step last = STEP_LIMIT;
	refresh(&walk);
	uint64_t swapped = swapped_bytes(reading, heap);
	walk.start = walk.now.at = first_chunk(reading, arena, heap);
	walk.now.free_range_count = reading->out->free_ranges.count;
	walk.now.cache_count = reading->caches.count;
	if (swapped <= GLIBC_SWAPPED_BYTES_MAX)
		last = walk_all(&walk, bytes_left);
	uint64_t seen = add_walk(&walk, last);
	heap->complete = last == STEP_END;
	if (swapped > GLIBC_SWAPPED_BYTES_MAX)
		error_set(&arena->why_not, ERROR_UNSUPPORTED,
			  "%" PRIu64 " bytes of it are swapped out: reading would bring them back",
			  swapped);
	else if (!heap->complete)
		say_why(&walk, last);
	vec_deinit(&walk.marks);
	return seen;
}

// All heaps of the arena, from the start, until `bytes_left` of the budget are left.
static void walk_heaps(struct malloc_reading *reading, struct glibc_arena *arena,
		       uint64_t bytes_left)
{
	uint64_t seen = 0;
	arena->complete = true;
	arena->bins_bytes = arena->bins_count = arena->chunk_count = 0;
	arena->top_bytes = arena->largest_free_bytes = 0;
	reading->out->free_ranges.count = arena->first_free;
	for (size_t i = 0; i < arena->heap_count; i++) {
		struct glibc_heap *heap = &reading->out->heaps.items[arena->first_heap + i];
		seen += walk_heap(reading, arena, heap, bytes_left);
		arena->complete &= heap->complete;
	}
	arena->unwalked_bytes = arena->system_bytes > seen ? arena->system_bytes - seen : 0;
	if (arena->unwalked_bytes && arena->complete)
		error_set(&arena->why_not, ERROR_BAD_DATA,
			  "%" PRIu64 " bytes of it are in none of its heaps that were found",
			  arena->unwalked_bytes);
	arena->complete &= !arena->unwalked_bytes;
}

static bool is_swapped(const struct malloc_reading *reading, const struct glibc_arena *arena)
{
	for (size_t i = 0; i < arena->heap_count; i++)
		if (swapped_bytes(reading, &reading->out->heaps.items[arena->first_heap + i]) >
		    GLIBC_SWAPPED_BYTES_MAX)
			return true;
	return false;
}

static void use_bins(struct malloc_reading *reading, struct glibc_arena *arena)
{
	struct glibc_arena walked = *arena;
	if (!arena->top_bytes || !bins_read(reading, arena)) {
		*arena = walked;
		return;
	}
	arena->by_bins = arena->complete = true;
	arena->unwalked_bytes = 0;
	arena->why_not = (struct error){0};
}

void arena_walk(struct malloc_reading *reading, struct glibc_arena *arena)
{
	uint64_t left = reading->bytes_left;
	size_t cache_count = reading->caches.count;
	arena->first_free = reading->out->free_ranges.count;
	walk_heaps(reading, arena,
		   left > GLIBC_WALK_FIRST_BYTES ? left - GLIBC_WALK_FIRST_BYTES : 0);
	if (!arena->complete && !is_swapped(reading, arena)) {
		use_bins(reading, arena);
		if (!arena->complete && arena->why_not.code == ERROR_LIMIT) {
			reading->caches.count = cache_count;
			walk_heaps(reading, arena, 0);
		}
	}
	free_range_add(reading, arena->top, arena->top + arena->top_bytes);
	arena->free_count = reading->out->free_ranges.count - arena->first_free;
	if (arena->top_bytes > arena->largest_free_bytes)
		arena->largest_free_bytes = arena->top_bytes;
}
