// SPDX-License-Identifier: Apache-2.0
// In: ranges of addresses. Out: their bytes, a visit for each.
#include "target/ranges.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/sort.h"

enum {
	RUN_BYTES = 256 << 10,
	GAP_BYTES = 4 << 10, // reading so much too much costs less than another system call
};

static bool are_sorted(const struct target_range *ranges, size_t count)
{
	for (size_t i = 1; i < count; i++)
		if (ranges[i].start < ranges[i - 1].start)
			return false;
	return true;
}

static void sort_by_start(struct target_range *ranges, size_t count)
{
	if (are_sorted(ranges, count)) // they mostly are
		return;
	_cleanup_free_ struct sort_key *keys = alloc_array(count, sizeof *keys);
	for (size_t i = 0; i < count; i++)
		keys[i] = (struct sort_key){ranges[i].start,
					    (uint64_t)ranges[i].size << 32 | ranges[i].index};
	sort_keys(keys, count);
	for (size_t i = 0; i < count; i++)
		ranges[i] = (struct target_range){keys[i].key, (uint32_t)(keys[i].value >> 32),
						  (uint32_t)keys[i].value};
}

// How many of `ranges` fit in one read of one mapping; *end is behind the last byte of them.
static size_t find_run(const struct target *target, const struct target_range *ranges, size_t count,
		       taddr_t *end)
{
	taddr_t start = ranges[0].start;
	const struct target_mapping *mapping = target_find_mapping(target, start);
	size_t used = 1;
	*end = start + ranges[0].size;
	for (; used < count; used++) {
		const struct target_range *next = &ranges[used];
		taddr_t next_end = next->start + next->size;
		if (next->start > *end + GAP_BYTES || next_end < next->start ||
		    next_end - start > RUN_BYTES || !mapping || next_end > mapping->end)
			break;
		if (next_end > *end)
			*end = next_end;
	}
	return used;
}

static void visit_run(struct target *target, const struct target_range *ranges, size_t count,
		      uint8_t *buffer, const uint8_t *whole, target_range_visit *visit,
		      void *context)
{
	for (size_t i = 0; i < count; i++) {
		const struct target_range *range = &ranges[i];
		const uint8_t *bytes = whole ? whole + (range->start - ranges[0].start) : NULL;
		// A hole in between is no hole in all of them.
		if (!bytes && target_read_bulk(target, range->start, buffer, range->size, NULL))
			bytes = buffer;
		visit(context, range, bytes);
	}
}

void target_read_ranges(struct target *target, struct target_range *ranges, size_t count,
			target_range_visit *visit, void *context)
{
	_cleanup_free_ uint8_t *buffer = alloc_array(RUN_BYTES, 1);
	sort_by_start(ranges, count);
	for (size_t i = 0, used; i < count; i += used) {
		taddr_t end;
		used = find_run(target, ranges + i, count - i, &end);
		bool whole = used > 1 && target_read_bulk(target, ranges[i].start, buffer,
							  end - ranges[i].start, NULL);
		visit_run(target, ranges + i, used, buffer, whole ? buffer : NULL, visit, context);
	}
}
