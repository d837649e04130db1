// SPDX-License-Identifier: Apache-2.0
// In: runtime.memstats, gcController, gomaxprocs. Out: MemStats as the runtime would compute them.
#include "golang/memstats.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "base/cleanup.h"

enum { DELTAS = 3, STRUCT_MAX = 64 << 10 };

// A whole structure of the target. The caller frees *bytes.
static bool read_structure(const struct go_runtime *runtime, enum go_symbol symbol,
			   enum go_field size_field, uint8_t **bytes, struct go_record *record,
			   struct error *error)
{
	size_t size = (size_t)runtime->layout.offset[size_field];
	taddr_t address;
	if (!go_runtime_symbol(runtime, symbol, &address, error))
		return false;
	*bytes = alloc_array(size, 1);
	*record = (struct go_record){&runtime->layout, *bytes, size};
	return target_read(runtime->target, address, *bytes, size, error);
}

struct heap_totals {
	uint64_t in_stacks, in_work_bufs, in_ptr_scalar_bits; // deltas may be negative and wrap
};

// The consistent statistics are the sum of three rotating deltas.
static struct heap_totals sum_deltas(const struct go_layout *layout, const struct go_record *mstats)
{
	struct heap_totals total = {0};
	size_t size = (size_t)layout->offset[GO_SIZEOF_HEAP_STATS_DELTA];
	size_t start = (size_t)layout->offset[GO_MSTATS_HEAP_STATS];
	for (size_t i = 0; i < DELTAS && start + (i + 1) * size <= mstats->size; i++) {
		struct go_record delta = {layout, mstats->bytes + start + i * size, size};
		total.in_stacks += record_u64(&delta, GO_HEAP_STATS_DELTA_IN_STACKS);
		total.in_work_bufs += record_u64(&delta, GO_HEAP_STATS_DELTA_IN_WORK_BUFS);
		total.in_ptr_scalar_bits +=
			record_u64(&delta, GO_HEAP_STATS_DELTA_IN_PTR_SCALAR_BITS);
	}
	return total;
}

static void fill_from_mstats(const struct go_layout *layout, const struct go_record *mstats,
			     struct go_memstats *stats)
{
	struct heap_totals heap = sum_deltas(layout, mstats);
	stats->stack_inuse = layout_has(layout, GO_MSTATS_HEAP_STATS)
				     ? heap.in_stacks
				     : record_u64(mstats, GO_MSTATS_STACKS_INUSE);
	stats->stack_sys = stats->stack_inuse + record_u64(mstats, GO_MSTATS_STACKS_SYS);
	stats->mspan_sys = record_u64(mstats, GO_MSTATS_MSPAN_SYS);
	stats->mcache_sys = record_u64(mstats, GO_MSTATS_MCACHE_SYS);
	stats->buckhash_sys = record_u64(mstats, GO_MSTATS_BUCKHASH_SYS);
	stats->gc_sys = record_u64(mstats, GO_MSTATS_GC_MISC_SYS) + heap.in_work_bufs +
			heap.in_ptr_scalar_bits;
	stats->other_sys = record_u64(mstats, GO_MSTATS_OTHER_SYS);
	stats->num_gc = record_u32(mstats, GO_MSTATS_NUMGC);
	stats->last_gc_unix_ns = (int64_t)record_u64(mstats, GO_MSTATS_LAST_GC_UNIX);
	stats->pause_total_ns = record_u64(mstats, GO_MSTATS_PAUSE_TOTAL_NS);
}

// Up to Go 1.18 the heap's sizes are in mstats, and up to 1.16 what the pacer knows.
static void fill_from_old_mstats(const struct go_record *mstats, struct go_memstats *stats)
{
	stats->heap_sys = record_u64(mstats, GO_MSTATS_HEAP_SYS);
	stats->heap_inuse = record_u64(mstats, GO_MSTATS_HEAP_INUSE);
	stats->heap_idle = layout_has(mstats->layout, GO_MSTATS_HEAP_IDLE)
				   ? record_u64(mstats, GO_MSTATS_HEAP_IDLE)
				   : stats->heap_sys - stats->heap_inuse;
	stats->heap_released = record_u64(mstats, GO_MSTATS_HEAP_RELEASED);
	stats->heap_live = record_u64(mstats, GO_MSTATS_HEAP_LIVE);
	stats->heap_marked = record_u64(mstats, GO_MSTATS_HEAP_MARKED);
	stats->gc_percent_goal = record_u64(mstats, GO_MSTATS_NEXT_GC);
	stats->memory_limit = INT64_MAX; // came with Go 1.19
}

