// SPDX-License-Identifier: Apache-2.0
// In: the writable data of libraries and of the program. Out: where main_arena is, and mp_.
#include <inttypes.h>

#include "base/cleanup.h"
#include "native/glibc_priv.h"

enum {
	SCAN_BYTES_MAX = 64 << 20, // of all data
	PIECE_BYTES = 64 << 10,
	OVERLAP_BYTES = 128, // so that what lies across two pieces is seen whole
};

// Called for each place of a piece of data; `left` bytes from it on can be seen. True: found.
typedef bool data_visit(struct malloc_reading *reading, taddr_t at, const uint8_t *bytes,
			size_t left);

struct data_scan {
	struct malloc_reading *reading;
	data_visit *visit;
	uint64_t bytes_left;
};

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash ? slash + 1 : path;
}

static bool is_libc(const struct mapping *mapping)
{
	const char *name = base_name(mapping->name);
	return strncmp(name, "libc.so", 7) == 0 || strncmp(name, "libc-2.", 7) == 0;
}

static bool scan_range(struct data_scan *scan, taddr_t start, taddr_t end)
{
	_cleanup_free_ uint8_t *bytes = alloc_array(PIECE_BYTES, 1);
	for (taddr_t at = start; at < end && scan->bytes_left;) {
		size_t size = end - at < PIECE_BYTES ? end - at : PIECE_BYTES;
		if (!target_read_bulk(scan->reading->target, at, bytes, size, NULL))
			return false;
		for (size_t i = 0; i + 8 <= size; i += 8)
			if (scan->visit(scan->reading, at + i, bytes + i, size - i))
				return true;
		scan->bytes_left -= size < scan->bytes_left ? size : scan->bytes_left;
		if (at + size == end)
			break;
		at += size - OVERLAP_BYTES;
	}
	return false;
}

// The data of files that are mapped writable, each with its .bss, which is anonymous and follows.
static bool scan_data(struct data_scan *scan, bool libc)
{
	const struct maps *maps = scan->reading->maps;
	for (size_t i = 0; i < maps->list.count; i++) {
		const struct mapping *mapping = &maps->list.items[i];
		if (!mapping->inode || is_libc(mapping) != libc || mapping->perms[3] != 'p' ||
		    mapping->perms[1] != 'w')
			continue;
		taddr_t end = mapping->end;
		for (size_t next = i + 1; next < maps->list.count; next++) {
			const struct mapping *bss = &maps->list.items[next];
			if (bss->inode || bss->start != end || bss->perms[1] != 'w' || bss->name[0])
				break;
			end = bss->end;
		}
		if (scan_range(scan, mapping->start, end))
			return true;
	}
	return false;
}

static bool try_arena(struct malloc_reading *reading, const struct arena_shape *shape,
		      taddr_t address)
{
	struct arena_state state;
	if (!reading->tries_left)
		return false;
	reading->tries_left--;
	if (address % 8 || !is_writable(reading, address) || is_first_heap_of(reading, address) ||
	    !arena_read(reading->target, shape, address, &state, NULL) ||
	    !arena_check(reading, shape, &state, NULL) ||
	    !arenas_follow(reading, shape, &state, NULL, NULL, NULL))
		return false;
	reading->shape = shape;
	reading->main_arena = address;
	return true;
}

static bool is_empty_bin(taddr_t at, const uint8_t *bytes)
{
	return word_at(bytes, 0) == at - 16 && word_at(bytes, 8) == at - 16;
}

// The first empty bin behind something else can be any of the bins of any shape.
static bool visit_arena(struct malloc_reading *reading, taddr_t at, const uint8_t *bytes,
			size_t left)
{
	if (left < 16 || !is_empty_bin(at, bytes))
		return false;
	uint8_t before[16];
	if (target_read(reading->target, at - 16, before, sizeof before, NULL) &&
	    is_empty_bin(at - 16, before))
		return false;
	for (size_t shape = 0; shape < arena_shape_count; shape++)
		for (size_t bin = 0; bin < NORMAL_BINS; bin++) {
			uint64_t inside = arena_shapes[shape].top_offset + 16 + 16 * bin;
			if (at > inside && try_arena(reading, &arena_shapes[shape], at - inside))
				return true;
		}
	return false;
}

