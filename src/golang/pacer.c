// SPDX-License-Identifier: Apache-2.0
// In: runtime.gcController. Out: its numbers, and the goal and trigger that follow from them.
#include "golang/pacer.h"

enum {
	MIN_RUNWAY = 64 << 10,
	MIN_HEADROOM = 1 << 20,
	TRIGGER_DEN = 64,
	TRIGGER_MIN_NUM = 45,
	TRIGGER_MAX_NUM = 61,
	DEFAULT_HEAP_MINIMUM = 4 << 20,
	HEADROOM_PERCENT = 3,
	HEADROOM_PERCENT_SINCE = 21, // Go 1.21; a constant in the code, nothing in memory shows it
};

static void read_limits(const struct go_record *controller, struct go_pacer *pacer)
{
	const struct go_layout *layout = controller->layout;
	pacer->has_limit = layout_has(layout, GO_GC_CONTROLLER_STATE_MEMORY_LIMIT);
	pacer->has_accounts = layout_has(layout, GO_GC_CONTROLLER_STATE_MAPPED_READY);
	pacer->memory_limit =
		pacer->has_limit
			? (int64_t)record_u64(controller, GO_GC_CONTROLLER_STATE_MEMORY_LIMIT)
			: INT64_MAX;
	pacer->headroom_percent = layout->minor >= HEADROOM_PERCENT_SINCE ? HEADROOM_PERCENT : 0;
	pacer->gc_percent_goal =
		record_u64(controller, GO_GC_CONTROLLER_STATE_GC_PERCENT_HEAP_GOAL);
	pacer->sweep_dist_min_trigger =
		record_u64(controller, GO_GC_CONTROLLER_STATE_SWEEP_DIST_MIN_TRIGGER);
	pacer->triggered = record_u64(controller, GO_GC_CONTROLLER_STATE_TRIGGERED);
	pacer->runway = record_u64(controller, GO_GC_CONTROLLER_STATE_RUNWAY);
	pacer->cons_mark = record_f64(controller, GO_GC_CONTROLLER_STATE_CONS_MARK);
	pacer->last_heap_goal = record_u64(controller, GO_GC_CONTROLLER_STATE_LAST_HEAP_GOAL);
}

static void read_accounts(const struct go_record *controller, struct go_pacer *pacer)
{
	pacer->heap_in_use = record_u64(controller, GO_GC_CONTROLLER_STATE_HEAP_IN_USE);
	pacer->heap_released = record_u64(controller, GO_GC_CONTROLLER_STATE_HEAP_RELEASED);
	pacer->heap_free = record_u64(controller, GO_GC_CONTROLLER_STATE_HEAP_FREE);
	pacer->total_alloc = record_u64(controller, GO_GC_CONTROLLER_STATE_TOTAL_ALLOC);
	pacer->total_free = record_u64(controller, GO_GC_CONTROLLER_STATE_TOTAL_FREE);
	pacer->mapped_ready = record_u64(controller, GO_GC_CONTROLLER_STATE_MAPPED_READY);
}

static void read_scan(const struct go_record *controller, struct go_pacer *pacer)
{
	pacer->heap_scan = record_u64(controller, GO_GC_CONTROLLER_STATE_HEAP_SCAN);
	pacer->last_heap_scan = record_u64(controller, GO_GC_CONTROLLER_STATE_LAST_HEAP_SCAN);
	pacer->last_stack_scan = record_u64(controller, GO_GC_CONTROLLER_STATE_LAST_STACK_SCAN);
	pacer->max_stack_scan = record_u64(controller, GO_GC_CONTROLLER_STATE_MAX_STACK_SCAN);
	pacer->globals_scan = record_u64(controller, GO_GC_CONTROLLER_STATE_GLOBALS_SCAN);
}

