// SPDX-License-Identifier: Apache-2.0
// What the parts of reading glibc's malloc share: arenas (glibc_arena.c), finding main_arena and
// mp_ (glibc_main.c), walking chunks (glibc_chunks.c), fast bins and thread caches (glibc_cache.c),
// mapped chunks (glibc_mmapped.c).
#pragma once

#include <string.h>

#include "native/glibc_malloc.h"

enum {
	PAGE_BYTES = 4096,
	CHUNK_ALIGN = 16,
	CHUNK_HEADER_BYTES = 16, // mchunk_prev_size, mchunk_size
	CHUNK_MIN_BYTES = 32,
	CHUNK_PREV_INUSE = 1, // flags in mchunk_size
	CHUNK_IS_MMAPPED = 2,
	CHUNK_NON_MAIN = 4,
	FAST_BINS_MAX = 10,
	NORMAL_BINS = 127, // the unsorted one and 126 by size
	ARENA_BYTES_MAX = 2208,
	ATTEMPTS_MAX = 4, // a live program changes while it is read
};
#define CHUNK_FLAGS     ((uint64_t)7)
#define BRK_SLACK_BYTES ((uint64_t)64 << 20) // how far brk may have moved since
#define HEAP_MAX_BYTES  ((uint64_t)64 << 20) // HEAP_MAX_SIZE; heaps lie at multiples of it

// Where malloc_state has its fields. What follows `top` is the same in all: last_remainder, bins,
// binmap, next, next_free, attached_threads, system_mem, max_system_mem.
struct arena_shape {
	const char *since;
	unsigned int fast_offset, fast_count, top_offset, size;
};

extern const struct arena_shape arena_shapes[];
extern const size_t arena_shape_count;

struct arena_state {
	taddr_t address;
	uint64_t flags;
	taddr_t fast[FAST_BINS_MAX];
	taddr_t top, next;
	taddr_t bins[2 * NORMAL_BINS]; // the first and the last chunk of each
	uint32_t bin_map[4];
	uint64_t thread_count, system_bytes, max_system_bytes;
};

// A heap_info as it was found; whether its arena is one is seen later.
struct heap_info {
	taddr_t start, arena;
	uint64_t bytes, mapped_bytes;
};

// A chunk that has the size of a thread's cache.
struct cache_candidate {
	taddr_t chunk;
	uint64_t bytes;
};

struct malloc_reading {
	struct target *target;
	const struct maps *maps;
	const struct arena_shape *shape;
	taddr_t main_arena;
	taddr_t brk_start, brk_end; // the [heap] mappings; 0: there are none
	taddr_t sbrk_base;          // where malloc's part of it starts; 0: not known
	VEC(struct heap_info) heaps;
	VEC(struct cache_candidate) caches;
	bool caches_cut;
	uint64_t chunks_left, bytes_left, listed_left; // budgets
	uint64_t tries_left;                           // arenas looked at
	uint8_t *window;                               // CHUNK_WINDOW_BYTES
	taddr_t link_page;                             // where the newest link was
	bool has_link_page;                            // its bytes are in link_bytes
	uint8_t link_bytes[PAGE_BYTES];
	struct glibc_malloc *out;
};

enum {
	CHUNK_WINDOW_BYTES = 64 << 10,
	CACHE_CANDIDATES_MAX = 4096,
	TRIES_MAX = 65536,
	LINK_READ_COST = 32
};

static inline uint64_t word_at(const uint8_t *bytes, size_t offset)
{
	uint64_t value;
	memcpy(&value, bytes + offset, sizeof value); // amd64 only: little-endian
	return value;
}

// Memory that a program may have put chunks or structures into.
bool is_writable(const struct malloc_reading *reading, taddr_t address);

// glibc_arena.c
// Reads past the cache.
bool arena_read(struct target *target, const struct arena_shape *shape, taddr_t address,
		struct arena_state *state, struct error *error) must_check;
// Whether all of it holds together, its place in the list of arenas apart.
bool arena_check(const struct malloc_reading *reading, const struct arena_shape *shape,
		 const struct arena_state *state, struct error *error) must_check;
// Whether nothing was ever taken from it: top leads to the arena itself.
bool arena_is_unused(const struct arena_shape *shape, const struct arena_state *state);
bool heap_info_read(struct target *target, taddr_t start, struct heap_info *info) must_check;
// Every heap_info in anonymous memory, by address.
void heaps_collect(struct malloc_reading *reading);
// Whether a thread's arena would lie at `arena`, at the start of a heap that says so.
bool is_first_heap_of(const struct malloc_reading *reading, taddr_t arena);
// Follows the list of arenas from `state`, which is the main one: each must lie in its first heap.
// `visit` may be NULL.
bool arenas_follow(struct malloc_reading *reading, const struct arena_shape *shape,
		   const struct arena_state *state,
		   bool (*visit)(void *context, const struct arena_state *state,
				 struct error *error),
		   void *context, struct error *error) must_check;

// glibc_main.c
// Fills shape, main_arena, and sbrk_base and what mp_ counts where that was found.
bool main_arena_find(struct malloc_reading *reading, struct error *error) must_check;

// glibc_links.c
// What a free chunk holds: its size with flags, and the two words behind it. Spends of
// listed_left, more where it has to be read.
struct chunk_link {
	uint64_t field, first, second; // fd and bk, or next and key
};
bool link_read(struct malloc_reading *reading, taddr_t chunk, struct chunk_link *link) must_check;
void links_forget(struct malloc_reading *reading);
// The free chunks of an arena by its bins: an alternative to the walk, cheap where few are free.
// Fills bins_bytes, bins_count, largest_free_bytes and free_ranges, or nothing.
bool bins_read(struct malloc_reading *reading, struct glibc_arena *arena) must_check;
void free_range_add(struct malloc_reading *reading, taddr_t start, taddr_t end);

// glibc_chunks.c
// Walks the heaps of one arena: fills what the header says of its chunks, and free_ranges.
// Where the main arena's heap from `start` on ends, if `top` is in it; else 0.
taddr_t main_heap_end(const struct malloc_reading *reading, taddr_t start, taddr_t top);
void arena_walk(struct malloc_reading *reading, struct glibc_arena *arena);

// glibc_cache.c
void fast_bins_read(struct malloc_reading *reading, struct glibc_arena *arena);
void thread_caches_read(struct malloc_reading *reading);

// glibc_mmapped.c
void mmapped_collect(struct malloc_reading *reading);
