// SPDX-License-Identifier: Apache-2.0
// In: what was read of the runtime. Out: runtime/metrics' names with their values.
#include "golang/metrics.h"

#include <assert.h>

static void add(struct go_metrics *metrics, const char *name, uint64_t value)
{
	assert(metrics->count < GO_METRICS_MAX);
	metrics->rows[metrics->count++] = (struct go_metric){.name = name, .value = value};
}

static void add_seconds(struct go_metrics *metrics, const char *name, int64_t ns)
{
	assert(metrics->count < GO_METRICS_MAX);
	metrics->rows[metrics->count++] =
		(struct go_metric){.name = name, .is_seconds = true, .seconds = (double)ns / 1e9};
}

static void add_memory(struct go_metrics *m, const struct go_memstats *stats)
{
	const struct go_heap_counters *c = &stats->counters;
	struct go_heap_sums sums = go_heap_counters_sum(c);
	uint64_t objects = sums.alloc_bytes - sums.free_bytes;
	uint64_t metadata = c->in_work_bufs + c->in_ptr_scalar_bits;
	add(m, "/memory/classes/heap/free:bytes",
	    c->committed - c->in_heap - c->in_stacks - metadata);
	add(m, "/memory/classes/heap/objects:bytes", objects);
	add(m, "/memory/classes/heap/released:bytes", c->released);
	add(m, "/memory/classes/heap/stacks:bytes", c->in_stacks);
	add(m, "/memory/classes/heap/unused:bytes", c->in_heap - objects);
	add(m, "/memory/classes/metadata/mcache/free:bytes",
	    stats->mcache_sys - stats->mcache_inuse);
	add(m, "/memory/classes/metadata/mcache/inuse:bytes", stats->mcache_inuse);
	add(m, "/memory/classes/metadata/mspan/free:bytes",
	    stats->mspan_sys - stats->mspan_inuse_now);
	add(m, "/memory/classes/metadata/mspan/inuse:bytes", stats->mspan_inuse_now);
	add(m, "/memory/classes/metadata/other:bytes", metadata + stats->gc_misc_sys);
	add(m, "/memory/classes/os-stacks:bytes", stats->stacks_sys);
	add(m, "/memory/classes/other:bytes", stats->other_sys_now);
	add(m, "/memory/classes/profiling/buckets:bytes", stats->buckhash_sys);
	add(m, "/memory/classes/total:bytes",
	    c->committed + c->released + stats->stacks_sys + stats->mspan_sys + stats->mcache_sys +
		    stats->buckhash_sys + stats->gc_misc_sys + stats->other_sys_now);
}

static void add_heap(struct go_metrics *m, const struct go_memstats *stats,
		     const struct go_gc_state *gc)
{
	struct go_heap_sums sums = go_heap_counters_sum(&stats->counters);
	add(m, "/gc/heap/allocs:bytes", sums.alloc_bytes);
	add(m, "/gc/heap/allocs:objects", sums.allocs);
	add(m, "/gc/heap/frees:bytes", sums.free_bytes);
	add(m, "/gc/heap/frees:objects", sums.frees);
	add(m, "/gc/heap/goal:bytes", gc->goal);
	add(m, "/gc/heap/live:bytes", stats->heap_marked);
	add(m, "/gc/heap/objects:objects", sums.allocs - sums.frees);
	add(m, "/gc/heap/tiny/allocs:objects", stats->counters.tiny_allocs);
}