static void fill_from_new_controller(const struct go_record *controller, struct go_memstats *stats)
{
	uint64_t free_bytes = record_u64(controller, GO_GC_CONTROLLER_STATE_HEAP_FREE);
	stats->heap_inuse = record_u64(controller, GO_GC_CONTROLLER_STATE_HEAP_IN_USE);
	stats->heap_released = record_u64(controller, GO_GC_CONTROLLER_STATE_HEAP_RELEASED);
	stats->heap_idle = free_bytes + stats->heap_released;
	stats->heap_sys = stats->heap_inuse + stats->heap_idle;
	stats->heap_alloc = record_u64(controller, GO_GC_CONTROLLER_STATE_TOTAL_ALLOC) -
			    record_u64(controller, GO_GC_CONTROLLER_STATE_TOTAL_FREE);
	stats->gc_percent_goal =
		record_u64(controller, GO_GC_CONTROLLER_STATE_GC_PERCENT_HEAP_GOAL);
	stats->memory_limit = (int64_t)record_u64(controller, GO_GC_CONTROLLER_STATE_MEMORY_LIMIT);
}

static void fill_from_controller(const struct go_layout *layout, const struct go_record *controller,
				 struct go_memstats *stats)
{
	if (layout_has(layout, GO_GC_CONTROLLER_STATE_HEAP_IN_USE))
		fill_from_new_controller(controller, stats);
	if (layout_has(layout, GO_GC_CONTROLLER_STATE_HEAP_GOAL)) // Go 1.17 and 1.18
		stats->gc_percent_goal = record_u64(controller, GO_GC_CONTROLLER_STATE_HEAP_GOAL);
	if (!layout_has(layout, GO_GC_CONTROLLER_STATE_GC_PERCENT))
		return;
	stats->heap_live = record_u64(controller, GO_GC_CONTROLLER_STATE_HEAP_LIVE);
	stats->heap_marked = record_u64(controller, GO_GC_CONTROLLER_STATE_HEAP_MARKED);
	stats->gc_percent = (int32_t)record_u32(controller, GO_GC_CONTROLLER_STATE_GC_PERCENT);
}

// GOGC up to Go 1.16: a variable of its own.
static bool read_gc_percent(const struct go_runtime *runtime, int32_t *percent, struct error *error)
{
	taddr_t address;
	uint32_t value;
	if (layout_has(&runtime->layout, GO_GC_CONTROLLER_STATE_GC_PERCENT))
		return true;
	if (!go_runtime_symbol(runtime, GO_SYMBOL_GCPERCENT, &address, error) ||
	    !target_read_u32(runtime->target, address, &value, error))
		return false;
	*percent = (int32_t)value;
	return true;
}

bool go_memstats_read(const struct go_runtime *runtime, struct go_memstats *out,
		      struct error *error)
{
	_cleanup_free_ uint8_t *mstats_bytes = NULL, *controller_bytes = NULL;
	struct go_record mstats, controller;
	taddr_t gomaxprocs;
	uint32_t processors;
	if (!read_structure(runtime, GO_SYMBOL_MEMSTATS, GO_SIZEOF_MSTATS, &mstats_bytes, &mstats,
			    error) ||
	    !read_structure(runtime, GO_SYMBOL_GC_CONTROLLER, GO_SIZEOF_GC_CONTROLLER_STATE,
			    &controller_bytes, &controller, error) ||
	    !go_runtime_symbol(runtime, GO_SYMBOL_GOMAXPROCS, &gomaxprocs, error) ||
	    !target_read_u32(runtime->target, gomaxprocs, &processors, error))
		return error_wrap(error, "Go memory statistics");
	struct go_memstats stats = {.gomaxprocs = (int32_t)processors};
	if (!read_gc_percent(runtime, &stats.gc_percent, error))
		return error_wrap(error, "Go memory statistics");
	fill_from_mstats(&runtime->layout, &mstats, &stats);
	fill_from_old_mstats(&mstats, &stats); // where there are no such fields, zeroes
	fill_from_controller(&runtime->layout, &controller, &stats);
	stats.sys = stats.heap_sys + stats.stack_sys + stats.mspan_sys + stats.mcache_sys +
		    stats.buckhash_sys + stats.gc_sys + stats.other_sys;
	*out = stats;
	return true;
}
