// SPDX-License-Identifier: Apache-2.0
// In: the spans that a flush puts back on the heap's lists. Out: what the lists grow by.
#include "golang/flush_cost.h"

enum {
	BLOCK_ENTRIES = 512,   // spanSetBlockEntries
	INITIAL_SPINE = 256,   // spanSetInitSpineCap
	ALIGNMENT = 64,        // cpu.CacheLineSize
	BLOCK_ALIGNMENT = 512, // of blocks since Go 1.25, whose size is a multiple of it
	PERSISTENT_CHUNK = 256 << 10,
	SPAN_STORE = 128, // p.mspancache.buf
	ALLOCATIONS_MAX = 4 * GO_SPAN_CLASSES,
};

struct simulation {
	const struct go_runtime *runtime;
	uint64_t pooled_blocks;                // free blocks that need no allocation
	uint32_t allocations[ALLOCATIONS_MAX]; // bytes of each, in order
	size_t count;
};

static void allocate(struct simulation *simulation, uint64_t bytes)
{
	if (simulation->count < ALLOCATIONS_MAX && bytes <= PERSISTENT_CHUNK)
		simulation->allocations[simulation->count++] = (uint32_t)bytes;
}

static uint64_t block_bytes(const struct go_layout *layout)
{
	return (uint64_t)layout->offset[GO_SIZEOF_SPAN_SET_BLOCK];
}

// spanSet.push, `pushes` times; a set has no gaps, so that only its length counts.
static void push(struct simulation *simulation, const struct go_record *set, uint64_t pushes)
{
	uint64_t tail = (uint32_t)record_u64(set, GO_SPAN_SET_INDEX) + pushes;
	uint64_t length = record_u64(set, GO_SPAN_SET_SPINE_LEN);
	uint64_t capacity = record_u64(set, GO_SPAN_SET_SPINE_CAP);
	uint64_t needed = pushes ? (tail - 1) / BLOCK_ENTRIES + 1 : 0;
	for (; length < needed && simulation->count < ALLOCATIONS_MAX; length++) {
		if (length == capacity) {
			capacity = capacity ? capacity * 2 : INITIAL_SPINE;
			allocate(simulation, capacity * 8);
		}
		if (simulation->pooled_blocks)
			simulation->pooled_blocks--;
		else
			allocate(simulation, block_bytes(set->layout));
	}
}

// The pool is a stack of tagged pointers: an address of 48 or, since a patch of Go 1.25, 49 bits
// above the tag. Only one of the two leads anywhere.
static bool next_block(const struct go_runtime *runtime, uint64_t tagged, uint64_t *next)
{
	uint64_t alignment = block_bytes(&runtime->layout) % BLOCK_ALIGNMENT ? 8 : BLOCK_ALIGNMENT;
	for (int bits = 48; bits <= 49; bits++) {
		taddr_t address = (taddr_t)((int64_t)tagged >> (64 - bits)) & ~(alignment - 1);
		if (target_find_mapping(runtime->target, address) &&
		    target_read_u64(runtime->target, address, next, NULL))
			return true;
	}
	return false;
}

static bool count_pool(struct simulation *simulation)
{
	uint64_t tagged;
	if (!go_variable_u64(simulation->runtime, GO_SYMBOL_SPAN_SET_BLOCK_POOL, &tagged))
		return false;
	while (tagged && simulation->pooled_blocks < ALLOCATIONS_MAX) {
		if (!next_block(simulation->runtime, tagged, &tagged))
			return false;
		simulation->pooled_blocks++;
	}
	return true;
}

// Each mcentral is padded to whole cache lines, which are twice as long on arm64.
static size_t central_stride(const struct go_runtime *runtime)
{
	size_t line = runtime->machine == ELF_MACHINE_ARM64 ? 128 : 64;
	size_t size = (size_t)runtime->layout.offset[GO_SIZEOF_MCENTRAL];
	return (size + line - 1) / line * line;
}

static bool push_class(struct simulation *simulation, taddr_t central, uint32_t sweepgen,
		       uint64_t partial, uint64_t full)
{
	const struct go_layout *layout = &simulation->runtime->layout;
	struct go_struct lists = {0};
	if (!partial && !full)
		return true;
	if (!go_struct_read(simulation->runtime, central, GO_SIZEOF_MCENTRAL, &lists, NULL))
		return false;
	size_t size = (size_t)layout->offset[GO_SIZEOF_SPAN_SET];
	size_t swept = sweepgen / 2 % 2 * size;
	struct go_record sets[] = {
		record_at(&lists.record, (size_t)layout->offset[GO_MCENTRAL_PARTIAL] + swept, size),
		record_at(&lists.record, (size_t)layout->offset[GO_MCENTRAL_FULL] + swept, size),
	};
	push(simulation, &sets[0], partial);
	push(simulation, &sets[1], full);
	go_struct_deinit(&lists);
	return true;
}

