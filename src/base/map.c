// SPDX-License-Identifier: Apache-2.0
// In: keys and values. Out: an open-addressing table of them.
#include "base/map.h"

#include <stdlib.h>
#include <sys/random.h>

#include "base/alloc.h"

struct map_slot {
	uint64_t key, value;
	bool used;
};

void map_deinit(struct map *map)
{
	free(map->slots);
	*map = (struct map){0};
}

static struct map_slot *find_slot(const struct map *map, uint64_t key)
{
	size_t mask = map->capacity - 1;
	size_t index = hash_mix(map->seed, key) & mask;
	while (map->slots[index].used && map->slots[index].key != key)
		index = (index + 1) & mask;
	return &map->slots[index];
}

static void grow(struct map *map)
{
	struct map old = *map;
	map->capacity = old.capacity ? old.capacity * 2 : 64;
	map->slots = alloc_array(map->capacity, sizeof *map->slots);
	if (!map->seed && getrandom(&map->seed, sizeof map->seed, GRND_NONBLOCK) < 0)
		map->seed = (uintptr_t)map->slots; // where the kernel put it is a secret as well
	for (size_t i = 0; i < old.capacity; i++)
		if (old.slots[i].used)
			*find_slot(map, old.slots[i].key) = old.slots[i];
	free(old.slots);
}

uint64_t *map_find(const struct map *map, uint64_t key)
{
	if (!map->count)
		return NULL;
	struct map_slot *slot = find_slot(map, key);
	return slot->used ? &slot->value : NULL;
}

uint64_t *map_put(struct map *map, uint64_t key, uint64_t value, bool *is_new)
{
	if (map->count >= map->capacity / 4 * 3)
		grow(map);
	struct map_slot *slot = find_slot(map, key);
	if (is_new)
		*is_new = !slot->used;
	if (!slot->used) {
		*slot = (struct map_slot){.key = key, .value = value, .used = true};
		map->count++;
	}
	return &slot->value;
}

uint64_t hash_u64(uint64_t value)
{
	value ^= value >> 32;
	value *= 0xd6e8feb86659fd93u;
	return value ^ value >> 32;
}

uint64_t hash_mix(uint64_t hash, uint64_t value)
{
	return hash_u64(hash ^ (value + 0x9e3779b97f4a7c15u + (hash << 6) + (hash >> 2)));
}

uint64_t hash_bytes(const void *data, size_t size)
{
	const unsigned char *bytes = data;
	uint64_t hash = 0xcbf29ce484222325u;
	for (size_t i = 0; i < size; i++)
		hash = (hash ^ bytes[i]) * 0x100000001b3u;
	return hash_u64(hash ^ size);
}
