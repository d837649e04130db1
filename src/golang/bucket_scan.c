// SPDX-License-Identifier: Apache-2.0
// In: the variables of a program, as words. Out: the one that is runtime.mbuckets.
#include "golang/bucket_scan.h"

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/reader.h"
#include "golang/bucket_list.h"

enum {
	HEADER_MAX = 64,
	DEPTH_MAX = 1024 + 64, // GODEBUG=profstackdepth is at most 1024
	CHUNK_BYTES = 256 << 10,
	SCAN_BYTES_MAX = 64 << 20,
};

bool bucket_is_sound(const struct go_runtime *runtime, taddr_t address, enum go_bucket_type type)
{
	uint8_t header[HEADER_MAX];
	taddr_t stack[DEPTH_MAX];
	const struct go_layout *layout = &runtime->layout;
	size_t size = (size_t)layout->offset[GO_SIZEOF_BUCKET];
	if (size > sizeof header || !target_read(runtime->target, address, header, size, NULL))
		return false;
	struct go_record record = {layout, header, size};
	uint64_t depth = record_u64(&record, GO_BUCKET_NSTK);
	return record_u64(&record, GO_BUCKET_TYP) == type && depth > 0 && depth <= DEPTH_MAX &&
	       target_read(runtime->target, address + size, stack, depth * 8, NULL) &&
	       go_stack_hash(stack, depth, record_u64(&record, GO_BUCKET_SIZE)) ==
		       record_u64(&record, GO_BUCKET_HASH);
}

static bool may_be_pointer(const struct target *target, uint64_t value)
{
	return value && value % 8 == 0 && target_find_mapping(target, value);
}

// Counts the words of [start, end) that point to a bucket; *slot is the last one.
static int scan_range(const struct go_runtime *runtime, taddr_t start, taddr_t end, taddr_t *slot)
{
	int found = 0;
	_cleanup_free_ uint8_t *chunk = alloc_array(CHUNK_BYTES, 1);
	if (end - start > SCAN_BYTES_MAX)
		return 0;
	for (taddr_t at = start; at < end; at += CHUNK_BYTES) {
		size_t size = end - at < CHUNK_BYTES ? end - at : CHUNK_BYTES;
		if (!target_read_bulk(runtime->target, at, chunk, size, NULL))
			continue;
		struct reader reader = reader_over(chunk, size);
		while (reader.size - reader.offset >= 8) {
			taddr_t here = at + reader.offset;
			uint64_t value = reader_u64(&reader);
			if (!may_be_pointer(runtime->target, value) ||
			    !bucket_is_sound(runtime, value, GO_BUCKET_MEMORY))
				continue;
			*slot = here;
			found++;
		}
	}
	return found;
}

bool bucket_scan(const struct go_moduledata *module, const struct go_runtime *runtime,
		 taddr_t *mbuckets, struct error *error)
{
	// Go 1.18 does not count the pointer to a bucket as one.
	static const enum go_data_range ranges[] = {GO_RANGE_BSS, GO_RANGE_NOPTRBSS};
	int found = 0;
	taddr_t slot = 0;
	for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++) {
		const struct go_range *range = &module->data[ranges[i]];
		found += scan_range(runtime, (range->start + 7) & ~(taddr_t)7, range->end, &slot);
	}
	if (found != 1)
		return error_set(error, ERROR_NOT_FOUND,
				 "%d variables point to a bucket of the heap profile", found);
	*mbuckets = slot;
	return true;
}
