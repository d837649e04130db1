// SPDX-License-Identifier: Apache-2.0
// In: the runtime's tables. Out: the extents of its own structures, and where threads' stacks are.
#include "golang/own_memory.h"

#include <stdlib.h>

#include "base/cleanup.h"
#include "golang/structs.h"

enum {
	ARENAS_MAX = 1 << 16,
	ARENA_INDEX_BYTES = 32 << 20, // 2^22 pointers: 48 bits of addresses, arenas of 64 MiB
	SUMMARY_LEVELS = 5,
	SLICE_BYTES = 24, // pointer, length, capacity
	CHUNK_TABLES = 8192,
	CHUNK_TABLE_BYTES = 1 << 20, // 8192 pallocData of two bitmaps of 512 pages
	CHUNK_TABLES_USED_MAX = 1024,
	THREADS_MAX = 100000,
};

struct finding {
	const struct go_runtime *runtime;
	taddr_t heap;
	struct go_own_memory *own;
};

void go_own_memory_deinit(struct go_own_memory *own)
{
	vec_deinit(&own->ranges);
	vec_deinit(&own->thread_stacks);
}

static void add(struct finding *finding, taddr_t start, uint64_t bytes, enum go_own_kind kind)
{
	if (start && bytes && start + bytes > start)
		vec_push(&finding->own->ranges, (struct go_own_range){start, start + bytes, kind});
}

static bool read_words(struct finding *finding, taddr_t address, uint64_t *words, size_t count)
{
	bool ok =
		target_read(finding->runtime->target, address, words, count * sizeof *words, NULL);
	finding->own->failed += !ok;
	return ok;
}

static bool has(const struct finding *finding, enum go_field field)
{
	return layout_has(&finding->runtime->layout, field);
}

static uint64_t offset(const struct finding *finding, enum go_field field)
{
	return (uint64_t)finding->runtime->layout.offset[field];
}

static void add_spans(struct finding *finding, const struct go_spans *spans)
{
	VEC_FOREACH (extent, &spans->structs)
		add(finding, extent->start, extent->end - extent->start, GO_OWN_SPANS);
	VEC_FOREACH (extent, &spans->bitmaps)
		add(finding, extent->start, extent->end - extent->start, GO_OWN_GC);
	add(finding, spans->table, spans->table_bytes, GO_OWN_OTHER);
}

static void add_arenas(struct finding *finding)
{
	uint64_t index, list[2];
	if (!read_words(finding, finding->heap + offset(finding, GO_MHEAP_ARENAS), &index, 1))
		return;
	if (index && index < UINT64_MAX - ARENA_INDEX_BYTES)
		vec_push(&finding->own->ranges,
			 (struct go_own_range){.start = index,
					       .end = index + ARENA_INDEX_BYTES,
					       .kind = GO_OWN_OTHER,
					       .uncounted = true});
	if (!has(finding, GO_MHEAP_HEAP_ARENAS) || !has(finding, GO_SIZEOF_HEAP_ARENA) ||
	    !read_words(finding, finding->heap + offset(finding, GO_MHEAP_HEAP_ARENAS), list, 2))
		return;
	uint64_t size = offset(finding, GO_SIZEOF_HEAP_ARENA);
	for (uint64_t i = 0; i < list[1] && i < ARENAS_MAX; i++) {
		uint64_t number, header;
		if (!read_words(finding, list[0] + i * sizeof number, &number, 1))
			return;
		if (number < ARENA_INDEX_BYTES / sizeof header &&
		    read_words(finding, index + number * sizeof header, &header, 1))
			add(finding, header, size, GO_OWN_GC);
	}
}

// A slice of 8-byte elements.
static void add_slice(struct finding *finding, taddr_t address)
{
	uint64_t slice[3];
	if (read_words(finding, address, slice, 3) && slice[2] < UINT64_MAX / sizeof slice[0])
		add(finding, slice[0], slice[2] * sizeof slice[0], GO_OWN_GC);
}