// persistentalloc1 with the chunk that one processor has.
static uint64_t count_chunks(const struct simulation *simulation, uint64_t base, uint64_t offset)
{
	uint64_t chunks = 0;
	for (size_t i = 0; i < simulation->count; i++) {
		uint64_t size = simulation->allocations[i];
		uint64_t alignment =
			size % BLOCK_ALIGNMENT == 0 && size > 4096 &&
					size == block_bytes(&simulation->runtime->layout)
				? BLOCK_ALIGNMENT
				: ALIGNMENT;
		offset = (offset + alignment - 1) & ~(alignment - 1);
		if (!base || offset > PERSISTENT_CHUNK || size > PERSISTENT_CHUNK - offset) {
			chunks++;
			base = 1;
			offset = alignment;
		}
		offset += size;
	}
	return chunks;
}

struct processor_cost {
	uint64_t chunk_bytes, freed_structs;
};

static bool cost_at(const struct simulation *simulation, taddr_t processor, uint64_t freed_spans,
		    struct processor_cost *cost)
{
	const struct go_runtime *runtime = simulation->runtime;
	const struct go_layout *layout = &runtime->layout;
	taddr_t chunk = processor + (uint64_t)layout->offset[GO_P_PALLOC];
	uint64_t base, offset, stored;
	if (!target_read_u64(runtime->target,
			     chunk + (uint64_t)layout->offset[GO_PERSISTENT_ALLOC_BASE], &base,
			     NULL) ||
	    !target_read_u64(runtime->target,
			     chunk + (uint64_t)layout->offset[GO_PERSISTENT_ALLOC_OFF], &offset,
			     NULL) ||
	    !target_read_u64(runtime->target,
			     processor + (uint64_t)layout->offset[GO_P_MSPANCACHE_LEN], &stored,
			     NULL) ||
	    stored > SPAN_STORE || offset > PERSISTENT_CHUNK)
		return false;
	uint64_t room = SPAN_STORE - stored;
	cost->chunk_bytes = count_chunks(simulation, base, offset) * PERSISTENT_CHUNK;
	cost->freed_structs = freed_spans > room ? freed_spans - room : 0;
	return true;
}

static bool compare_processors(const struct simulation *simulation, const go_addresses *processors,
			       uint64_t freed_spans, struct go_flush_cost *cost)
{
	bool first = true;
	VEC_FOREACH (processor, processors) {
		struct processor_cost here;
		if (!cost_at(simulation, *processor, freed_spans, &here))
			return false;
		if (!first && (here.chunk_bytes != cost->chunk_bytes ||
			       here.freed_structs != cost->freed_structs))
			cost->depends = true;
		if (first || here.chunk_bytes < cost->chunk_bytes)
			cost->chunk_bytes = here.chunk_bytes;
		if (first || here.freed_structs < cost->freed_structs)
			cost->freed_structs = here.freed_structs;
		first = false;
	}
	return true;
}

bool go_flush_cost_compute(const struct go_runtime *runtime, taddr_t heap, uint32_t sweepgen,
			   const struct go_flush_pushes *pushes, const go_addresses *processors,
			   uint64_t freed_spans, struct go_flush_cost *out)
{
	static const enum go_field needed[] = {
		GO_MHEAP_CENTRAL,   GO_SIZEOF_MCENTRAL,      GO_MCENTRAL_PARTIAL,
		GO_SIZEOF_SPAN_SET, GO_SPAN_SET_INDEX,       GO_SIZEOF_SPAN_SET_BLOCK,
		GO_P_PALLOC,        GO_PERSISTENT_ALLOC_OFF, GO_P_MSPANCACHE_LEN,
	};
	struct simulation simulation = {.runtime = runtime};
	struct go_flush_cost cost = {0};
	if (!layout_require(&runtime->layout, needed, sizeof needed / sizeof *needed, NULL) ||
	    !count_pool(&simulation))
		return false;
	taddr_t central = heap + (uint64_t)runtime->layout.offset[GO_MHEAP_CENTRAL];
	for (size_t i = 0; i < GO_SPAN_CLASSES; i++)
		if (!push_class(&simulation, central + i * central_stride(runtime), sweepgen,
				pushes->partial[i], pushes->full[i]))
			return false;
	for (size_t i = 0; i < simulation.count; i++)
		cost.list_bytes += simulation.allocations[i];
	if (!compare_processors(&simulation, processors, freed_spans, &cost))
		return false;
	*out = cost;
	return true;
}
