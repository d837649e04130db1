// SPDX-License-Identifier: Apache-2.0
// In: the address of a goroutine's labels. Out: keys and values.
#include "golang/labels.h"

#include <stdlib.h>
#include <string.h>

#include "base/reader.h"

enum {
	STRING_BYTES = 16, // Go's string: address and length
	BUCKET_SLOTS = 8,  // from here on: Go 1.23's map of strings to strings
	BUCKET_BYTES = BUCKET_SLOTS + 2 * BUCKET_SLOTS * STRING_BYTES + 8,
	TOP_HASH_EVACUATED_FIRST = 2,
	TOP_HASH_EVACUATED_LAST = 4,
	TOP_HASH_USED = 5, // and above
	BUCKETS_LOG2_MAX = 5,
	OVERFLOWS_MAX = 64,
	SETS_MAX = 1 << 20,
};

struct reading {
	struct go_label_sets *sets;
	const struct go_runtime *runtime;
	struct go_label list[GO_LABELS_MAX];
	size_t count;
	bool cut;
};

void go_label_sets_deinit(struct go_label_sets *sets)
{
	map_deinit(&sets->by_address);
	vec_deinit(&sets->sets);
	arena_deinit(&sets->arena);
}

static const char *read_text(struct reading *reading, struct reader *reader)
{
	taddr_t address = reader_u64(reader);
	uint64_t length = reader_u64(reader);
	char text[GO_LABEL_BYTES_MAX];
	reading->cut |= length > sizeof text;
	size_t size = length < sizeof text ? (size_t)length : sizeof text;
	if (!reader_ok(reader) ||
	    (size && !target_read(reading->runtime->target, address, text, size, NULL)))
		return NULL;
	return arena_string(&reading->sets->arena, text, size);
}

// The key and the value are strings of the target, at two places.
static bool add_label(struct reading *reading, struct reader key, struct reader value)
{
	if (reading->count == GO_LABELS_MAX) {
		reading->cut = true;
		return true;
	}
	struct go_label *label = &reading->list[reading->count++];
	label->key = read_text(reading, &key);
	label->value = read_text(reading, &value);
	return label->key && label->value;
}

static bool read_list(struct reading *reading, taddr_t address)
{
	const struct go_layout *layout = &reading->runtime->layout;
	struct target *target = reading->runtime->target;
	uint8_t header[STRING_BYTES], bytes[GO_LABELS_MAX * 2 * STRING_BYTES];
	if (!target_read(target, address + (uint64_t)layout->offset[GO_LABEL_MAP_LIST], header,
			 sizeof header, NULL))
		return false;
	struct reader reader = reader_over(header, sizeof header);
	taddr_t items = reader_u64(&reader);
	uint64_t count = reader_u64(&reader);
	reading->cut = count > GO_LABELS_MAX;
	if (reading->cut)
		count = GO_LABELS_MAX;
	size_t size = (size_t)count * 2 * STRING_BYTES;
	if (size && !target_read(target, items, bytes, size, NULL))
		return false;
	reader = reader_over(bytes, size);
	for (uint64_t i = 0; i < count; i++) {
		struct reader key = reader_sub(&reader, STRING_BYTES);
		if (!add_label(reading, key, reader_sub(&reader, STRING_BYTES)))
			return false;
	}
	return true;
}

// One bucket with those that overflow from it. `old`: of a map that grows; what has moved on is
// left.
static bool read_bucket(struct reading *reading, taddr_t address, bool old)
{
	for (int step = 0; address && step < OVERFLOWS_MAX; step++) {
		uint8_t bytes[BUCKET_BYTES];
		if (!target_read(reading->runtime->target, address, bytes, sizeof bytes, NULL))
			return false;
		if (old && bytes[0] >= TOP_HASH_EVACUATED_FIRST &&
		    bytes[0] <= TOP_HASH_EVACUATED_LAST)
			return true;
		struct reader keys = reader_over(bytes, sizeof bytes);
		reader_skip(&keys, BUCKET_SLOTS);
		struct reader values = keys;
		reader_skip(&values, BUCKET_SLOTS * STRING_BYTES);
		for (int i = 0; i < BUCKET_SLOTS; i++) {
			struct reader key = reader_sub(&keys, STRING_BYTES);
			struct reader value = reader_sub(&values, STRING_BYTES);
			if (bytes[i] >= TOP_HASH_USED && !add_label(reading, key, value))
				return false;
		}
		address = reader_u64(&values);
	}
	return true;
}

static bool read_buckets(struct reading *reading, taddr_t buckets, int log2, bool old)
{
	for (uint64_t i = 0; buckets && i < (uint64_t)1 << log2; i++)
		if (!read_bucket(reading, buckets + i * BUCKET_BYTES, old))
			return false;
	return true;
}

// g.labels points to a variable that holds a map, and a map is an address.
static bool read_map(struct reading *reading, taddr_t address)
{
	const int *offset = reading->runtime->layout.offset;
	struct target *target = reading->runtime->target;
	taddr_t map, buckets, old;
	uint8_t log2;
	if (!target_read_u64(target, address, &map, NULL))
		return false;
	if (!map)
		return true;
	if (!target_read(target, map + (uint64_t)offset[GO_HMAP_B], &log2, 1, NULL) ||
	    !target_read_u64(target, map + (uint64_t)offset[GO_HMAP_BUCKETS], &buckets, NULL) ||
	    !target_read_u64(target, map + (uint64_t)offset[GO_HMAP_OLDBUCKETS], &old, NULL) ||
	    log2 > BUCKETS_LOG2_MAX)
		return false;
	return read_buckets(reading, buckets, log2, false) &&
	       (!old || !log2 || read_buckets(reading, old, log2 - 1, true));
}

static int by_key(const void *a, const void *b)
{
	const struct go_label *left = a, *right = b;
	return strcmp(left->key, right->key);
}

static const struct go_labels *read_set(struct go_label_sets *sets,
					const struct go_runtime *runtime, taddr_t address)
{
	struct reading reading = {.sets = sets, .runtime = runtime};
	bool is_list = layout_has(&runtime->layout, GO_LABEL_MAP_LIST);
	if (!(is_list ? read_list(&reading, address) : read_map(&reading, address))) {
		sets->failed++;
		return NULL;
	}
	struct go_label *list = arena_array(&sets->arena, reading.count, sizeof *list);
	struct go_labels *labels = arena_alloc(&sets->arena, sizeof *labels);
	if (!list || !labels || !reading.count)
		return NULL;
	memcpy(list, reading.list, reading.count * sizeof *list);
	qsort(list, reading.count, sizeof *list, by_key);
	*labels = (struct go_labels){list, reading.count, reading.cut};
	return labels;
}

const struct go_labels *go_labels_read(struct go_label_sets *sets, const struct go_runtime *runtime,
				       taddr_t address)
{
	bool is_new;
	if (!address || sets->sets.count >= SETS_MAX)
		return NULL;
	uint64_t *index = map_put(&sets->by_address, address, sets->sets.count, &is_new);
	return is_new ? *vec_push(&sets->sets, read_set(sets, runtime, address))
		      : sets->sets.items[*index];
}
