// SPDX-License-Identifier: Apache-2.0
// In: runtime.allgs. Out: goroutines with their states, creators, labels and stacks.
//
// In three passes, each in the order of addresses: the structures, the stacks, and the structures
// again to see who moved. A target that is to be stopped is stopped before the third only: who did
// not move since has the stack that was read before.
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/reader.h"
#include "base/sort.h"
#include "golang/goroutines_priv.h"
#include "target/ranges.h"

enum {
	GOROUTINES_MAX = 16 << 20,
	G_STRUCT_MAX = 1024,
	STACK_READ_MAX = 16 << 10, // at once; deeper stacks are read on as they are walked
};

void go_goroutines_deinit(struct go_goroutines *goroutines)
{
	vec_deinit(&goroutines->list);
	go_calls_free(goroutines->calls);
	go_stacks_deinit(&goroutines->stacks);
	go_label_sets_deinit(&goroutines->label_sets);
	arena_deinit(&goroutines->arena);
}

const char *go_status_name(enum go_status status)
{
	static const char *const names[] = {
		[GO_STATUS_IDLE] = "idle",           [GO_STATUS_RUNNABLE] = "runnable",
		[GO_STATUS_RUNNING] = "running",     [GO_STATUS_SYSCALL] = "syscall",
		[GO_STATUS_WAITING] = "waiting",     [GO_STATUS_DEAD] = "dead",
		[GO_STATUS_COPYSTACK] = "copystack", [GO_STATUS_PREEMPTED] = "preempted",
		[GO_STATUS_LEAKED] = "leaked",       [GO_STATUS_DEAD_EXTRA] = "dead-extra",
	};
	const char *name = (size_t)status < sizeof names / sizeof *names ? names[status] : NULL;
	return name ? name : "unknown";
}

int64_t go_goroutine_waited_ns(const struct go_goroutines *goroutines,
			       const struct go_goroutine *goroutine)
{
	int64_t since = goroutine->wait_since_ns;
	return since > 0 && since < goroutines->now_ns ? goroutines->now_ns - since : 0;
}

void go_goroutines_forget(struct go_goroutine_reading *reading)
{
	if (!reading)
		return;
	unwinder_free(reading->unwinder);
	vec_deinit(&reading->pending);
	vec_deinit(&reading->spares);
	vec_deinit(&reading->threads);
	map_deinit(&reading->threads_by_address);
	go_goroutines_deinit(&reading->out);
	free(reading);
}

// ---- the first two passes ----

static void visit_goroutine(void *context, const struct target_range *range, const uint8_t *bytes)
{
	struct go_goroutine_reading *reading = context;
	if (!bytes) {
		reading->out.unreadable++;
		return;
	}
	struct go_record g = {&reading->runtime->layout, bytes, range->size};
	if (goroutine_is_dead(goroutine_parse_status(&g))) {
		vec_push(&reading->spares, (struct spare){range->start, range->index});
		return;
	}
	struct go_goroutine goroutine = {.order = range->index};
	struct pending pending = {.address = range->start};
	goroutine_parse(reading, &g, &goroutine, &pending);
	vec_push(&reading->out.list, goroutine);
	vec_push(&reading->pending, pending);
}

// Where the walk begins. False, with the reason in the goroutine, when that is not known.
static bool find_start(struct go_goroutine_reading *reading, struct go_goroutine *goroutine,
		       const struct go_saved *saved, struct unwind_start *start)
{
	const struct go_runtime *runtime = reading->runtime;
	// Where nothing changes any more it is all here or all there, or the walk fails.
	if (goroutine->status == GO_STATUS_COPYSTACK && !target_is_still(runtime->target)) {
		goroutine->stack_state = GO_STACK_MOVED;
		return false;
	}
	if (goroutine->status != GO_STATUS_RUNNING || saved->syscall_sp) {
		go_start_saved(saved, start);
		return true;
	}
	const struct go_thread *thread = goroutine_thread(reading, saved->thread);
	if (go_start_running(runtime, reading->unwinder, saved, thread, start))
		return true;
	goroutine->stack_state = target_find_thread(runtime->target, (int64_t)thread->id)
					 ? GO_STACK_TORN
					 : GO_STACK_RUNS;
	return false;
}

