// SPDX-License-Identifier: Apache-2.0
/*
 * What glibc's malloc holds, read from outside and without symbols: each arena with its heaps, what
 * of them is in use and what is free, and the chunks that have a mapping of their own.
 *
 * Nothing is guessed. main_arena is looked for in the writable data of the C library (of the
 * program itself, where that is static) and taken only when the whole of it holds together: every
 * bin leads to itself or into memory that is mapped, top ends where its heap ends, what it took
 * from the system is below its own maximum, and the list of arenas closes over arenas that each lie
 * at the start of a heap that says the same. Else the answer is ERROR_NOT_FOUND or ERROR_BAD_DATA
 * with the reason.
 *
 * In use and free are glibc's own: `used_bytes` and `free_bytes` of all arenas are `uordblks` and
 * `fordblks` of mallinfo2(), `free_bytes` of an arena is "fast" + "rest" of malloc_info(). So what
 * a thread's cache (tcache) holds counts as used there; `tcache_bytes` says how much of it that is,
 * where the caches can be found.
 *
 * Chunks are walked from the start of each heap, so the cost is that of reading the headers: small
 * chunks mean the whole heap, large ones are skipped over. Where that is more than
 * GLIBC_WALK_FIRST_BYTES for one arena, glibc's own bins are followed instead (`by_bins`), and only
 * where they hold too many chunks the walk goes on, up to the limits below. A live program changes
 * meanwhile: where a walk breaks it goes back and tries again, a few times, and is `complete ==
 * false` with the reason after that. The same where a limit below is reached, and where most of a
 * heap is swapped out, which reading would bring back in.
 *
 * Not read: arenas under the tunable glibc.malloc.hugetlb=2, which lie elsewhere (ERROR_NOT_FOUND);
 * what stands behind a foreign sbrk is known by its bins alone.
 *
 * Follows glibc malloc/malloc.c (malloc_chunk, malloc_state, malloc_par, tcache_perthread_struct)
 * and malloc/arena.c (heap_info), 2.23 to 2.43, amd64. Three shapes of malloc_state: without
 * have_fastchunks (to 2.26), with it (2.27 to 2.42), without fast bins (from 2.43).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/vec.h"
#include "system/known.h"
#include "system/maps.h"
#include "target/target.h"

enum {
	GLIBC_ARENAS_MAX = 4096, // glibc makes at most 8 a processor
	GLIBC_HEAPS_MAX = 65536,
	GLIBC_FREE_RANGES_MAX = 1 << 20,
	GLIBC_MMAPPED_MAX = 65536,       // as glibc's own default of M_MMAP_MAX
	GLIBC_CHUNKS_MAX = 16 << 20,     // walked, in all arenas
	GLIBC_LISTED_CHUNKS_MAX = 65536, // followed along bins, fast bins and caches; more where
					 // they lie side by side
};
#define GLIBC_WALK_BYTES_MAX    ((uint64_t)512 << 20) // of headers and what lies between them
#define GLIBC_WALK_FIRST_BYTES  ((uint64_t)64 << 20)  // of one arena, before its bins are tried
#define GLIBC_SWAPPED_BYTES_MAX ((uint64_t)1 << 20)   // a heap with more in swap is not walked

struct glibc_range {
	taddr_t start, end; // end is exclusive
};

// A piece of address space that an arena takes its chunks from.
struct glibc_heap {
	taddr_t start, end; // what counts in system_bytes
	taddr_t mapped_end; // at or behind `end`: what it gave back lies between, and is empty
	size_t arena;       // number of its arena
	bool complete;      // all of its chunks were seen
};

struct glibc_arena {
	taddr_t address;               // of its malloc_state
	bool is_main;                  // takes from the brk heap; the others are made for threads
	size_t first_heap, heap_count; // in glibc_malloc.heaps, by address
	size_t first_free, free_count; // in glibc_malloc.free_ranges, by address
	uint64_t thread_count;         // attached to it; of the main arena it starts at 1
	uint64_t system_bytes, max_system_bytes;

	taddr_t top;         // where the free end of its newest heap starts; 0: not known
	uint64_t top_bytes;  // the free end of its newest heap
	uint64_t bins_bytes; // free chunks in between (unsorted, small and large bins)
	uint64_t bins_count;
	uint64_t largest_free_bytes; // of those and top
	// Free, though their chunks look in use; where not known they count as used.
	struct known_u64 fast_bytes, fast_count;
	struct known_u64 tcache_bytes, tcache_count; // part of used_bytes, see above
	uint64_t free_bytes;                         // top, bins and fast bins
	uint64_t used_bytes;     // what is not free: chunks, the arena's own structures
	uint64_t unwalked_bytes; // not looked at: in neither of the two
	uint64_t chunk_count;    // walked, top and free ones as well
	bool by_bins;         // too much to walk: what is free comes from glibc's own lists of it
	bool complete;        // unwalked_bytes is 0 and every number above is what it was
	struct error why_not; // if not complete
};

// A chunk with a mapping of its own (IS_MMAPPED), for sizes from M_MMAP_THRESHOLD on.
struct glibc_mmapped {
	taddr_t start, end;
};

struct glibc_malloc {
	// What the structures look like, as the first glibc that has them: "2.23", "2.27", "2.43".
	const char *shape;
	VEC(struct glibc_arena) arenas; // the main arena first
	VEC(struct glibc_heap) heaps;   // arena by arena
	VEC(size_t) heaps_by_address;   // numbers in `heaps`
	// Whole pages inside free chunks and top, arena by arena: what pagemap says is resident of
	// them is free memory that the kernel did not get back. Pages that a free chunk has only
	// a part of are not in it, nor are fast bins and thread caches.
	VEC(struct glibc_range) free_ranges;
	bool free_ranges_cut; // GLIBC_FREE_RANGES_MAX was reached

	// What malloc itself counts (mp_, where it could be told): hblks and hblkhd of mallinfo2().
	struct known_u64 mmapped_count, mmapped_bytes;
	// Those that were found by their header, by address. Without mp_, or where its counts are
	// others, they are estimated: a header is 16 bytes that other memory could hold as well.
	VEC(struct glibc_mmapped) mmapped;
	uint64_t mmapped_found_bytes;
	bool mmapped_estimated;

	size_t tcache_threads; // caches of threads that were found
};

// `maps` are the mappings that `target` was made of, from smaps for what is swapped out. The caller
// owns *out after success. ERROR_NOT_FOUND: there is no malloc of glibc, or it was never used.
bool glibc_malloc_read(struct target *target, const struct maps *maps, struct glibc_malloc *out,
		       struct error *error) must_check;
void glibc_malloc_deinit(struct glibc_malloc *malloc);
// The heap that holds `address`, or NULL. Borrowed.
const struct glibc_heap *glibc_malloc_find_heap(const struct glibc_malloc *malloc, taddr_t address);
