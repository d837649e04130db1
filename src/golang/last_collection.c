// SPDX-License-Identifier: Apache-2.0
// In: runtime.work, runtime.memstats. Out: the heap before and after the last collection.
#include "golang/last_collection.h"

#include <time.h>

#include "base/clock.h"
#include "golang/structs.h"

enum { PAUSE_NS = 500000 };

// Collections that began, and those that have ended.
static bool read_counts(const struct go_runtime *runtime, taddr_t work, uint32_t *began,
			uint32_t *ended)
{
	const int *offset = runtime->layout.offset;
	taddr_t stats;
	return go_runtime_symbol(runtime, GO_SYMBOL_MEMSTATS, &stats, NULL) &&
	       target_read_u32(runtime->target, work + (uint64_t)offset[GO_WORK_TYPE_CYCLES], began,
			       NULL) &&
	       target_read_u32(runtime->target, stats + (uint64_t)offset[GO_MSTATS_NUMGC], ended,
			       NULL);
}

static bool read_sizes(const struct go_runtime *runtime, taddr_t work,
		       struct go_last_collection *out)
{
	uint64_t place = (uint64_t)runtime->layout.offset[GO_WORK_TYPE_HEAP0], sizes[3];
	for (uint64_t i = 0; i < 3; i++)
		if (!target_read_u64(runtime->target, work + place + 8 * i, &sizes[i], NULL))
			return false;
	*out = (struct go_last_collection){
		.heap_before = sizes[0], .heap_after = sizes[1], .marked = sizes[2]};
	return true;
}

// False when a collection was under way, so that waiting for its end helps. The reads come from the
// cache: of one moment for as long as nothing else forgets it.
static bool try_read(const struct go_runtime *runtime, taddr_t work, struct go_last_collection *out)
{
	uint32_t began, ended, began_then, ended_then;
	struct go_last_collection found;
	if (!read_counts(runtime, work, &began, &ended) || !read_sizes(runtime, work, &found))
		return true;
	target_forget(runtime->target);
	if (!read_counts(runtime, work, &began_then, &ended_then))
		return true;
	if (began != ended || began_then != began || ended_then != ended)
		return false;
	if (!began || found.heap_after < found.heap_before)
		return true;
	uint64_t younger = found.heap_after - found.heap_before;
	found.survived = found.marked > younger ? found.marked - younger : 0;
	found.known = found.survived > 0;
	*out = found;
	return true;
}

void go_last_collection_read(const struct go_runtime *runtime, int64_t patience_ns,
			     struct go_last_collection *out)
{
	static const enum go_field needed[] = {GO_WORK_TYPE_HEAP0, GO_WORK_TYPE_CYCLES,
					       GO_MSTATS_NUMGC};
	const struct timespec pause = {.tv_nsec = PAUSE_NS};
	int64_t until = clock_monotonic_ns() + patience_ns;
	taddr_t work;
	*out = (struct go_last_collection){0};
	if (!layout_require(&runtime->layout, needed, sizeof needed / sizeof *needed, NULL) ||
	    !go_runtime_symbol(runtime, GO_SYMBOL_WORK, &work, NULL))
		return;
	while (!try_read(runtime, work, out) && !target_is_still(runtime->target) &&
	       clock_monotonic_ns() < until) {
		nanosleep(&pause, NULL);
		target_forget(runtime->target);
	}
}
