// SPDX-License-Identifier: Apache-2.0
// In: sizes. Out: zeroed memory that is freed at once by arena_deinit.
#include "base/arena.h"

#include <stdlib.h>
#include <string.h>

enum { BLOCK_BYTES = 64 << 10, ALIGNMENT = 16 };

struct arena_block {
	struct arena_block *next;
	size_t size, used;
	_Alignas(ALIGNMENT) unsigned char data[];
};

void arena_deinit(struct arena *arena)
{
	for (struct arena_block *block = arena->blocks, *next; block; block = next) {
		next = block->next;
		free(block);
	}
	*arena = (struct arena){.limit_bytes = arena->limit_bytes};
}

static struct arena_block *add_block(struct arena *arena, size_t size)
{
	size_t capacity = size > BLOCK_BYTES / 4 ? size : BLOCK_BYTES;
	struct arena_block *block = calloc(1, sizeof *block + capacity);
	if (!block)
		return NULL;
	block->size = capacity;
	// A large block goes behind the current one, so that the rest of that stays in use.
	if (capacity != BLOCK_BYTES && arena->blocks) {
		block->next = arena->blocks->next;
		arena->blocks->next = block;
	} else {
		block->next = arena->blocks;
		arena->blocks = block;
	}
	return block;
}

void *arena_alloc(struct arena *arena, size_t size)
{
	size_t limit = arena->limit_bytes ? arena->limit_bytes : ARENA_DEFAULT_LIMIT;
	if (size > limit)
		return NULL;
	size = (size + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
	if (size > limit - arena->used_bytes)
		return NULL;
	struct arena_block *block = arena->blocks;
	if (!block || block->size - block->used < size)
		block = add_block(arena, size);
	if (!block)
		return NULL;
	void *memory = block->data + block->used;
	block->used += size;
	arena->used_bytes += size;
	return memory;
}

void *arena_array(struct arena *arena, size_t count, size_t size)
{
	size_t total;
	return __builtin_mul_overflow(count, size, &total) ? NULL : arena_alloc(arena, total);
}

char *arena_string(struct arena *arena, const char *text, size_t length)
{
	char *copy = length == SIZE_MAX ? NULL : arena_alloc(arena, length + 1);
	if (copy)
		memcpy(copy, text, length);
	return copy;
}
