// SPDX-License-Identifier: Apache-2.0
// In: addresses that may be an arena or a heap. Out: what lies there, if it holds together.
#include <inttypes.h>

#include "base/reader.h"
#include "native/glibc_priv.h"

enum {
	HEAP_INFO_BYTES = 32,     // the fields that all versions have
	HEAP_INFO_BYTES_MAX = 64, // the first arena follows behind it
	THREADS_MAX = 1 << 20,
	MUTEX_MAX = 2,       // free, taken, taken and waited for
	ARENA_FLAGS_MAX = 3, // FASTCHUNKS_BIT (to 2.26), NONCONTIGUOUS_BIT
};

const struct arena_shape arena_shapes[] = {
	{"2.27", 16, 10, 96, 2200},
	{"2.43", 8, 0, 8, 2112},
	{"2.23", 8, 10, 88, 2192},
};
const size_t arena_shape_count = sizeof arena_shapes / sizeof *arena_shapes;

bool is_writable(const struct malloc_reading *reading, taddr_t address)
{
	const struct mapping *mapping = maps_find(reading->maps, address);
	return mapping && mapping->perms[1] == 'w';
}

// A live program's heaps grow after its mappings were read: brk's into nothing, the others into
// what they have reserved.
static bool may_be_chunk(const struct malloc_reading *reading, taddr_t address)
{
	return address % CHUNK_ALIGN == 0 &&
	       (is_writable(reading, address) ||
		is_writable(reading, address - address % HEAP_MAX_BYTES) ||
		(address >= reading->brk_start && address < reading->brk_end + BRK_SLACK_BYTES &&
		 reading->brk_start));
}

bool arena_read(struct target *target, const struct arena_shape *shape, taddr_t address,
		struct arena_state *state, struct error *error)
{
	uint8_t bytes[ARENA_BYTES_MAX];
	if (!target_read_bulk(target, address, bytes, shape->size, error))
		return false;
	struct reader reader = reader_over(bytes, shape->size);
	*state = (struct arena_state){.address = address};
	uint32_t mutex = reader_u32(&reader);
	state->flags = reader_u32(&reader) | (uint64_t)(mutex > MUTEX_MAX) << 32;
	reader_seek(&reader, shape->fast_offset);
	for (unsigned int i = 0; i < shape->fast_count; i++)
		state->fast[i] = reader_u64(&reader);
	reader_seek(&reader, shape->top_offset);
	state->top = reader_u64(&reader);
	reader_skip(&reader, 8); // last_remainder
	for (size_t i = 0; i < 2 * NORMAL_BINS; i++)
		state->bins[i] = reader_u64(&reader);
	for (size_t i = 0; i < 4; i++)
		state->bin_map[i] = reader_u32(&reader);
	state->next = reader_u64(&reader);
	reader_skip(&reader, 8); // next_free
	state->thread_count = reader_u64(&reader);
	state->system_bytes = reader_u64(&reader);
	state->max_system_bytes = reader_u64(&reader);
	return reader_check(&reader, "malloc_state", error);
}

bool arena_is_unused(const struct arena_shape *shape, const struct arena_state *state)
{
	return state->top == state->address + shape->top_offset; // bin_at(1), as initial_top has it
}

// A bin is a ring through the arena: empty, it leads to itself, as if its two pointers were the fd
// and bk of a chunk.
static bool check_bins(const struct malloc_reading *reading, const struct arena_shape *shape,
		       const struct arena_state *state)
{
	for (size_t i = 0; i < NORMAL_BINS; i++) {
		taddr_t self = state->address + shape->top_offset + 16 * i;
		taddr_t first = state->bins[2 * i], last = state->bins[2 * i + 1];
		if (first == self && last == self)
			continue;
		if (first == self || last == self || !may_be_chunk(reading, first) ||
		    !may_be_chunk(reading, last))
			return false;
		size_t number = i + 1; // glibc counts from 1, the unsorted one
		if (i && !(state->bin_map[number / 32] >> number % 32 & 1))
			return false;
	}
	return true;
}

static bool bad_arena(const struct arena_state *state, const char *what, struct error *error)
{
	return error_set(error, ERROR_BAD_DATA, "malloc arena at 0x%" PRIx64 ": %s", state->address,
			 what);
}

bool arena_check(const struct malloc_reading *reading, const struct arena_shape *shape,
		 const struct arena_state *state, struct error *error)
{
	if (state->flags > ARENA_FLAGS_MAX || state->thread_count > THREADS_MAX)
		return bad_arena(state, "its flags or threads are none", error);
	if (state->system_bytes > state->max_system_bytes || state->max_system_bytes >> 47)
		return bad_arena(state, "it has more memory than its own maximum", error);
	if (state->next % 8 || !is_writable(reading, state->next))
		return bad_arena(state, "it leads to no next arena", error);
	if (!arena_is_unused(shape, state) &&
	    (!may_be_chunk(reading, state->top) || state->system_bytes < CHUNK_MIN_BYTES))
		return bad_arena(state, "its top chunk is nowhere", error);
	if (arena_is_unused(shape, state) && state->system_bytes)
		return bad_arena(state, "it has memory but no top chunk", error);
	return check_bins(reading, shape, state) ||
	       bad_arena(state, "its bins do not hold together", error);
}