static void add_collector(struct go_metrics *m, const struct go_layout *layout,
			  const struct go_memstats *stats, const struct go_gc_state *gc)
{
	const struct go_pacer *pacer = &stats->pacer;
	add(m, "/gc/cycles/automatic:gc-cycles", stats->num_gc - stats->num_forced_gc);
	add(m, "/gc/cycles/forced:gc-cycles", stats->num_forced_gc);
	add(m, "/gc/cycles/total:gc-cycles", stats->num_gc);
	add(m, "/gc/gogc:percent", (uint64_t)(int64_t)stats->gc_percent);
	if (pacer->has_limit)
		add(m, "/gc/gomemlimit:bytes", (uint64_t)stats->memory_limit);
	if (gc->limiter.known)
		add(m, "/gc/limiter/last-enabled:gc-cycle", gc->limiter.last_enabled_cycle);
	if (!layout_has(layout, GO_GC_CONTROLLER_STATE_LAST_STACK_SCAN))
		return;
	add(m, "/gc/scan/globals:bytes", pacer->globals_scan);
	add(m, "/gc/scan/heap:bytes", pacer->heap_scan);
	add(m, "/gc/scan/stack:bytes", pacer->last_stack_scan);
	add(m, "/gc/scan/total:bytes",
	    pacer->globals_scan + pacer->heap_scan + pacer->last_stack_scan);
}

static void add_cpu(struct go_metrics *m, const struct go_cpu_times *cpu)
{
	if (!cpu->known)
		return;
	add_seconds(m, "/cpu/classes/gc/mark/assist:cpu-seconds", cpu->gc_assist);
	add_seconds(m, "/cpu/classes/gc/mark/dedicated:cpu-seconds", cpu->gc_dedicated);
	add_seconds(m, "/cpu/classes/gc/mark/idle:cpu-seconds", cpu->gc_idle);
	add_seconds(m, "/cpu/classes/gc/pause:cpu-seconds", cpu->gc_pause);
	add_seconds(m, "/cpu/classes/gc/total:cpu-seconds", cpu->gc_total);
	add_seconds(m, "/cpu/classes/idle:cpu-seconds", cpu->idle);
	add_seconds(m, "/cpu/classes/scavenge/assist:cpu-seconds", cpu->scavenge_assist);
	add_seconds(m, "/cpu/classes/scavenge/background:cpu-seconds", cpu->scavenge_background);
	add_seconds(m, "/cpu/classes/scavenge/total:cpu-seconds", cpu->scavenge_total);
	add_seconds(m, "/cpu/classes/total:cpu-seconds", cpu->total);
	add_seconds(m, "/cpu/classes/user:cpu-seconds", cpu->user);
}

// Go 1.26 and later count the runtime's own goroutines too.
static void add_scheduler(struct go_metrics *m, const struct go_layout *layout,
			  const struct go_scheduler *scheduler)
{
	const struct go_finalizers *finalizers = &scheduler->finalizers;
	bool with_system = layout_has(layout, GO_SCHEDT_N_GSYSCALL_NO_P);
	if (scheduler->goroutines.known)
		add(m, "/sched/goroutines:goroutines",
		    with_system ? scheduler->goroutines_with_system.value
				: scheduler->goroutines.value);
	if (finalizers->queued.known && finalizers->executed.known) {
		add(m, "/gc/finalizers/executed:finalizers", finalizers->executed.value);
		add(m, "/gc/finalizers/queued:finalizers", finalizers->queued.value);
	}
	if (scheduler->cleanups.known) {
		add(m, "/gc/cleanups/executed:cleanups", scheduler->cleanups.executed);
		add(m, "/gc/cleanups/queued:cleanups", scheduler->cleanups.queued);
	}
}

void go_metrics_compute(const struct go_runtime *runtime, const struct go_memstats *stats,
			const struct go_gc_state *gc, const struct go_scheduler *scheduler,
			struct go_metrics *out)
{
	uint32_t stack;
	out->count = 0;
	if (stats->has_counters) {
		add_memory(out, stats);
		add_heap(out, stats, gc);
	}
	add_collector(out, &runtime->layout, stats, gc);
	if (go_variable_u32(runtime, GO_SYMBOL_STARTING_STACK_SIZE, &stack))
		add(out, "/gc/stack/starting-size:bytes", stack);
	add_cpu(out, &gc->cpu);
	add(out, "/sched/gomaxprocs:threads", (uint64_t)stats->gomaxprocs);
	if (scheduler)
		add_scheduler(out, &runtime->layout, scheduler);
}
