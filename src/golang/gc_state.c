// SPDX-License-Identifier: Apache-2.0
// In: runtime.gcphase, work, gcCPULimiter, and the statistics. Out: the state of the collector.
#include "golang/gc_state.h"

#include <stdlib.h>
#include <string.h>

const char *go_gc_phase_name(enum go_gc_phase phase)
{
	static const char *const names[] = {"off", "mark", "mark termination", "unknown"};
	return names[phase <= GO_GC_UNKNOWN ? phase : GO_GC_UNKNOWN];
}

static int by_length(const void *a, const void *b)
{
	uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;
	return (left > right) - (left < right);
}

// The runtime writes pause N at N % 256.
static void sum_pauses(const struct go_memstats *stats, struct go_gc_pauses *pauses)
{
	uint64_t sorted[GO_PAUSES];
	pauses->count = stats->num_gc < GO_PAUSES ? (size_t)stats->num_gc : GO_PAUSES;
	if (!pauses->count)
		return;
	size_t last = (size_t)((stats->num_gc + GO_PAUSES - 1) % GO_PAUSES);
	memcpy(sorted, stats->pause_ns, pauses->count * sizeof *sorted);
	qsort(sorted, pauses->count, sizeof *sorted, by_length);
	pauses->last_ns = stats->pause_ns[last];
	pauses->last_end_unix_ns = (int64_t)stats->pause_end_unix_ns[last];
	pauses->max_ns = sorted[pauses->count - 1];
	pauses->median_ns = sorted[pauses->count / 2];
}

static void read_cpu(const struct go_runtime *runtime, struct go_cpu_times *cpu)
{
	static const enum go_field needed[] = {GO_WORK_TYPE_CPU_STATS, GO_SIZEOF_CPU_STATS};
	struct go_struct times = {0};
	taddr_t work;
	if (!layout_require(&runtime->layout, needed, 2, NULL) ||
	    !go_runtime_symbol(runtime, GO_SYMBOL_WORK, &work, NULL) ||
	    !go_struct_read(runtime, work + (uint64_t)runtime->layout.offset[needed[0]], needed[1],
			    &times, NULL))
		return;
	const struct go_record *r = &times.record;
	*cpu = (struct go_cpu_times){
		.known = true,
		.gc_assist = (int64_t)record_u64(r, GO_CPU_STATS_GCASSIST_TIME),
		.gc_dedicated = (int64_t)record_u64(r, GO_CPU_STATS_GCDEDICATED_TIME),
		.gc_idle = (int64_t)record_u64(r, GO_CPU_STATS_GCIDLE_TIME),
		.gc_pause = (int64_t)record_u64(r, GO_CPU_STATS_GCPAUSE_TIME),
		.gc_total = (int64_t)record_u64(r, GO_CPU_STATS_GCTOTAL_TIME),
		.scavenge_assist = (int64_t)record_u64(r, GO_CPU_STATS_SCAVENGE_ASSIST_TIME),
		.scavenge_background = (int64_t)record_u64(r, GO_CPU_STATS_SCAVENGE_BG_TIME),
		.scavenge_total = (int64_t)record_u64(r, GO_CPU_STATS_SCAVENGE_TOTAL_TIME),
		.idle = (int64_t)record_u64(r, GO_CPU_STATS_IDLE_TIME),
		.user = (int64_t)record_u64(r, GO_CPU_STATS_USER_TIME),
		.total = (int64_t)record_u64(r, GO_CPU_STATS_TOTAL_TIME),
	};
	go_struct_deinit(&times);
}

static void read_limiter(const struct go_runtime *runtime, struct go_gc_limiter *limiter)
{
	struct go_struct state = {0};
	if (!go_struct_read_symbol(runtime, GO_SYMBOL_GC_CPU_LIMITER,
				   GO_SIZEOF_GC_CPU_LIMITER_STATE, &state, NULL))
		return;
	const struct go_record *r = &state.record;
	*limiter = (struct go_gc_limiter){
		.known = true,
		.enabled = record_u8(r, GO_GC_CPU_LIMITER_STATE_ENABLED) != 0,
		.fill_ns = record_u64(r, GO_GC_CPU_LIMITER_STATE_FILL),
		.capacity_ns = record_u64(r, GO_GC_CPU_LIMITER_STATE_CAPACITY),
		.overflow_ns = record_u64(r, GO_GC_CPU_LIMITER_STATE_OVERFLOW),
		.last_enabled_cycle = record_u32(r, GO_GC_CPU_LIMITER_STATE_LAST_ENABLED_CYCLE),
	};
	go_struct_deinit(&state);
}

void go_gc_state_read(const struct go_runtime *runtime, const struct go_memstats *stats,
		      struct go_gc_state *out)
{
	uint32_t phase;
	*out = (struct go_gc_state){.phase = GO_GC_UNKNOWN};
	if (go_variable_u32(runtime, GO_SYMBOL_GCPHASE, &phase) && phase < GO_GC_UNKNOWN)
		out->phase = phase;
	out->goal = go_pacer_goal(&stats->pacer, NULL);
	out->trigger = go_pacer_trigger(&stats->pacer);
	out->limited = go_pacer_is_limited(&stats->pacer);
	sum_pauses(stats, &out->pauses);
	read_cpu(runtime, &out->cpu);
	read_limiter(runtime, &out->limiter);
}
