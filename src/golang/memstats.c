// SPDX-License-Identifier: Apache-2.0
// In: runtime.memstats, gcController, mheap_, the processors' caches. Out: MemStats as the runtime
// would compute them.
#include "golang/memstats.h"

#include "base/reader.h"

enum { ATTEMPTS_MAX = 5 };

static void fill_pauses(const struct go_record *mstats, enum go_field field, uint64_t *out)
{
	struct reader reader = reader_over(mstats->bytes, mstats->size);
	reader_seek(&reader, (uint64_t)mstats->layout->offset[field]);
	for (size_t i = 0; i < GO_PAUSES; i++)
		out[i] = reader_u64(&reader);
}

static void fill_collections(const struct go_record *mstats, struct go_memstats *stats)
{
	stats->num_gc = record_u32(mstats, GO_MSTATS_NUMGC);
	stats->num_forced_gc = record_u32(mstats, GO_MSTATS_NUMFORCEDGC);
	stats->last_gc_unix_ns = (int64_t)record_u64(mstats, GO_MSTATS_LAST_GC_UNIX);
	stats->last_gc_monotonic_ns = (int64_t)record_u64(mstats, GO_MSTATS_LAST_GC_NANOTIME);
	stats->pause_total_ns = record_u64(mstats, GO_MSTATS_PAUSE_TOTAL_NS);
	stats->gc_cpu_fraction = record_f64(mstats, GO_MSTATS_GC_CPU_FRACTION);
	stats->enable_gc = true; // what ReadMemStats says, since the runtime's start is over
	fill_pauses(mstats, GO_MSTATS_PAUSE_NS, stats->pause_ns);
	fill_pauses(mstats, GO_MSTATS_PAUSE_END, stats->pause_end_unix_ns);
}

static void fill_system(const struct go_record *mstats, struct go_memstats *stats)
{
	const struct go_heap_counters *counters = &stats->counters;
	stats->stacks_sys = record_u64(mstats, GO_MSTATS_STACKS_SYS);
	stats->gc_misc_sys = record_u64(mstats, GO_MSTATS_GC_MISC_SYS);
	stats->stack_inuse = counters->in_stacks - stats->held.stack_bytes;
	stats->stack_sys = stats->stack_inuse + stats->stacks_sys;
	stats->mspan_sys = record_u64(mstats, GO_MSTATS_MSPAN_SYS);
	stats->mcache_sys = record_u64(mstats, GO_MSTATS_MCACHE_SYS);
	stats->buckhash_sys = record_u64(mstats, GO_MSTATS_BUCKHASH_SYS);
	stats->gc_sys = stats->held.cost.list_bytes + stats->gc_misc_sys + counters->in_work_bufs +
			counters->in_ptr_scalar_bits;
	stats->other_sys_now = record_u64(mstats, GO_MSTATS_OTHER_SYS);
	stats->other_sys =
		stats->other_sys_now + stats->held.cost.chunk_bytes - stats->held.cost.list_bytes;
}

static void fill_heap(const struct go_record *mstats, struct go_memstats *stats)
{
	const struct go_pacer *pacer = &stats->pacer;
	uint64_t heap_free = pacer->heap_free;
	stats->heap_inuse = pacer->heap_in_use;
	stats->heap_released = pacer->heap_released;
	if (!pacer->has_accounts) { // Go 1.18 and earlier
		stats->heap_inuse = record_u64(mstats, GO_MSTATS_HEAP_INUSE);
		stats->heap_released = record_u64(mstats, GO_MSTATS_HEAP_RELEASED);
		heap_free = record_u64(mstats, GO_MSTATS_HEAP_SYS) - stats->heap_inuse -
			    stats->heap_released;
	}
	stats->heap_idle = heap_free + stats->held.stack_bytes + stats->heap_released;
	stats->heap_sys = stats->heap_inuse + stats->heap_idle;
}

static void fill_objects(struct go_memstats *stats)
{
	struct go_heap_counters flushed = stats->counters;
	for (size_t i = 0; i < GO_SIZE_CLASSES; i++) {
		flushed.small_allocs[i] += stats->held.small_allocs[i];
		stats->class_mallocs[i] = flushed.small_allocs[i];
		stats->class_frees[i] = flushed.small_frees[i];
	}
	struct go_heap_sums sums = go_heap_counters_sum(&flushed);
	uint64_t tiny = flushed.tiny_allocs + stats->held.tiny_allocs;
	stats->total_alloc = sums.alloc_bytes;
	stats->heap_alloc = sums.alloc_bytes - sums.free_bytes;
	stats->heap_objects = sums.allocs - sums.frees;
	stats->mallocs = sums.allocs + tiny;
	stats->frees = sums.frees + tiny;
}

// Up to Go 1.15 there are no counters of the whole heap, and the spans alone know the objects.
static void fill_without_counters(const struct go_record *mstats, const struct go_spans *spans,
				  struct go_memstats *stats)
{
	stats->stack_inuse = record_u64(mstats, GO_MSTATS_STACKS_INUSE) - stats->held.stack_bytes;
	stats->stack_sys = stats->stack_inuse + stats->stacks_sys;
	stats->heap_alloc = spans ? spans->heap_alloc : 0;
	stats->heap_objects = spans ? spans->heap_objects : 0;
}