bool heap_info_read(struct target *target, taddr_t start, struct heap_info *info)
{
	uint8_t bytes[HEAP_INFO_BYTES];
	if (!target_read_bulk(target, start, bytes, sizeof bytes, NULL))
		return false;
	*info = (struct heap_info){
		.start = start,
		.arena = word_at(bytes, 0),
		.bytes = word_at(bytes, 16),
		.mapped_bytes = word_at(bytes, 24),
	};
	taddr_t previous = word_at(bytes, 8), inside = info->arena % HEAP_MAX_BYTES;
	bool is_first = info->arena - inside == start;
	return inside >= HEAP_INFO_BYTES && inside <= HEAP_INFO_BYTES_MAX &&
	       inside % CHUNK_ALIGN == 0 && previous % HEAP_MAX_BYTES == 0 &&
	       (previous == 0) == is_first && info->bytes >= PAGE_BYTES &&
	       info->bytes % PAGE_BYTES == 0 && info->mapped_bytes % PAGE_BYTES == 0 &&
	       info->bytes <= info->mapped_bytes && info->mapped_bytes <= HEAP_MAX_BYTES;
}

static bool may_hold_heaps(const struct mapping *mapping)
{
	return !mapping->inode && memcmp(mapping->perms, "rw-p", 4) == 0 &&
	       strncmp(mapping->name, "[anon: Go", 9) != 0 && strcmp(mapping->name, "[heap]") != 0;
}

void heaps_collect(struct malloc_reading *reading)
{
	reading->heaps.count = 0;
	VEC_FOREACH (mapping, &reading->maps->list) {
		if (!may_hold_heaps(mapping))
			continue;
		taddr_t at = (mapping->start + HEAP_MAX_BYTES - 1) & ~(HEAP_MAX_BYTES - 1);
		for (; at >= mapping->start && at < mapping->end; at += HEAP_MAX_BYTES) {
			struct heap_info info;
			if (mapping->end - at < PAGE_BYTES ||
			    !heap_info_read(reading->target, at, &info))
				continue;
			if (reading->heaps.count == GLIBC_HEAPS_MAX)
				return;
			vec_push(&reading->heaps, info);
		}
	}
}

// The heap that `address` would lie in, or NULL.
static const struct heap_info *find_heap(const struct malloc_reading *reading, taddr_t address)
{
	size_t low = 0, high = reading->heaps.count;
	taddr_t start = address - address % HEAP_MAX_BYTES;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (reading->heaps.items[middle].start < start)
			low = middle + 1;
		else
			high = middle;
	}
	return low < reading->heaps.count && reading->heaps.items[low].start == start
		       ? &reading->heaps.items[low]
		       : NULL;
}

bool is_first_heap_of(const struct malloc_reading *reading, taddr_t arena)
{
	const struct heap_info *heap = find_heap(reading, arena);
	return heap && heap->arena == arena;
}

// Top is the end of one of the arena's own heaps.
static bool check_top(const struct malloc_reading *reading, const struct arena_state *state,
		      struct error *error)
{
	const struct heap_info *heap = find_heap(reading, state->top);
	return (heap && heap->arena == state->address && state->top - heap->start < heap->bytes) ||
	       bad_arena(state, "its top chunk is in none of its heaps", error);
}

bool arenas_follow(struct malloc_reading *reading, const struct arena_shape *shape,
		   const struct arena_state *main_state,
		   bool (*visit)(void *context, const struct arena_state *state,
				 struct error *error),
		   void *context, struct error *error)
{
	struct arena_state state = *main_state;
	for (size_t i = 0; i < GLIBC_ARENAS_MAX; i++) {
		if (state.next == main_state->address)
			return true;
		taddr_t next = state.next;
		if (!reading->tries_left)
			break;
		reading->tries_left--;
		if (!is_first_heap_of(reading, next))
			return error_set(error, ERROR_BAD_DATA,
					 "the list of malloc's arenas leads to 0x%" PRIx64
					 ", where no heap starts",
					 next);
		if (!arena_read(reading->target, shape, next, &state, error) ||
		    !arena_check(reading, shape, &state, error) ||
		    !check_top(reading, &state, error) || (visit && !visit(context, &state, error)))
			return false;
	}
	return error_set(error, ERROR_BAD_DATA, "the list of malloc's arenas does not close");
}
