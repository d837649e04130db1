// SPDX-License-Identifier: Apache-2.0
/*
 * Interning by content: base/map finds a candidate by hash, the caller's function says whether it
 * really is the same. Two things with one hash get two keys, so a collision costs a step, never a
 * wrong answer.
 *
 * The hashes are seeded per process: names come from targets and files, and an unseeded hash would
 * let a hostile one make every name collide.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/map.h"
#include "base/vec.h"

#define INTERN_NONE UINT32_MAX

// True when item `index` of `items` is the same as `wanted`.
typedef bool intern_equal(const void *items, uint32_t index, const void *wanted);

uint64_t intern_seed(void);
uint64_t intern_hash(uint64_t seed, const void *data, size_t size);
// The index of `wanted`, or INTERN_NONE; then *key is the free key to put its index under.
uint32_t intern_find(const struct map *map, uint64_t *key, intern_equal *equal, const void *items,
		     const void *wanted);

// Texts, each stored once: two texts of one table are equal exactly when their pointers are.
struct string_table {
	VEC(const char *) texts; // in an arena; texts[0] is ""
	struct map map;
	uint64_t seed;
};

void string_table_init(struct string_table *table);
void string_table_deinit(struct string_table *table);
// The table's own copy of `text`, which ends at `length` or at its first NUL; NULL when the arena
// is full. The copy lives as long as the arena.
const char *string_table_add(struct string_table *table, struct arena *arena, const char *text,
			     size_t length);
