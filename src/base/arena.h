// SPDX-License-Identifier: Apache-2.0
/*
 * An arena: many small allocations that live and go together, as a whole model does.
 * Memory is zeroed. arena_alloc returns NULL only when `limit_bytes` is reached or the machine has
 * no memory; callers whose size came from outside turn that into ERROR_LIMIT.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct arena_block;

struct arena {
	struct arena_block *blocks; // newest first
	size_t used_bytes;
	size_t limit_bytes; // 0: ARENA_DEFAULT_LIMIT
};

#define ARENA_DEFAULT_LIMIT ((size_t)2 << 30)

void arena_deinit(struct arena *arena);
void *arena_alloc(struct arena *arena, size_t size);
void *arena_array(struct arena *arena, size_t count, size_t size); // overflow-checked
char *arena_string(struct arena *arena, const char *text, size_t length);
