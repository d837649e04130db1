// SPDX-License-Identifier: Apache-2.0
// In: a target and its mappings. Out: glibc's arenas and mapped chunks, with what they hold.
#include "native/glibc_malloc.h"

#include "base/cleanup.h"
#include "native/glibc_priv.h"

void glibc_malloc_deinit(struct glibc_malloc *malloc)
{
	vec_deinit(&malloc->arenas);
	vec_deinit(&malloc->heaps);
	vec_deinit(&malloc->heaps_by_address);
	vec_deinit(&malloc->free_ranges);
	vec_deinit(&malloc->mmapped);
}

const struct glibc_heap *glibc_malloc_find_heap(const struct glibc_malloc *malloc, taddr_t address)
{
	size_t low = 0, high = malloc->heaps_by_address.count; // the first heap behind `address`
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (malloc->heaps.items[malloc->heaps_by_address.items[middle]].start <= address)
			low = middle + 1;
		else
			high = middle;
	}
	if (!low)
		return NULL;
	const struct glibc_heap *heap =
		&malloc->heaps.items[malloc->heaps_by_address.items[low - 1]];
	return address < heap->end ? heap : NULL;
}

static int by_heap_start(const void *a, const void *b, void *context)
{
	const struct glibc_malloc *malloc = context;
	taddr_t left = malloc->heaps.items[*(const size_t *)a].start;
	taddr_t right = malloc->heaps.items[*(const size_t *)b].start;
	return (left > right) - (left < right);
}

static void order_heaps(struct glibc_malloc *malloc)
{
	malloc->heaps_by_address.count = 0;
	for (size_t i = 0; i < malloc->heaps.count; i++)
		vec_push(&malloc->heaps_by_address, i);
	if (malloc->heaps.count)
		qsort_r(malloc->heaps_by_address.items, malloc->heaps.count, sizeof(size_t),
			by_heap_start, malloc);
}

static void find_brk(struct malloc_reading *reading)
{
	VEC_FOREACH (mapping, &reading->maps->list) {
		if (strcmp(mapping->name, "[heap]") != 0)
			continue;
		if (!reading->brk_start)
			reading->brk_start = mapping->start;
		reading->brk_end = mapping->end;
	}
}

static struct glibc_arena *add_arena(struct malloc_reading *reading,
				     const struct arena_state *state)
{
	struct glibc_arena arena = {
		.address = state->address,
		.is_main = state->address == reading->main_arena,
		.first_heap = reading->out->heaps.count,
		.thread_count = state->thread_count,
		.system_bytes = state->system_bytes,
		.max_system_bytes = state->max_system_bytes,
	};
	return vec_push(&reading->out->arenas, arena);
}

static void add_heap(struct malloc_reading *reading, taddr_t start, taddr_t end, taddr_t mapped_end)
{
	size_t arena = reading->out->arenas.count - 1;
	vec_push(&reading->out->heaps, {start, end, mapped_end, arena, false});
	reading->out->arenas.items[arena].heap_count++;
}

// The brk heap, and where brk was refused, the mapping that came instead.
static void add_main_heaps(struct malloc_reading *reading, const struct arena_state *state)
{
	taddr_t start = reading->sbrk_base ? reading->sbrk_base : reading->brk_start;
	if (arena_is_unused(reading->shape, state))
		return;
	taddr_t end = start ? main_heap_end(reading, start, state->top) : 0;
	if (end) {
		add_heap(reading, start, end, end);
		return;
	}
	if (start)
		add_heap(reading, start, reading->brk_end, reading->brk_end);
	const struct mapping *mapping = maps_find(reading->maps, state->top);
	end = mapping ? main_heap_end(reading, mapping->start, state->top) : 0;
	if (end && mapping->start > start)
		add_heap(reading, mapping->start, end, end);
}

static bool add_thread_arena(void *context, const struct arena_state *state, struct error *error)
{
	struct malloc_reading *reading = context;
	(void)error;
	add_arena(reading, state);
	return true;
}

static int by_arena(const void *a, const void *b)
{
	const struct heap_info *left = a, *right = b;
	if (left->arena != right->arena)
		return left->arena < right->arena ? -1 : 1;
	return (left->start > right->start) - (left->start < right->start);
}