static void read_stack(struct go_goroutine_reading *reading, size_t index, const uint8_t *bytes,
		       size_t size)
{
	struct go_goroutine *goroutine = &reading->out.list.items[index];
	struct unwind_start start;
	goroutine->stack = NULL;
	goroutine->stack_state = GO_STACK_WHOLE;
	if (!find_start(reading, goroutine, &reading->pending.items[index].saved, &start))
		return;
	start.bytes = bytes;
	start.byte_count = size;
	goroutine->stack = unwind(reading->unwinder, &start);
	if (!goroutine->stack)
		goroutine->stack_state = GO_STACK_TORN;
}

static void visit_stack(void *context, const struct target_range *range, const uint8_t *bytes)
{
	read_stack(context, range->index, bytes, bytes ? range->size : 0);
}

static struct target_range *new_ranges(uint64_t count, struct error *error)
{
	struct target_range *ranges = alloc_try_array(count, sizeof *ranges);
	if (!ranges)
		(void)!error_set(error, ERROR_LIMIT, "no memory for %" PRIu64 " goroutines", count);
	return ranges;
}

// Of the goroutines from `first` on the part of each stack that is in use, as one range. Those that
// run are walked at once.
static bool read_stacks(struct go_goroutine_reading *reading, size_t first, struct error *error)
{
	size_t count = 0, all = reading->out.list.count;
	_cleanup_free_ struct target_range *ranges = new_ranges(all - first, error);
	if (!ranges)
		return false;
	for (size_t i = first; i < all; i++) {
		struct unwind_start start;
		go_start_saved(&reading->pending.items[i].saved, &start);
		if (reading->out.list.items[i].status == GO_STATUS_RUNNING ||
		    start.sp < start.low || start.sp >= start.high) {
			read_stack(reading, i, NULL, 0);
			continue;
		}
		uint64_t size = start.high - start.sp;
		ranges[count++] = (struct target_range){
			.start = start.sp,
			.size = size < STACK_READ_MAX ? (uint32_t)size : STACK_READ_MAX,
			.index = (uint32_t)i,
		};
	}
	target_read_ranges(reading->runtime->target, ranges, count, visit_stack, reading);
	return true;
}

static bool find_table(const struct go_runtime *runtime, taddr_t *table, uint64_t *count,
		       struct error *error)
{
	taddr_t all;
	if (!go_runtime_symbol(runtime, GO_SYMBOL_ALLGS, &all, error) ||
	    !target_read_u64(runtime->target, all, table, error) ||
	    !target_read_u64(runtime->target, all + 8, count, error))
		return false;
	return *count <= GOROUTINES_MAX ||
	       error_set(error, ERROR_BAD_DATA, "%" PRIu64 " goroutines", *count);
}

static uint32_t g_bytes(const struct go_goroutine_reading *reading)
{
	return (uint32_t)reading->runtime->layout.offset[GO_SIZEOF_G];
}

// Those from `first` on of the `count` in runtime.allgs.
static bool read_structures(struct go_goroutine_reading *reading, taddr_t table, uint64_t first,
			    uint64_t count, struct error *error)
{
	struct target *target = reading->runtime->target;
	_cleanup_free_ uint8_t *bytes = alloc_try_array(count - first, 8);
	_cleanup_free_ struct target_range *ranges = new_ranges(count - first, error);
	if (!bytes || !ranges)
		return error_set(error, ERROR_LIMIT, "no memory for %" PRIu64 " goroutines", count);
	if (!target_read_bulk(target, table + first * 8, bytes, (count - first) * 8, error))
		return false;
	struct reader reader = reader_over(bytes, (count - first) * 8);
	for (uint64_t i = first; i < count; i++)
		ranges[i - first] =
			(struct target_range){reader_u64(&reader), g_bytes(reading), (uint32_t)i};
	target_read_ranges(target, ranges, count - first, visit_goroutine, reading);
	return true;
}

