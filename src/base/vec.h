// SPDX-License-Identifier: Apache-2.0
/*
 * The one typed vector. `VEC(type) name = {0};` holds `items`, `count`, `capacity`.
 * Elements may be read as name.items[i] for i < name.count. vec_push aborts when the machine has
 * no memory; a loop whose length comes from outside checks a named limit before it pushes.
 */
#pragma once

#include <stdlib.h>

#include "base/alloc.h"

#define VEC(type)                       \
	struct {                        \
		type *items;            \
		size_t count, capacity; \
	}

void vec_grow(void **items, size_t *capacity, size_t item_size);

// Evaluates to a pointer to the new element, valid until the next push.
#define vec_push(vec, ...)                                                                        \
	({                                                                                        \
		if ((vec)->count == (vec)->capacity)                                              \
			vec_grow((void **)&(vec)->items, &(vec)->capacity, sizeof *(vec)->items); \
		__typeof__((vec)->items + 0) slot_ = &(vec)->items[(vec)->count++];               \
		*slot_ = (__typeof__(*slot_))__VA_ARGS__;                                         \
		slot_;                                                                            \
	})

#define vec_deinit(vec)                             \
	do {                                        \
		free((vec)->items);                 \
		(vec)->items = NULL;                \
		(vec)->count = (vec)->capacity = 0; \
	} while (0)

#define VEC_FOREACH(item, vec)                                 \
	for (__typeof__((vec)->items + 0) item = (vec)->items; \
	     item && item < (vec)->items + (vec)->count; item++)