static const struct heap_info *first_heap_of(const struct malloc_reading *reading, taddr_t arena)
{
	size_t low = 0, high = reading->heaps.count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (reading->heaps.items[middle].arena < arena)
			low = middle + 1;
		else
			high = middle;
	}
	return reading->heaps.items + low;
}

// What is in the arenas' list has its heaps by now; the rest of the candidates were none.
static void add_thread_heaps(struct malloc_reading *reading)
{
	struct glibc_malloc *out = reading->out;
	if (!reading->heaps.count)
		return;
	const struct heap_info *end = reading->heaps.items + reading->heaps.count;
	qsort(reading->heaps.items, reading->heaps.count, sizeof *end, by_arena);
	for (size_t i = 1; i < out->arenas.count; i++) {
		struct glibc_arena *arena = &out->arenas.items[i];
		arena->first_heap = out->heaps.count;
		for (const struct heap_info *heap = first_heap_of(reading, arena->address);
		     heap < end && heap->arena == arena->address; heap++) {
			vec_push(&out->heaps, {heap->start, heap->start + heap->bytes,
					       heap->start + heap->mapped_bytes, i, false});
			arena->heap_count++;
		}
	}
}

static void clear_arenas(struct glibc_malloc *out)
{
	out->arenas.count = out->heaps.count = 0;
}

static bool read_arenas(struct malloc_reading *reading, struct error *error)
{
	struct arena_state state;
	clear_arenas(reading->out);
	heaps_collect(reading);
	if (!arena_read(reading->target, reading->shape, reading->main_arena, &state, error) ||
	    !arena_check(reading, reading->shape, &state, error))
		return false;
	add_arena(reading, &state);
	add_main_heaps(reading, &state);
	if (!arenas_follow(reading, reading->shape, &state, add_thread_arena, reading, error))
		return false;
	add_thread_heaps(reading);
	order_heaps(reading->out);
	return true;
}

static void sum_arena(struct glibc_arena *arena)
{
	uint64_t walked = arena->system_bytes - arena->unwalked_bytes;
	arena->free_bytes = arena->top_bytes + arena->bins_bytes + arena->fast_bytes.value;
	arena->used_bytes = walked > arena->free_bytes ? walked - arena->free_bytes : 0;
}

static bool read_all(struct malloc_reading *reading, struct error *error)
{
	bool ok = false;
	if (!main_arena_find(reading, error))
		return false;
	for (int attempt = 0; attempt < ATTEMPTS_MAX && !ok; attempt++)
		ok = read_arenas(reading, error);
	if (!ok)
		return false;
	reading->out->shape = reading->shape->since;
	VEC_FOREACH (arena, &reading->out->arenas)
		arena_walk(reading, arena);
	links_forget(reading);
	thread_caches_read(reading); // first: they are short, fast bins may use the budget up
	VEC_FOREACH (arena, &reading->out->arenas)
		fast_bins_read(reading, arena);
	VEC_FOREACH (arena, &reading->out->arenas)
		sum_arena(arena);
	mmapped_collect(reading);
	return true;
}

bool glibc_malloc_read(struct target *target, const struct maps *maps, struct glibc_malloc *out,
		       struct error *error)
{
	struct glibc_malloc found = {0};
	_cleanup_free_ uint8_t *window = alloc_array(CHUNK_WINDOW_BYTES, 1);
	struct malloc_reading reading = {
		.target = target,
		.maps = maps,
		.chunks_left = GLIBC_CHUNKS_MAX,
		.bytes_left = GLIBC_WALK_BYTES_MAX,
		.listed_left = (uint64_t)GLIBC_LISTED_CHUNKS_MAX * LINK_READ_COST,
		.tries_left = TRIES_MAX,
		.window = window,
		.out = &found,
	};
	find_brk(&reading);
	bool ok = read_all(&reading, error);
	vec_deinit(&reading.heaps);
	vec_deinit(&reading.caches);
	if (ok)
		*out = found;
	else
		glibc_malloc_deinit(&found);
	return ok;
}
