// SPDX-License-Identifier: Apache-2.0
// In: fast bins, and chunks of the size of a thread's cache. Out: free chunks that look in use.
#include <inttypes.h>

#include "native/glibc_priv.h"

enum {
	CACHE_BINS_MAX = 76,
	CACHE_SMALL_BINS = 64,
	CACHE_BYTES_MAX = 0x300,
	FIRST_BIN_BYTES = 32, // chunks of the first bin; each next one has 16 more
};
// tcache_perthread_struct by the size of its chunk: how many are in each list (from 2.42: how many
// more fit), then the lists.
static const struct cache_shape {
	uint64_t chunk_bytes;
	size_t count_bytes, bins;
	bool has_counts, has_key;
} cache_shapes[] = {
	{0x290, 2, 64, true, true},  // 2.30 to 2.41
	{0x300, 2, 76, false, true}, // from 2.42, with 12 bins of large chunks
	{0x250, 1, 64, true, false}, // 2.26 to 2.29; the key came with 2.29
};

// A chain of free chunks. From 2.32 on a pointer is kept xored with its own page's number.
struct chain {
	struct malloc_reading *reading;
	uint64_t count, bytes;
};

static bool in_heap(const struct malloc_reading *reading, taddr_t address)
{
	return address % CHUNK_ALIGN == 0 && glibc_malloc_find_heap(reading->out, address);
}

// What `stored`, which lies at `place`, points to: 0 at the end.
static bool reveal(const struct malloc_reading *reading, taddr_t place, uint64_t stored,
		   taddr_t *address)
{
	uint64_t clear = place >> 12 ^ stored;
	*address = clear == 0 || in_heap(reading, clear) ? clear : stored;
	return *address == 0 || in_heap(reading, *address);
}

static bool follow_fast_bin(struct chain *chain, taddr_t chunk, uint64_t bytes)
{
	struct chunk_link link;
	while (chunk) {
		if (!in_heap(chain->reading, chunk) || !link_read(chain->reading, chunk, &link) ||
		    (link.field & ~CHUNK_FLAGS) != bytes ||
		    !reveal(chain->reading, chunk + CHUNK_HEADER_BYTES, link.first, &chunk))
			return false;
		chain->count++;
		chain->bytes += bytes;
	}
	return true;
}

static bool read_fast_bins(struct malloc_reading *reading, struct glibc_arena *arena)
{
	struct arena_state state;
	struct chain chain = {.reading = reading};
	if (!arena_read(reading->target, reading->shape, arena->address, &state, NULL))
		return false;
	for (unsigned int i = 0; i < reading->shape->fast_count; i++)
		if (!follow_fast_bin(&chain, state.fast[i], FIRST_BIN_BYTES + 16 * i))
			return false;
	arena->fast_bytes = known(chain.bytes);
	arena->fast_count = known(chain.count);
	return true;
}

void fast_bins_read(struct malloc_reading *reading, struct glibc_arena *arena)
{
	for (int attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
		if (read_fast_bins(reading, arena))
			return;
		links_forget(reading);
	}
	if (arena->complete)
		error_set(&arena->why_not, ERROR_BAD_DATA,
			  "malloc arena at 0x%" PRIx64
			  ": its fast bins were not followed to their end",
			  arena->address);
	arena->complete = false;
}

// One list of a thread's cache. Its chunks are known by their user's address, and all bear a key.
static bool follow_cache_bin(struct chain *chain, const struct cache_shape *shape, size_t bin,
			     taddr_t user, uint64_t *key)
{
	struct chunk_link link;
	while (user) {
		taddr_t chunk = user - CHUNK_HEADER_BYTES;
		if (!in_heap(chain->reading, user) || !link_read(chain->reading, chunk, &link))
			return false;
		uint64_t bytes = link.field & ~CHUNK_FLAGS;
		if (bin < CACHE_SMALL_BINS ? bytes != FIRST_BIN_BYTES + 16 * bin
					   : bytes < CHUNK_MIN_BYTES)
			return false;
		if (shape->has_key && (!link.second || (*key && link.second != *key)))
			return false;
		*key = link.second;
		chain->count++;
		chain->bytes += bytes;
		if (!reveal(chain->reading, user, link.first, &user))
			return false;
	}
	return true;
}