// Looks at those that runtime.allgs has behind the ones that were seen; none is ever taken out.
static bool look_at_more(struct go_goroutine_reading *reading, struct error *error)
{
	taddr_t table;
	uint64_t count, first = reading->seen;
	if (!find_table(reading->runtime, &table, &count, error))
		return false;
	if (count <= first)
		return true;
	size_t known = reading->out.list.count;
	if (!read_structures(reading, table, first, count, error))
		return false;
	reading->seen = count;
	return read_stacks(reading, known, error);
}

bool go_goroutines_look(const struct go_runtime *runtime, struct go_goroutine_reading **out,
			struct error *error)
{
	int size = runtime->layout.offset[GO_SIZEOF_G];
	if (size <= 0 || size > G_STRUCT_MAX)
		return error_set(error, ERROR_BAD_DATA, "a goroutine of %d bytes", size);
	struct go_goroutine_reading *reading = alloc_zero(sizeof *reading);
	reading->runtime = runtime;
	reading->out.calls = go_calls_new(runtime->functab);
	reading->unwinder = unwinder_new(runtime, reading->out.calls, &reading->out.stacks);
	reading->looked_at_still = target_is_still(runtime->target);
	if (!look_at_more(reading, error)) {
		go_goroutines_forget(reading);
		return error_wrap(error, "goroutines");
	}
	*out = reading;
	return true;
}

// ---- the third pass ----

// A stack that does not come from where the goroutine began was read while it moved.
static bool is_doubtful(const struct go_goroutine *goroutine)
{
	const struct go_stack *stack = goroutine->stack;
	if (goroutine->stack_state > GO_STACK_RUNS)
		return true;
	return stack && stack->count && goroutine->start->valid &&
	       stack->calls[stack->count - 1]->function.entry != goroutine->start->function.entry;
}

// Whether it did not run since it was read first.
static bool is_same(const struct go_goroutine_reading *reading, size_t index,
		    const struct go_record *g)
{
	const struct go_goroutine *goroutine = &reading->out.list.items[index];
	struct go_saved now;
	goroutine_parse_saved(g, &now);
	return goroutine_parse_status(g) == goroutine->status &&
	       record_u64(g, GO_G_GOID) == goroutine->id &&
	       memcmp(&now, &reading->pending.items[index].saved, sizeof now) == 0;
}

// Reads one goroutine by itself: the structure, the stack and, where it can move meanwhile, the
// structure again.
static void read_again(struct go_goroutine_reading *reading, size_t index)
{
	struct go_goroutine *goroutine = &reading->out.list.items[index];
	struct pending *pending = &reading->pending.items[index];
	struct target *target = reading->runtime->target;
	uint8_t bytes[G_STRUCT_MAX];
	struct go_record g = {&reading->runtime->layout, bytes, g_bytes(reading)};
	if (!target_read_bulk(target, pending->address, bytes, g.size, NULL))
		return;
	goroutine_parse(reading, &g, goroutine, pending);
	if (goroutine_is_dead(goroutine->status))
		return;
	read_stack(reading, index, NULL, 0);
	if (target_is_still(target))
		return;
	reading->out.moved++;
	if (!goroutine->stack || (target_read_bulk(target, pending->address, bytes, g.size, NULL) &&
				  is_same(reading, index, &g)))
		return;
	goroutine->stack = NULL;
	goroutine->stack_state = GO_STACK_MOVED;
}

static void visit_again(void *context, const struct target_range *range, const uint8_t *bytes)
{
	struct go_goroutine_reading *reading = context;
	const struct go_goroutine *goroutine = &reading->out.list.items[range->index];
	struct go_record g = {&reading->runtime->layout, bytes, range->size};
	// One that runs says of itself only where it began to.
	bool runs_on =
		goroutine->status == GO_STATUS_RUNNING && target_is_still(reading->runtime->target);
	if (!bytes || runs_on || is_doubtful(goroutine) || !is_same(reading, range->index, &g))
		read_again(reading, range->index);
}

