// SPDX-License-Identifier: Apache-2.0
// In: the first bucket of a list. Out: each bucket's stack and record.
#include "golang/bucket_list.h"

#include <inttypes.h>
#include <string.h>

enum {
	BUCKETS_MAX = 1 << 20,
	DEPTH_MAX = 4096, // GODEBUG=profstackdepth is at most 1024
	EXPANDED_MAX = 2 * DEPTH_MAX,
	HEADER_MAX = 64,
	RECORD_MAX = 128,
};

uint64_t go_stack_hash(const taddr_t *stack, size_t depth, uint64_t size)
{
	uint64_t hash = 0;
	for (size_t i = 0; i < depth; i++) {
		hash += stack[i];
		hash += hash << 10;
		hash ^= hash >> 6;
	}
	hash += size;
	hash += hash << 10;
	hash ^= hash >> 6;
	hash += hash << 3;
	return hash ^ hash >> 11;
}

// Go 1.11 stores what is inlined at one program counter as that one: see functab.h.
static bool expand_stack(const struct go_runtime *runtime, struct arena *arena,
			 struct go_list_bucket *bucket)
{
	taddr_t stack[EXPANDED_MAX];
	size_t depth = 0;
	if (layout_has(&runtime->layout, GO_INLINED_CALL_PARENT_PC))
		return true;
	for (size_t i = 0; i < bucket->depth && depth < EXPANDED_MAX; i++) {
		stack[depth++] = bucket->stack[i];
		depth = functab_expand_last(runtime->functab, stack, depth, EXPANDED_MAX);
	}
	taddr_t *copy = arena_array(arena, depth, sizeof *copy);
	if (copy && depth)
		memcpy(copy, stack, depth * sizeof *copy);
	bucket->stack = copy;
	bucket->depth = depth;
	return copy || !depth;
}

static bool no_memory(struct error *error)
{
	return error_set(error, ERROR_LIMIT, "the profile's stacks need too much memory");
}

static bool read_bucket(const struct go_runtime *runtime, const struct go_bucket_list *list,
			taddr_t address, taddr_t *next, struct error *error)
{
	uint8_t header[HEADER_MAX], bytes[RECORD_MAX];
	const struct go_layout *layout = &runtime->layout;
	size_t header_size = (size_t)layout->offset[GO_SIZEOF_BUCKET];
	size_t record_size = (size_t)layout->offset[list->record_size];
	if (header_size > sizeof header || record_size > sizeof bytes)
		return error_set(error, ERROR_BAD_DATA, "profile buckets of an absurd size");
	if (!target_read(runtime->target, address, header, header_size, error))
		return false;
	struct go_record record = {layout, header, header_size};
	uint64_t depth = record_u64(&record, GO_BUCKET_NSTK);
	if (record_u64(&record, GO_BUCKET_TYP) != list->type || depth > DEPTH_MAX)
		return error_set(error, ERROR_BAD_DATA,
				 "no profile bucket at 0x%" PRIx64 " (depth %" PRIu64 ")", address,
				 depth);
	taddr_t *stack = arena_array(list->arena, depth, sizeof *stack);
	if (!stack)
		return no_memory(error);
	if (!target_read(runtime->target, address + header_size, stack, depth * 8, error) ||
	    !target_read(runtime->target, address + header_size + depth * 8, bytes, record_size,
			 error))
		return false;
	struct go_list_bucket bucket = {record_u64(&record, GO_BUCKET_SIZE), stack, depth, false,
					bytes};
	bucket.hash_fits =
		go_stack_hash(stack, depth, bucket.size) == record_u64(&record, GO_BUCKET_HASH);
	*next = record_u64(&record, GO_BUCKET_ALLNEXT);
	return expand_stack(runtime, list->arena, &bucket)
		       ? list->visit(list->context, &bucket, error)
		       : no_memory(error);
}

bool go_bucket_list_walk(const struct go_runtime *runtime, const struct go_bucket_list *list,
			 struct error *error)
{
	taddr_t head, next, landmark = 0;
	size_t count = 0, lap = 1;
	if (!go_runtime_symbol(runtime, list->head, &head, error) ||
	    !target_read_u64(runtime->target, head, &next, error))
		return false;
	while (next) {
		if (count == BUCKETS_MAX)
			return error_set(error, ERROR_LIMIT, "more than %d profile buckets",
					 BUCKETS_MAX);
		if (!read_bucket(runtime, list, next, &next, error))
			return false;
		if (next && next == landmark)
			return error_set(error, ERROR_BAD_DATA,
					 "the profile's buckets go round in a circle");
		if (++count == lap) { // Brent's way to see a circle
			landmark = next;
			lap *= 2;
		}
	}
	return true;
}