// The inuse of the allocators of spans' and caches' own structures.
static bool fill_allocators(const struct go_runtime *runtime, struct go_memstats *stats,
			    struct error *error)
{
	static const enum go_field needed[] = {GO_FIXALLOC_INUSE, GO_MHEAP_SPANALLOC,
					       GO_MHEAP_CACHEALLOC};
	const struct go_layout *layout = &runtime->layout;
	taddr_t heap;
	if (!layout_require(layout, needed, sizeof needed / sizeof *needed, error) ||
	    !go_runtime_symbol(runtime, GO_SYMBOL_MHEAP, &heap, error))
		return false;
	heap += (uint64_t)layout->offset[GO_FIXALLOC_INUSE];
	return target_read_u64(runtime->target, heap + (uint64_t)layout->offset[GO_MHEAP_SPANALLOC],
			       &stats->mspan_inuse_now, error) &&
	       target_read_u64(runtime->target,
			       heap + (uint64_t)layout->offset[GO_MHEAP_CACHEALLOC],
			       &stats->mcache_inuse, error);
}

// What ReadMemStats itself checks with the world stopped. The sums that are kept in two places
// agree only if both were read at one moment.
static bool is_consistent(const struct go_memstats *stats)
{
	const struct go_heap_counters *counters = &stats->counters;
	const struct go_pacer *pacer = &stats->pacer;
	if (!stats->has_counters)
		return !stats->held.failed; // nothing is kept twice
	uint64_t retained = counters->committed - counters->in_stacks - counters->in_work_bufs -
			    counters->in_ptr_scalar_bits;
	bool heap = counters->in_heap == stats->heap_inuse &&
		    counters->released == stats->heap_released &&
		    retained + stats->heap_released + stats->held.stack_bytes == stats->heap_sys;
	if (!heap || stats->held.failed || stats->held.stale_spans || !pacer->has_accounts)
		return heap && !stats->held.failed && !stats->held.stale_spans;
	struct go_heap_sums sums = go_heap_counters_sum(counters);
	return sums.alloc_bytes == pacer->total_alloc && sums.free_bytes == pacer->total_free &&
	       pacer->mapped_ready + stats->held.cost.chunk_bytes ==
		       stats->sys - stats->heap_released;
}

static bool read_once(const struct go_runtime *runtime, const struct go_spans *spans,
		      struct go_memstats *stats, struct error *error)
{
	struct go_struct mstats = {0};
	uint32_t processors, phase = 0;
	if (!go_struct_read_symbol(runtime, GO_SYMBOL_MEMSTATS, GO_SIZEOF_MSTATS, &mstats, error))
		return false;
	(void)go_variable_u32(runtime, GO_SYMBOL_GCPHASE, &phase);
	stats->has_counters = layout_has(&runtime->layout, GO_MSTATS_HEAP_STATS);
	bool ok = go_pacer_read(runtime, &mstats.record, &stats->pacer, error) &&
		  fill_allocators(runtime, stats, error);
	ok = ok && go_held_back_read(runtime, spans, phase != 0, &stats->held, error);
	if (ok && stats->has_counters)
		ok = go_heap_counters_get(&mstats.record, &stats->counters, error);
	if (ok && !go_variable_u32(runtime, GO_SYMBOL_GOMAXPROCS, &processors))
		ok = error_set(error, ERROR_NOT_FOUND, "runtime.gomaxprocs cannot be read");
	if (ok) {
		stats->mspan_inuse = stats->mspan_inuse_now -
				     stats->held.cost.freed_structs *
					     (uint64_t)runtime->layout.offset[GO_SIZEOF_MSPAN];
		fill_collections(&mstats.record, stats);
		fill_system(&mstats.record, stats);
		fill_heap(&mstats.record, stats);
		if (stats->has_counters)
			fill_objects(stats);
		else
			fill_without_counters(&mstats.record, spans, stats);

		stats->gomaxprocs = (int32_t)processors;
		stats->sys = stats->heap_sys + stats->stack_sys + stats->mspan_sys +
			     stats->mcache_sys + stats->buckhash_sys + stats->gc_sys +
			     stats->other_sys;
	}
	go_struct_deinit(&mstats);
	return ok;
}

bool go_memstats_read(const struct go_runtime *runtime, const struct go_spans *spans,
		      struct go_memstats *out, struct error *error)
{
	_cleanup_free_ struct go_memstats *stats = alloc_zero(sizeof *stats);
	for (int attempt = 1; attempt <= ATTEMPTS_MAX && !stats->consistent; attempt++) {
		if (attempt > 1)
			target_forget(runtime->target);
		*stats = (struct go_memstats){.attempts = attempt};
		if (!read_once(runtime, spans, stats, error))
			return error_wrap(error, "Go memory statistics");
		stats->consistent = is_consistent(stats);
	}
	stats->next_gc = go_pacer_goal(&stats->pacer, &stats->held);
	stats->heap_live = stats->pacer.heap_live;
	stats->heap_marked = stats->pacer.heap_marked;
	stats->gc_percent_goal = stats->pacer.gc_percent_goal;
	stats->gc_percent = stats->pacer.gc_percent;
	stats->memory_limit = stats->pacer.memory_limit;
	*out = *stats;
	return true;
}
