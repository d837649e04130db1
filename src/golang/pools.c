// SPDX-License-Identifier: Apache-2.0
// In: sync.allPools, sync.oldPools, the spans. Out: what lies in pools.
#include "golang/pools.h"

#include "golang/holdings.h"
#include "golang/structs.h"

enum {
	POOLS_MAX = 1 << 14,
	PROCESSORS_MAX = 1 << 12,
	ELEMENTS_MAX = 64,    // of one chain: each has twice the room of the one before
	VALUES_MAX = 1 << 20, // of one element
	INTERFACE_BYTES = 16,
	BYTES_MAX = 64 << 20, // of all parts and values of all pools
};

struct walk {
	const struct go_runtime *runtime;
	struct holdings holdings;
	uint64_t pools, bytes;
};

// False, and `cut`, where so much more is too much: forged lists may lead to the same again and
// again.
static bool may_read(struct walk *walk, uint64_t bytes)
{
	if (bytes > BYTES_MAX - walk->bytes) {
		walk->holdings.cut = true;
		return false;
	}
	walk->bytes += bytes;
	return true;
}

static size_t offset_of(const struct walk *walk, enum go_field field)
{
	return (size_t)walk->runtime->layout.offset[field];
}

// Interfaces in a row; an empty place has no type.
static void visit_values(void *context, const struct target_range *range, const uint8_t *bytes)
{
	struct walk *walk = context;
	for (size_t at = 0; bytes && at + INTERFACE_BYTES <= range->size; at += INTERFACE_BYTES)
		if (holdings_word(bytes, range->size, at))
			holdings_add(&walk->holdings, holdings_word(bytes, range->size, at + 8));
}

static void read_values(struct walk *walk, taddr_t values, uint64_t count)
{
	VEC(struct target_range) ranges = {0};
	uint64_t bytes = count * INTERFACE_BYTES;
	for (uint64_t at = 0; at < bytes; at += TARGET_RANGE_MAX) {
		uint64_t size = bytes - at < TARGET_RANGE_MAX ? bytes - at : TARGET_RANGE_MAX;
		vec_push(&ranges, {values + at, (uint32_t)size, 0});
	}
	target_read_ranges(walk->runtime->target, ranges.items, ranges.count, visit_values, walk);
	vec_deinit(&ranges);
}

static void read_chain(struct walk *walk, taddr_t element)
{
	for (int i = 0; element && i < ELEMENTS_MAX; i++) {
		uint64_t values, count;
		if (!holdings_is_new(&walk->holdings, element))
			return;
		taddr_t place = element + offset_of(walk, GO_POOL_ELT_VALS);
		if (!target_read_u64(walk->runtime->target, place, &values, NULL) ||
		    !target_read_u64(walk->runtime->target, place + 8, &count, NULL) ||
		    count > VALUES_MAX ||
		    !target_read_u64(walk->runtime->target,
				     element + offset_of(walk, GO_POOL_ELT_PREV), &element, NULL))
			return;
		if (may_read(walk, count * INTERFACE_BYTES))
			read_values(walk, values, count);
	}
}

static void visit_local(void *context, const struct target_range *range, const uint8_t *bytes)
{
	struct walk *walk = context;
	size_t private = offset_of(walk, GO_POOL_LOCAL_PRIVATE);
	if (!bytes)
		return;
	if (holdings_word(bytes, range->size, private))
		holdings_add(&walk->holdings, holdings_word(bytes, range->size, private + 8));
	read_chain(walk, holdings_word(bytes, range->size, offset_of(walk, GO_POOL_LOCAL_HEAD)));
}

static void read_locals(struct walk *walk, taddr_t locals, uint64_t count)
{
	VEC(struct target_range) ranges = {0};
	size_t size = offset_of(walk, GO_SIZEOF_POOL_LOCAL);
	for (uint64_t i = 0; locals && i < count && i < PROCESSORS_MAX && may_read(walk, size); i++)
		vec_push(&ranges, {locals + i * size, (uint32_t)size, 0});
	target_read_ranges(walk->runtime->target, ranges.items, ranges.count, visit_local, walk);
	vec_deinit(&ranges);
}

static void read_pool(struct walk *walk, taddr_t pool)
{
	static const enum go_field halves[][2] = {{GO_POOL_LOCAL, GO_POOL_LOCAL_SIZE},
						  {GO_POOL_VICTIM, GO_POOL_VICTIM_SIZE}};
	if (!holdings_is_new(&walk->holdings, pool))
		return;
	walk->pools++;
	for (int i = 0; i < 2; i++) {
		uint64_t locals, count;
		if (target_read_u64(walk->runtime->target, pool + offset_of(walk, halves[i][0]),
				    &locals, NULL) &&
		    target_read_u64(walk->runtime->target, pool + offset_of(walk, halves[i][1]),
				    &count, NULL))
			read_locals(walk, locals, count);
	}
}

static bool read_list(struct walk *walk, enum go_symbol symbol, struct error *error)
{
	taddr_t list, items, pool;
	uint64_t count;
	struct target *target = walk->runtime->target;
	if (!go_runtime_symbol(walk->runtime, symbol, &list, error) ||
	    !target_read_u64(target, list, &items, error) ||
	    !target_read_u64(target, list + 8, &count, error))
		return false;
	if (count > POOLS_MAX)
		return error_set(error, ERROR_LIMIT, "%llu pools", (unsigned long long)count);
	for (uint64_t i = 0; i < count; i++)
		if (target_read_u64(target, items + i * 8, &pool, NULL))
			read_pool(walk, pool);
	return true;
}

bool go_pools_read(const struct go_runtime *runtime, const struct go_spans *spans,
		   struct go_pools *out, struct error *error)
{
	static const enum go_field needed[] = {
		GO_POOL_LOCAL,       GO_POOL_LOCAL_SIZE,    GO_POOL_VICTIM,
		GO_POOL_VICTIM_SIZE, GO_POOL_LOCAL_PRIVATE, GO_POOL_LOCAL_HEAD,
		GO_POOL_ELT_VALS,    GO_POOL_ELT_PREV,      GO_SIZEOF_POOL_LOCAL};
	struct walk walk = {.runtime = runtime, .holdings = {.runtime = runtime, .spans = spans}};
	if (!layout_require(&runtime->layout, needed, sizeof needed / sizeof *needed, error))
		return false;
	if (offset_of(&walk, GO_SIZEOF_POOL_LOCAL) > TARGET_RANGE_MAX)
		return error_set(error, ERROR_BAD_DATA,
				 "a pool's part of a processor is too large");
	bool ok = read_list(&walk, GO_SYMBOL_ALL_POOLS, error);
	ok = read_list(&walk, GO_SYMBOL_OLD_POOLS, ok ? NULL : error) || ok;
	holdings_follow(&walk.holdings);
	if (ok)
		*out = (struct go_pools){.pools = walk.pools,
					 .objects = walk.holdings.objects,
					 .bytes = walk.holdings.bytes,
					 .largest_bytes = walk.holdings.largest_bytes,
					 .cut = walk.holdings.cut};
	holdings_deinit(&walk.holdings);
	return ok;
}