static void add_page_allocator(struct finding *finding)
{
	if (!has(finding, GO_MHEAP_PAGES) || !has(finding, GO_PAGE_ALLOC_SUMMARY) ||
	    !has(finding, GO_PAGE_ALLOC_CHUNKS))
		return;
	taddr_t pages = finding->heap + offset(finding, GO_MHEAP_PAGES);
	for (uint64_t i = 0; i < SUMMARY_LEVELS; i++)
		add_slice(finding,
			  pages + offset(finding, GO_PAGE_ALLOC_SUMMARY) + i * SLICE_BYTES);
	if (has(finding, GO_PAGE_ALLOC_SCAV_INDEX))
		add_slice(finding, pages + offset(finding, GO_PAGE_ALLOC_SCAV_INDEX));
	_cleanup_free_ uint64_t *tables = alloc_array(CHUNK_TABLES, sizeof *tables);
	if (!read_words(finding, pages + offset(finding, GO_PAGE_ALLOC_CHUNKS), tables,
			CHUNK_TABLES))
		return;
	for (size_t i = 0, used = 0; i < CHUNK_TABLES && used < CHUNK_TABLES_USED_MAX; i++) {
		used += tables[i] != 0;
		add(finding, tables[i], CHUNK_TABLE_BYTES, GO_OWN_GC);
	}
}

static void add_caches(struct finding *finding)
{
	go_addresses processors = {0};
	uint64_t cache;
	if (!go_processors_find(finding->runtime, &processors, NULL)) {
		finding->own->failed++;
		return;
	}
	VEC_FOREACH (processor, &processors)
		if (read_words(finding, *processor + offset(finding, GO_P_MCACHE), &cache, 1))
			add(finding, cache, offset(finding, GO_SIZEOF_MCACHE), GO_OWN_CACHES);
	vec_deinit(&processors);
}

// The stack that a thread began with is that of its g0: with cgo a C thread's.
static void add_threads(struct finding *finding)
{
	uint64_t thread = 0, g0, stack[2];
	if (!go_variable_u64(finding->runtime, GO_SYMBOL_ALLM, &thread))
		return;
	for (size_t i = 0; thread && i < THREADS_MAX; i++) {
		if (!read_words(finding, thread + offset(finding, GO_M_G0), &g0, 1))
			return;
		if (g0 && read_words(finding, g0 + offset(finding, GO_G_STACK), stack, 2) &&
		    stack[1])
			vec_push(&finding->own->thread_stacks, stack[1] - 1);
		if (!read_words(finding, thread + offset(finding, GO_M_ALLLINK), &thread, 1))
			return;
	}
}

static int by_start(const void *a, const void *b)
{
	const struct go_own_range *left = a, *right = b;
	return (left->start > right->start) - (left->start < right->start);
}

static int by_address(const void *a, const void *b)
{
	taddr_t left = *(const taddr_t *)a, right = *(const taddr_t *)b;
	return (left > right) - (left < right);
}

// No byte counts twice: what begins inside another range is cut.
static void sort(struct go_own_memory *own)
{
	taddr_t end = 0;
	size_t kept = 0;
	if (own->thread_stacks.count)
		qsort(own->thread_stacks.items, own->thread_stacks.count,
		      sizeof *own->thread_stacks.items, by_address);
	if (own->ranges.count)
		qsort(own->ranges.items, own->ranges.count, sizeof *own->ranges.items, by_start);
	VEC_FOREACH (range, &own->ranges) {
		struct go_own_range left = *range;
		if (left.start < end)
			left.start = end;
		if (left.start >= left.end)
			continue;
		end = left.end;
		own->ranges.items[kept++] = left;
	}
	own->ranges.count = kept;
}

void go_own_memory_read(const struct go_runtime *runtime, const struct go_spans *spans,
			struct go_own_memory *out)
{
	struct go_own_memory own = {0};
	struct finding finding = {.runtime = runtime, .own = &own};
	add_spans(&finding, spans);
	if (go_runtime_symbol(runtime, GO_SYMBOL_MHEAP, &finding.heap, NULL)) {
		add_arenas(&finding);
		add_page_allocator(&finding);
	} else {
		own.failed++;
	}
	add_caches(&finding);
	add_threads(&finding);
	sort(&own);
	*out = own;
}