bool go_pacer_read(const struct go_runtime *runtime, const struct go_record *mstats,
		   struct go_pacer *out, struct error *error)
{
	const struct go_layout *layout = &runtime->layout;
	struct go_struct controller = {0};
	struct go_pacer pacer = {0};
	if (!go_struct_read_symbol(runtime, GO_SYMBOL_GC_CONTROLLER, GO_SIZEOF_GC_CONTROLLER_STATE,
				   &controller, error))
		return false;
	read_limits(&controller.record, &pacer);
	read_accounts(&controller.record, &pacer);
	read_scan(&controller.record, &pacer);
	pacer.heap_minimum = record_u64(&controller.record, GO_GC_CONTROLLER_STATE_HEAP_MINIMUM);
	pacer.heap_goal_kept = record_u64(&controller.record, GO_GC_CONTROLLER_STATE_HEAP_GOAL);
	pacer.heap_trigger_kept = record_u64(&controller.record, GO_GC_CONTROLLER_STATE_TRIGGER);
	pacer.heap_live = record_u64(&controller.record, GO_GC_CONTROLLER_STATE_HEAP_LIVE);
	pacer.heap_marked = record_u64(&controller.record, GO_GC_CONTROLLER_STATE_HEAP_MARKED);
	uint32_t percent = record_u32(&controller.record, GO_GC_CONTROLLER_STATE_GC_PERCENT);
	bool ok = true;
	if (!layout_has(layout, GO_GC_CONTROLLER_STATE_HEAP_LIVE)) { // Go 1.16
		pacer.heap_live = record_u64(mstats, GO_MSTATS_HEAP_LIVE);
		pacer.heap_marked = record_u64(mstats, GO_MSTATS_HEAP_MARKED);
		pacer.heap_goal_kept = record_u64(mstats, GO_MSTATS_NEXT_GC);
		pacer.heap_trigger_kept = record_u64(mstats, GO_MSTATS_GC_TRIGGER);
		ok = go_variable_u32(runtime, GO_SYMBOL_GCPERCENT, &percent) ||
		     error_set(error, ERROR_UNSUPPORTED, "runtime.gcpercent cannot be read");
	}
	pacer.gc_percent = (int32_t)percent;
	go_struct_deinit(&controller);
	if (ok)
		*out = pacer;
	return ok;
}

static uint64_t larger(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

// memoryLimitHeapGoal. What a flush of the caches moves: allocated bytes that were held back, and
// spans of stacks that become free heap.
static uint64_t limit_goal(const struct go_pacer *pacer, const struct go_held_back *held)
{
	uint64_t limit = (uint64_t)pacer->memory_limit,
		 ready = pacer->mapped_ready + (held ? held->cost.chunk_bytes : 0);
	uint64_t heap_free = pacer->heap_free + (held ? held->stack_bytes : 0);
	uint64_t heap_alloc =
		pacer->total_alloc - pacer->total_free + (held ? held->alloc_bytes : 0);
	uint64_t other = ready - heap_free - heap_alloc;
	uint64_t overage = ready > limit ? ready - limit : 0;
	if (other + overage >= limit)
		return pacer->heap_marked;
	uint64_t goal = limit - (other + overage);
	uint64_t headroom = larger(goal / 100 * (uint64_t)pacer->headroom_percent, MIN_HEADROOM);
	goal = goal < headroom || goal - headroom < headroom ? headroom : goal - headroom;
	return larger(goal, pacer->heap_marked);
}

// heapGoalInternal
static uint64_t find_goal(const struct go_pacer *pacer, const struct go_held_back *held,
			  uint64_t *min_trigger)
{
	uint64_t goal = pacer->gc_percent_goal, limited = limit_goal(pacer, held);
	*min_trigger = 0;
	if (limited < goal)
		return limited;
	*min_trigger = pacer->sweep_dist_min_trigger;
	goal = larger(goal, pacer->sweep_dist_min_trigger);
	if (pacer->triggered != UINT64_MAX && goal < pacer->triggered + MIN_RUNWAY)
		goal = pacer->triggered + MIN_RUNWAY;
	return goal;
}

uint64_t go_pacer_goal(const struct go_pacer *pacer, const struct go_held_back *held)
{
	uint64_t min_trigger;
	return pacer->has_limit ? find_goal(pacer, held, &min_trigger) : pacer->heap_goal_kept;
}

bool go_pacer_is_limited(const struct go_pacer *pacer)
{
	return pacer->has_limit && pacer->memory_limit != INT64_MAX &&
	       limit_goal(pacer, NULL) < pacer->gc_percent_goal;
}

uint64_t go_pacer_trigger(const struct go_pacer *pacer)
{
	uint64_t least, marked = pacer->heap_marked;
	if (!pacer->has_limit)
		return pacer->heap_trigger_kept;
	uint64_t goal = find_goal(pacer, NULL, &least);
	if (marked >= goal)
		return goal;
	uint64_t step = (goal - marked) / TRIGGER_DEN;
	least = larger(larger(least, marked), step * TRIGGER_MIN_NUM + marked);
	uint64_t most = step * TRIGGER_MAX_NUM + marked;
	if (goal > DEFAULT_HEAP_MINIMUM && goal - DEFAULT_HEAP_MINIMUM > most)
		most = goal - DEFAULT_HEAP_MINIMUM;
	most = larger(most, least);
	uint64_t trigger = pacer->runway > goal ? least : goal - pacer->runway;
	trigger = larger(trigger, least);
	return trigger < most ? trigger : most;
}