// Those in the list, to see who moved.
static bool look_again(struct go_goroutine_reading *reading, struct error *error)
{
	size_t count = reading->out.list.count;
	_cleanup_free_ struct target_range *ranges = new_ranges(count, error);
	if (!ranges)
		return false;
	reading->threads.count = 0; // they went on as well
	map_deinit(&reading->threads_by_address);
	for (size_t i = 0; i < count; i++)
		ranges[i] = (struct target_range){reading->pending.items[i].address,
						  g_bytes(reading), (uint32_t)i};
	target_read_ranges(reading->runtime->target, ranges, count, visit_again, reading);
	return true;
}

// Those that were no goroutines and may be now.
static bool look_at_spares(struct go_goroutine_reading *reading, struct error *error)
{
	size_t count = reading->spares.count, known = reading->out.list.count;
	_cleanup_free_ struct target_range *ranges = new_ranges(count, error);
	if (!ranges)
		return false;
	for (size_t i = 0; i < count; i++)
		ranges[i] = (struct target_range){reading->spares.items[i].address,
						  g_bytes(reading), reading->spares.items[i].order};
	reading->spares.count = 0;
	target_read_ranges(reading->runtime->target, ranges, count, visit_goroutine, reading);
	return read_stacks(reading, known, error);
}

bool go_goroutines_settle(struct go_goroutine_reading *reading, struct error *error)
{
	struct target *target = reading->runtime->target;
	target_forget(target); // labels may be younger than what is cached
	if (!reading->looked_at_still && !look_again(reading, error))
		return error_wrap(error, "goroutines");
	if (!reading->looked_at_still && target_is_still(target) &&
	    (!look_at_spares(reading, error) || !look_at_more(reading, error)))
		return error_wrap(error, "goroutines");
	for (size_t i = 0; i < reading->out.list.count; i++)
		if (!goroutine_is_dead(reading->out.list.items[i].status))
			goroutine_settle(reading, i);
	return true;
}

// ---- without the target ----

// Those that ended meanwhile go; the others in the runtime's order.
static void put_in_order(struct go_goroutines *out)
{
	size_t kept = 0, count = out->list.count;
	_cleanup_free_ struct sort_key *keys = alloc_array(count, sizeof *keys);
	for (size_t i = 0; i < count; i++)
		if (!goroutine_is_dead(out->list.items[i].status))
			keys[kept++] = (struct sort_key){out->list.items[i].order, i};
	sort_keys(keys, kept);
	struct go_goroutine *ordered = alloc_array(kept, sizeof *ordered);
	for (size_t i = 0; i < kept; i++)
		ordered[i] = out->list.items[keys[i].value];
	out->dead += count - kept;
	free(out->list.items);
	out->list.items = ordered;
	out->list.count = out->list.capacity = kept;
}

void go_goroutines_finish(struct go_goroutine_reading *reading, struct go_goroutines *out)
{
	*out = reading->out;
	reading->out = (struct go_goroutines){0};
	out->dead = reading->spares.count;
	go_goroutines_forget(reading);
	put_in_order(out);
	VEC_FOREACH (goroutine, &out->list) {
		out->user += !goroutine->system;
		out->stacks_running += goroutine->stack_state == GO_STACK_RUNS;
		out->stacks_failed += goroutine->stack_state > GO_STACK_RUNS;
	}
}

bool go_goroutines_read(const struct go_runtime *runtime, struct go_goroutines *out,
			struct error *error)
{
	struct go_goroutine_reading *reading;
	if (!go_goroutines_look(runtime, &reading, error))
		return false;
	bool settled = go_goroutines_settle(reading, error);
	if (settled)
		go_goroutines_finish(reading, out);
	else
		go_goroutines_forget(reading);
	return settled;
}
