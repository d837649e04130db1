// SPDX-License-Identifier: Apache-2.0
// In: runtime.allgs. Out: goroutines with their states, creators, labels and stacks.
//
// In three passes, each in the order of addresses: the structures, the stacks, and the structures
// again to see who moved. What is torn is read once more by itself.
#include "golang/goroutines.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/reader.h"
#include "golang/registers.h"
#include "target/ranges.h"

enum {
	GOROUTINES_MAX = 16 << 20,
	G_STRUCT_MAX = 1024,
	WAIT_REASONS_MAX = 128,
	REASON_BYTES_MAX = 64,
	STATUS_SCAN_BIT = 0x1000,
	STACK_BYTES_MAX = 1 << 30,
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

// What is needed of a goroutine while it is read; parallel to the list.
struct pending {
	taddr_t address; // of its runtime.g
	taddr_t labels, locked_m, bubble;
	struct go_saved saved;
};

struct walk {
	const struct go_runtime *runtime;
	struct go_goroutines *out;
	struct unwinder *unwinder;
	VEC(struct pending) pending;
	VEC(struct go_thread) threads;
	struct map threads_by_address;
	const char *wait_reasons[WAIT_REASONS_MAX];
};

static void walk_deinit(struct walk *walk)
{
	unwinder_free(walk->unwinder);
	vec_deinit(&walk->pending);
	vec_deinit(&walk->threads);
	map_deinit(&walk->threads_by_address);
}

// The runtime's own words for what a goroutine waits for, read from its table of strings.
static const char *wait_reason(struct walk *walk, uint8_t reason)
{
	taddr_t table = walk->runtime->symbols[GO_SYMBOL_WAIT_REASONS];
	struct target *target = walk->runtime->target;
	uint64_t text, length;
	char buffer[REASON_BYTES_MAX];
	if (reason == 0)
		return NULL; // none was given
	if (reason >= WAIT_REASONS_MAX)
		return "unknown wait reason";
	if (walk->wait_reasons[reason])
		return walk->wait_reasons[reason];
	const char *name = NULL;
	if (table && target_read_u64(target, table + 16 * reason, &text, NULL) &&
	    target_read_u64(target, table + 16 * reason + 8, &length, NULL) && length > 0 &&
	    length < sizeof buffer && target_read(target, text, buffer, length, NULL))
		name = arena_string(&walk->out->arena, buffer, length);
	return walk->wait_reasons[reason] = name ? name : "unknown wait reason";
}

// As runtime.isSystemGoroutine; those that run finalizers and cleanups are looked at again once
// their stacks are known.
static bool is_system(const struct go_runtime *runtime, taddr_t start_pc)
{
	const char *name = functab_name(runtime->functab, start_pc);
	return name && strncmp(name, "runtime.", 8) == 0 && strcmp(name, "runtime.main") != 0 &&
	       strcmp(name, "runtime.corostart") != 0 &&
	       strcmp(name, "runtime.handleAsyncEvent") != 0;
}

static const struct go_thread *find_thread(struct walk *walk, taddr_t m)
{
	static const struct go_thread none;
	bool is_new;
	if (!m)
		return &none;
	uint64_t *index = map_put(&walk->threads_by_address, m, walk->threads.count, &is_new);
	if (!is_new)
		return &walk->threads.items[*index];
	struct go_thread thread = {0};
	(void)!go_thread_read(walk->runtime, m, &thread);
	return vec_push(&walk->threads, thread);
}

static uint64_t word_at(const struct go_record *g, enum go_field structure, enum go_field member)
{
	const int *offset = g->layout->offset;
	struct reader reader = reader_over(g->bytes, g->size);
	if (offset[structure] < 0 || offset[member] < 0)
		return 0;
	reader_seek(&reader, (uint64_t)offset[structure] + (uint64_t)offset[member]);
	return reader_u64(&reader);
}

static void parse_saved(const struct go_record *g, struct go_saved *saved)
{
	struct reader stack = reader_over(g->bytes, g->size);
	reader_seek(&stack, (uint64_t)g->layout->offset[GO_G_STACK]);
	*saved = (struct go_saved){
		.low = reader_u64(&stack),
		.high = reader_u64(&stack),
		.sp = word_at(g, GO_G_SCHED, GO_GOBUF_SP),
		.pc = word_at(g, GO_G_SCHED, GO_GOBUF_PC),
		.link = word_at(g, GO_G_SCHED, GO_GOBUF_LR),
		.syscall_sp = record_u64(g, GO_G_SYSCALLSP),
		.syscall_pc = record_u64(g, GO_G_SYSCALLPC),
		.thread = record_u64(g, GO_G_M),
		.stopped = record_u8(g, GO_G_TRACKING_SEQ),
	};
	if (saved->high < saved->low || saved->high - saved->low > STACK_BYTES_MAX)
		saved->low = saved->high = 0;
}

static uint32_t parse_status(const struct go_record *g)
{
	return record_u32(g, GO_G_ATOMICSTATUS) & ~(uint32_t)STATUS_SCAN_BIT;
}

static void parse_goroutine(struct walk *walk, const struct go_record *g,
			    struct go_goroutine *goroutine, struct pending *pending)
{
	uint32_t status = parse_status(g);
	*goroutine = (struct go_goroutine){
		.id = record_u64(g, GO_G_GOID),
		.parent_id = record_u64(g, GO_G_PARENT_GOID),
		.status = status < UINT8_MAX ? (uint8_t)status : UINT8_MAX,
		.start_pc = record_u64(g, GO_G_STARTPC),
		.created_by_pc = record_u64(g, GO_G_GOPC),
		.order = goroutine->order,
	};
	goroutine->start = go_calls_find(walk->out->calls, goroutine->start_pc, false);
	// The main goroutine is made by the runtime's own start-up code: nobody's creation.
	if (goroutine->created_by_pc && goroutine->id != 1)
		goroutine->creation =
			go_calls_find(walk->out->calls, goroutine->created_by_pc, false);
	goroutine->system = is_system(walk->runtime, goroutine->start_pc);
	if (status == GO_STATUS_WAITING || status == GO_STATUS_LEAKED)
		goroutine->wait_reason = wait_reason(walk, record_u8(g, GO_G_WAITREASON));
	if (status == GO_STATUS_WAITING || status == GO_STATUS_SYSCALL)
		goroutine->wait_since_ns = (int64_t)record_u64(g, GO_G_WAITSINCE);
	pending->labels = record_u64(g, GO_G_LABELS);
	pending->locked_m = record_u64(g, GO_G_LOCKEDM);
	pending->bubble = record_u64(g, GO_G_BUBBLE);
	parse_saved(g, &pending->saved);
	goroutine->address = pending->address;
	goroutine->waiting = record_u64(g, GO_G_WAITING);
	goroutine->timer = record_u64(g, GO_G_TIMER);
	goroutine->sleep_until_ns = (int64_t)record_u64(g, GO_G_SLEEP_WHEN);
	goroutine->stack_pointer = status == GO_STATUS_SYSCALL && pending->saved.syscall_sp
					   ? pending->saved.syscall_sp
					   : pending->saved.sp;
	goroutine->stack_low = pending->saved.low;
	goroutine->stack_high = pending->saved.high;
	goroutine->is_locked = pending->locked_m != 0;
}

static bool is_dead(uint32_t status)
{
	return status == GO_STATUS_DEAD || status == GO_STATUS_DEAD_EXTRA ||
	       status == GO_STATUS_IDLE;
}

// The first look at a goroutine.
static void visit_goroutine(void *context, const struct target_range *range, const uint8_t *bytes)
{
	struct walk *walk = context;
	if (!bytes) {
		walk->out->unreadable++;
		return;
	}
	struct go_record g = {&walk->runtime->layout, bytes, range->size};
	if (is_dead(parse_status(&g))) {
		walk->out->dead++;
		return;
	}
	struct go_goroutine goroutine = {.order = range->index};
	struct pending pending = {.address = range->start};
	parse_goroutine(walk, &g, &goroutine, &pending);
	vec_push(&walk->out->list, goroutine);
	vec_push(&walk->pending, pending);
}

// Where the walk begins. False, with the reason in the goroutine, when that is not known.
static bool find_start(struct walk *walk, struct go_goroutine *goroutine,
		       const struct go_saved *saved, struct unwind_start *start)
{
	if (goroutine->status == GO_STATUS_COPYSTACK) {
		goroutine->stack_state = GO_STACK_MOVED;
		return false;
	}
	if (goroutine->status != GO_STATUS_RUNNING || saved->syscall_sp) {
		go_start_saved(saved, start);
		return true;
	}
	const struct go_thread *thread = find_thread(walk, saved->thread);
	if (go_start_running(walk->runtime, walk->unwinder, saved, thread, start))
		return true;
	goroutine->stack_state = target_find_thread(walk->runtime->target, (int64_t)thread->id)
					 ? GO_STACK_TORN
					 : GO_STACK_RUNS;
	return false;
}

static void read_stack(struct walk *walk, size_t index, const uint8_t *bytes, size_t size)
{
	struct go_goroutine *goroutine = &walk->out->list.items[index];
	struct unwind_start start;
	goroutine->stack_state = GO_STACK_WHOLE;
	if (!find_start(walk, goroutine, &walk->pending.items[index].saved, &start))
		return;
	start.bytes = bytes;
	start.byte_count = size;
	goroutine->stack = unwind(walk->unwinder, &start);
	if (!goroutine->stack)
		goroutine->stack_state = GO_STACK_TORN;
}

static void visit_stack(void *context, const struct target_range *range, const uint8_t *bytes)
{
	read_stack(context, range->index, bytes, bytes ? range->size : 0);
}

// The part of each stack that is in use, as one range. Those that run are walked at once.
static void read_stacks(struct walk *walk, struct target_range *ranges)
{
	size_t count = 0;
	for (size_t i = 0; i < walk->out->list.count; i++) {
		struct unwind_start start;
		go_start_saved(&walk->pending.items[i].saved, &start);
		if (walk->out->list.items[i].status == GO_STATUS_RUNNING || start.sp < start.low ||
		    start.sp >= start.high) {
			read_stack(walk, i, NULL, 0);
			continue;
		}
		uint64_t size = start.high - start.sp;
		ranges[count++] = (struct target_range){
			.start = start.sp,
			.size = size < STACK_READ_MAX ? (uint32_t)size : STACK_READ_MAX,
			.index = (uint32_t)i,
		};
	}
	target_read_ranges(walk->runtime->target, ranges, count, visit_stack, walk);
}

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
static bool is_same(const struct walk *walk, size_t index, const struct go_record *g)
{
	const struct go_goroutine *goroutine = &walk->out->list.items[index];
	struct go_saved now;
	parse_saved(g, &now);
	return parse_status(g) == goroutine->status && record_u64(g, GO_G_GOID) == goroutine->id &&
	       memcmp(&now, &walk->pending.items[index].saved, sizeof now) == 0;
}

// Reads one goroutine by itself: the structure, the stack and the structure again.
static void read_again(struct walk *walk, size_t index)
{
	struct go_goroutine *goroutine = &walk->out->list.items[index];
	struct pending *pending = &walk->pending.items[index];
	uint8_t bytes[G_STRUCT_MAX];
	struct go_record g = {&walk->runtime->layout, bytes,
			      (size_t)walk->runtime->layout.offset[GO_SIZEOF_G]};
	walk->out->moved++;
	if (!target_read_bulk(walk->runtime->target, pending->address, bytes, g.size, NULL))
		return;
	parse_goroutine(walk, &g, goroutine, pending);
	if (is_dead(goroutine->status))
		return;
	read_stack(walk, index, NULL, 0);
	if (!goroutine->stack ||
	    (target_read_bulk(walk->runtime->target, pending->address, bytes, g.size, NULL) &&
	     is_same(walk, index, &g)))
		return;
	goroutine->stack = NULL;
	goroutine->stack_state = GO_STACK_MOVED;
}

static void visit_again(void *context, const struct target_range *range, const uint8_t *bytes)
{
	struct walk *walk = context;
	struct go_record g = {&walk->runtime->layout, bytes, range->size};
	if (!bytes || is_doubtful(&walk->out->list.items[range->index]) ||
	    !is_same(walk, range->index, &g))
		read_again(walk, range->index);
}

// A goroutine that runs finalizers or cleanups is the program's while it is in the program's code.
static void settle_system(struct go_goroutine *goroutine)
{
	const char *name = goroutine->start->function.name;
	if (!goroutine->system || !goroutine->stack ||
	    (strcmp(name, "runtime.runfinq") != 0 && strcmp(name, "runtime.runFinalizers") != 0 &&
	     strcmp(name, "runtime.runCleanups") != 0))
		return;
	for (size_t i = 0; i < goroutine->stack->count; i++)
		if (strncmp(goroutine->stack->calls[i]->function.name, "runtime.", 8) != 0)
			goroutine->system = false;
}

static uint64_t read_bubble(const struct walk *walk, taddr_t bubble)
{
	const int *offset = walk->runtime->layout.offset;
	uint64_t id;
	return bubble && offset[GO_SYNCTEST_BUBBLE_ID] >= 0 &&
			       target_read_u64(walk->runtime->target,
					       bubble + (uint64_t)offset[GO_SYNCTEST_BUBBLE_ID],
					       &id, NULL)
		       ? id
		       : 0;
}

static int by_order(const void *a, const void *b)
{
	const struct go_goroutine *left = a, *right = b;
	return (left->order > right->order) - (left->order < right->order);
}

// What hangs on each goroutine, and the counts of all. Those that ended meanwhile go.
static void finish(struct walk *walk)
{
	struct go_goroutines *out = walk->out;
	size_t kept = 0;
	target_forget(walk->runtime->target); // labels may be younger than what is cached
	for (size_t i = 0; i < out->list.count; i++) {
		struct go_goroutine *goroutine = &out->list.items[i];
		const struct pending *pending = &walk->pending.items[i];
		if (is_dead(goroutine->status)) {
			out->dead++;
			continue;
		}
		settle_system(goroutine);
		goroutine->labels =
			go_labels_read(&out->label_sets, walk->runtime, pending->labels);
		goroutine->thread_id = find_thread(walk, pending->saved.thread)->id;
		goroutine->locked_thread_id = find_thread(walk, pending->locked_m)->id;
		goroutine->bubble_id = read_bubble(walk, pending->bubble);
		out->user += !goroutine->system;
		out->stacks_running += goroutine->stack_state == GO_STACK_RUNS;
		out->stacks_failed += goroutine->stack_state > GO_STACK_RUNS;
		out->list.items[kept++] = *goroutine;
	}
	out->list.count = kept;
	if (kept)
		qsort(out->list.items, kept, sizeof *out->list.items, by_order);
}

static bool read_addresses(const struct go_runtime *runtime, uint32_t size,
			   struct target_range **ranges, uint64_t *count, struct error *error)
{
	taddr_t all, table;
	if (!go_runtime_symbol(runtime, GO_SYMBOL_ALLGS, &all, error) ||
	    !target_read_u64(runtime->target, all, &table, error) ||
	    !target_read_u64(runtime->target, all + 8, count, error))
		return false;
	if (*count > GOROUTINES_MAX || size > G_STRUCT_MAX)
		return error_set(error, ERROR_BAD_DATA, "%" PRIu64 " goroutines", *count);
	_cleanup_free_ uint8_t *bytes = alloc_try_array(*count, 8);
	*ranges = alloc_try_array(*count, sizeof **ranges);
	if (!bytes || !*ranges)
		return error_set(error, ERROR_LIMIT, "no memory for %" PRIu64 " goroutines",
				 *count);
	if (!target_read_bulk(runtime->target, table, bytes, *count * 8, error))
		return false;
	struct reader reader = reader_over(bytes, *count * 8);
	for (uint64_t i = 0; i < *count; i++)
		(*ranges)[i] = (struct target_range){reader_u64(&reader), size, (uint32_t)i};
	return true;
}

static void look_again(struct walk *walk, struct target_range *ranges)
{
	const struct go_goroutines *out = walk->out;
	uint32_t size = (uint32_t)walk->runtime->layout.offset[GO_SIZEOF_G];
	if (target_is_still(walk->runtime->target))
		return;
	for (size_t i = 0; i < out->list.count; i++)
		ranges[i] =
			(struct target_range){walk->pending.items[i].address, size, (uint32_t)i};
	target_read_ranges(walk->runtime->target, ranges, out->list.count, visit_again, walk);
}

bool go_goroutines_read(const struct go_runtime *runtime, struct go_goroutines *out,
			struct error *error)
{
	_cleanup_free_ struct target_range *ranges = NULL;
	uint64_t count;
	if (!read_addresses(runtime, (uint32_t)runtime->layout.offset[GO_SIZEOF_G], &ranges, &count,
			    error))
		return error_wrap(error, "goroutines");
	struct go_goroutines goroutines = {.calls = go_calls_new(runtime->functab)};
	struct walk walk = {.runtime = runtime, .out = &goroutines};
	walk.unwinder = unwinder_new(runtime, goroutines.calls, &goroutines.stacks);
	target_read_ranges(runtime->target, ranges, count, visit_goroutine, &walk);
	read_stacks(&walk, ranges);
	look_again(&walk, ranges);
	finish(&walk);
	walk_deinit(&walk);
	*out = goroutines;
	return true;
}