// What a cache holds, arena by arena: its chunks may be of any.
struct cache_sum {
	struct malloc_reading *reading;
	const struct cache_shape *shape;
	uint8_t bytes[CACHE_BYTES_MAX];
};

static uint64_t count_at(const struct cache_sum *sum, size_t bin)
{
	return sum->shape->count_bytes == 1
		       ? sum->bytes[bin]
		       : (uint64_t)sum->bytes[2 * bin] | (uint64_t)sum->bytes[2 * bin + 1] << 8;
}

static taddr_t list_at(const struct cache_sum *sum, size_t bin)
{
	return word_at(sum->bytes, sum->shape->count_bytes * sum->shape->bins + 8 * bin);
}

// Cheap, for a program can have many chunks of that size.
static bool looks_like_cache(const struct cache_sum *sum)
{
	bool any = false;
	for (size_t bin = 0; bin < sum->shape->bins; bin++) {
		taddr_t list = list_at(sum, bin);
		if ((list && !in_heap(sum->reading, list)) ||
		    (sum->shape->has_counts && (list != 0) != (count_at(sum, bin) != 0)))
			return false;
		any |= list != 0;
	}
	return any;
}

// The arena of a list is that of its first chunk: they are mostly of one, and a list is short.
static bool add_cache(struct cache_sum *sum)
{
	uint64_t key = 0;
	struct chain chains[CACHE_BINS_MAX];
	for (size_t bin = 0; bin < sum->shape->bins; bin++) {
		chains[bin] = (struct chain){.reading = sum->reading};
		if (!follow_cache_bin(&chains[bin], sum->shape, bin, list_at(sum, bin), &key) ||
		    (sum->shape->has_counts && chains[bin].count != count_at(sum, bin)))
			return false;
	}
	for (size_t bin = 0; bin < sum->shape->bins; bin++) {
		taddr_t list = list_at(sum, bin);
		const struct glibc_heap *heap =
			list ? glibc_malloc_find_heap(sum->reading->out, list) : NULL;
		if (!heap)
			continue;
		struct glibc_arena *arena = &sum->reading->out->arenas.items[heap->arena];
		arena->tcache_bytes.value += chains[bin].bytes;
		arena->tcache_count.value += chains[bin].count;
	}
	return true;
}

static bool read_cache(struct malloc_reading *reading, const struct cache_candidate *candidate)
{
	struct cache_sum sum = {.reading = reading};
	for (size_t i = 0; i < sizeof cache_shapes / sizeof *cache_shapes; i++)
		if (cache_shapes[i].chunk_bytes == candidate->bytes)
			sum.shape = &cache_shapes[i];
	size_t size = (size_t)(candidate->bytes - CHUNK_HEADER_BYTES);
	return sum.shape &&
	       target_read_bulk(reading->target, candidate->chunk + CHUNK_HEADER_BYTES, sum.bytes,
				size, NULL) &&
	       looks_like_cache(&sum) && add_cache(&sum);
}

void thread_caches_read(struct malloc_reading *reading)
{
	bool all_walked = !reading->caches_cut;
	VEC_FOREACH (candidate, &reading->caches)
		reading->out->tcache_threads += read_cache(reading, candidate);
	VEC_FOREACH (arena, &reading->out->arenas)
		all_walked &= arena->complete && !arena->by_bins;
	VEC_FOREACH (arena, &reading->out->arenas)
		arena->tcache_bytes.known = arena->tcache_count.known =
			all_walked && reading->listed_left;
}
