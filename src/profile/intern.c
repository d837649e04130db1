// SPDX-License-Identifier: Apache-2.0
// In: things with a hash and a test for sameness. Out: one index, or one pointer, for each content.
#include "profile/intern.h"

#include <string.h>
#include <sys/auxv.h>

uint64_t intern_seed(void)
{
	// Sixteen random bytes the kernel left in our own memory: no system call, so this works
	// inside a sandbox too.
	uint64_t words[2] = {0x9e3779b97f4a7c15u, 0xd6e8feb86659fd93u};
	unsigned long address = getauxval(AT_RANDOM);
	if (address)
		memcpy(words, (const void *)address, sizeof words);
	return hash_mix(words[0], words[1]);
}

static uint64_t fold(uint64_t left, uint64_t right)
{
	unsigned __int128 product = (unsigned __int128)left * right;
	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

uint64_t intern_hash(uint64_t seed, const void *data, size_t size)
{
	const unsigned char *bytes = data;
	uint64_t hash = seed ^ size;
	for (size_t i = 0; i < size; i += 8) {
		uint64_t word = 0;
		memcpy(&word, bytes + i, size - i < 8 ? size - i : 8);
		hash = fold(hash ^ word, seed | 0x9e3779b97f4a7c15u);
	}
	return hash_u64(hash);
}

uint32_t intern_find(const struct map *map, uint64_t *key, intern_equal *equal, const void *items,
		     const void *wanted)
{
	const uint64_t *index;
	while ((index = map_find(map, *key))) {
		if (equal(items, (uint32_t)*index, wanted))
			return (uint32_t)*index;
		*key = hash_mix(*key, 1);
	}
	return INTERN_NONE;
}

struct text {
	const char *bytes;
	size_t length;
};

static bool text_equal(const void *items, uint32_t index, const void *wanted)
{
	const struct string_table *table = items;
	const struct text *text = wanted;
	const char *known = table->texts.items[index];
	return !strncmp(known, text->bytes, text->length) && !known[text->length];
}

void string_table_init(struct string_table *table)
{
	*table = (struct string_table){.seed = intern_seed()};
	vec_push(&table->texts, "");
	map_put(&table->map, intern_hash(table->seed, "", 0), 0, NULL);
}

void string_table_deinit(struct string_table *table)
{
	vec_deinit(&table->texts);
	map_deinit(&table->map);
}

const char *string_table_add(struct string_table *table, struct arena *arena, const char *bytes,
			     size_t length)
{
	struct text text = {bytes, strnlen(bytes, length)};
	uint64_t key = intern_hash(table->seed, text.bytes, text.length);
	uint32_t index = intern_find(&table->map, &key, text_equal, table, &text);
	if (index != INTERN_NONE)
		return table->texts.items[index];
	const char *copy = arena_string(arena, text.bytes, text.length);
	if (!copy || table->texts.count == INTERN_NONE)
		return NULL;
	map_put(&table->map, key, table->texts.count, NULL);
	vec_push(&table->texts, copy);
	return copy;
}