// malloc_par from n_mmaps on, by what stands before sbrk_base; see malloc/malloc.c.
static const struct {
	size_t counts, bytes, sbrk_base; // offsets from n_mmaps, which is the visited word or its
					 // upper half
} par_rows[] = {
	{0, 16, 32}, // 2.26 to 2.34: mmapped_mem, max_mmapped_mem, sbrk_base
	{4, 24, 40}, // from 2.35: n_mmaps shares a word with hp_flags
	{0, 16, 40}, // to 2.25: max_total_mem comes before sbrk_base
};

static uint32_t u32_at(const uint8_t *bytes, size_t offset)
{
	uint32_t value;
	memcpy(&value, bytes + offset, sizeof value);
	return value;
}

static bool check_par(const struct malloc_reading *reading, const uint8_t *bytes, size_t row)
{
	size_t counts = par_rows[row].counts;
	uint32_t count = u32_at(bytes, counts), max_allowed = u32_at(bytes, counts + 4);
	uint32_t max_count = u32_at(bytes, counts + 8), fixed = u32_at(bytes, counts + 12);
	uint64_t mmapped = word_at(bytes, par_rows[row].bytes);
	uint64_t max_mmapped = word_at(bytes, par_rows[row].bytes + 8);
	taddr_t base = word_at(bytes, par_rows[row].sbrk_base);
	uint64_t bins = word_at(bytes, par_rows[row].sbrk_base + 8);
	bool has_cache_fields = row != 2;
	return max_allowed <= INT32_MAX && count <= max_count && max_count <= max_allowed &&
	       fixed <= 1 && mmapped <= max_mmapped && mmapped % PAGE_BYTES == 0 &&
	       max_mmapped % PAGE_BYTES == 0 && mmapped / PAGE_BYTES >= count &&
	       (count > 0) == (mmapped > 0) && (!has_cache_fields || (bins >= 1 && bins <= 128)) &&
	       base >= reading->brk_start && base < reading->brk_end;
}

static bool visit_par(struct malloc_reading *reading, taddr_t at, const uint8_t *bytes, size_t left)
{
	(void)at;
	for (size_t row = 0; row < sizeof par_rows / sizeof *par_rows; row++) {
		if (left < par_rows[row].sbrk_base + 16 || !check_par(reading, bytes, row))
			continue;
		reading->sbrk_base = word_at(bytes, par_rows[row].sbrk_base);
		reading->out->mmapped_count = known(u32_at(bytes, par_rows[row].counts));
		reading->out->mmapped_bytes = known(word_at(bytes, par_rows[row].bytes));
		return true;
	}
	return false;
}

static bool scan_all(struct malloc_reading *reading, data_visit *visit)
{
	struct data_scan scan = {reading, visit, SCAN_BYTES_MAX};
	return scan_data(&scan, true) || scan_data(&scan, false);
}

// Each arena of a thread leads to the others, and so to main_arena, the only one that is in no
// heap.
static bool find_by_ring(struct malloc_reading *reading)
{
	for (size_t shape = 0; shape < arena_shape_count; shape++)
		for (size_t i = 0; i < reading->heaps.count && i < GLIBC_ARENAS_MAX; i++) {
			const struct heap_info *heap = &reading->heaps.items[i];
			struct arena_state state;
			if (heap->arena - heap->arena % HEAP_MAX_BYTES == heap->start &&
			    arena_read(reading->target, &arena_shapes[shape], heap->arena, &state,
				       NULL) &&
			    try_arena(reading, &arena_shapes[shape], state.next))
				return true;
		}
	return false;
}

bool main_arena_find(struct malloc_reading *reading, struct error *error)
{
	bool found = false;
	for (int attempt = 0; attempt < ATTEMPTS_MAX && !found; attempt++) {
		target_forget(reading->target);
		heaps_collect(reading);
		found = find_by_ring(reading) || scan_all(reading, visit_arena);
	}
	if (!found)
		return error_set(error, ERROR_NOT_FOUND,
				 "no main_arena of glibc's malloc in the data of %zu mappings",
				 reading->maps->list.count);
	if (reading->brk_start)
		(void)scan_all(reading, visit_par);
	return true;
}
