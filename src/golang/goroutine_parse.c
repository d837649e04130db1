// SPDX-License-Identifier: Apache-2.0
// In: the bytes of a runtime.g. Out: the goroutine, and what else is needed to read it.
#include <string.h>

#include "base/reader.h"
#include "golang/goroutines_priv.h"

enum {
	STATUS_SCAN_BIT = 0x1000,
	REASON_BYTES_MAX = 64,
	STACK_BYTES_MAX = 1 << 30,
};

// The runtime's own words for what a goroutine waits for, read from its table of strings.
static const char *wait_reason(struct go_goroutine_reading *reading, uint8_t reason)
{
	taddr_t table = reading->runtime->symbols[GO_SYMBOL_WAIT_REASONS];
	struct target *target = reading->runtime->target;
	uint64_t text, length;
	char buffer[REASON_BYTES_MAX];
	if (reason == 0)
		return NULL; // none was given
	if (reason >= WAIT_REASONS_MAX)
		return "unknown wait reason";
	if (reading->wait_reasons[reason])
		return reading->wait_reasons[reason];
	const char *name = NULL;
	if (table && target_read_u64(target, table + 16 * reason, &text, NULL) &&
	    target_read_u64(target, table + 16 * reason + 8, &length, NULL) && length > 0 &&
	    length < sizeof buffer && target_read(target, text, buffer, length, NULL))
		name = arena_string(&reading->out.arena, buffer, length);
	return reading->wait_reasons[reason] = name ? name : "unknown wait reason";
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

const struct go_thread *goroutine_thread(struct go_goroutine_reading *reading, taddr_t m)
{
	static const struct go_thread none;
	bool is_new;
	if (!m)
		return &none;
	uint64_t *index = map_put(&reading->threads_by_address, m, reading->threads.count, &is_new);
	if (!is_new)
		return &reading->threads.items[*index];
	struct go_thread thread = {0};
	(void)!go_thread_read(reading->runtime, m, &thread);
	return vec_push(&reading->threads, thread);
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

void goroutine_parse_saved(const struct go_record *g, struct go_saved *saved)
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

uint32_t goroutine_parse_status(const struct go_record *g)
{
	return record_u32(g, GO_G_ATOMICSTATUS) & ~(uint32_t)STATUS_SCAN_BIT;
}

void goroutine_parse(struct go_goroutine_reading *reading, const struct go_record *g,
		     struct go_goroutine *goroutine, struct pending *pending)
{
	uint32_t status = goroutine_parse_status(g);
	*goroutine = (struct go_goroutine){
		.id = record_u64(g, GO_G_GOID),
		.parent_id = record_u64(g, GO_G_PARENT_GOID),
		.status = status < UINT8_MAX ? (uint8_t)status : UINT8_MAX,
		.start_pc = record_u64(g, GO_G_STARTPC),
		.created_by_pc = record_u64(g, GO_G_GOPC),
		.order = goroutine->order,
	};
	goroutine->start = go_calls_find(reading->out.calls, goroutine->start_pc, false);
	// The main goroutine is made by the runtime's own start-up code: nobody's creation.
	if (goroutine->created_by_pc && goroutine->id != 1)
		goroutine->creation =
			go_calls_find(reading->out.calls, goroutine->created_by_pc, false);
	goroutine->system = is_system(reading->runtime, goroutine->start_pc);
	if (status == GO_STATUS_WAITING || status == GO_STATUS_LEAKED)
		goroutine->wait_reason = wait_reason(reading, record_u8(g, GO_G_WAITREASON));
	if (status == GO_STATUS_WAITING || status == GO_STATUS_SYSCALL)
		goroutine->wait_since_ns = (int64_t)record_u64(g, GO_G_WAITSINCE);
	pending->labels = record_u64(g, GO_G_LABELS);
	pending->locked_m = record_u64(g, GO_G_LOCKEDM);
	pending->bubble = record_u64(g, GO_G_BUBBLE);
	goroutine_parse_saved(g, &pending->saved);
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

bool goroutine_is_dead(uint32_t status)
{
	return status == GO_STATUS_DEAD || status == GO_STATUS_DEAD_EXTRA ||
	       status == GO_STATUS_IDLE;
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

static uint64_t read_bubble(const struct go_goroutine_reading *reading, taddr_t bubble)
{
	const int *offset = reading->runtime->layout.offset;
	uint64_t id;
	return bubble && offset[GO_SYNCTEST_BUBBLE_ID] >= 0 &&
			       target_read_u64(reading->runtime->target,
					       bubble + (uint64_t)offset[GO_SYNCTEST_BUBBLE_ID],
					       &id, NULL)
		       ? id
		       : 0;
}

// What hangs on a goroutine.
void goroutine_settle(struct go_goroutine_reading *reading, size_t index)
{
	struct go_goroutine *goroutine = &reading->out.list.items[index];
	const struct pending *pending = &reading->pending.items[index];
	settle_system(goroutine);
	goroutine->labels =
		go_labels_read(&reading->out.label_sets, reading->runtime, pending->labels);
	goroutine->thread_id = goroutine_thread(reading, pending->saved.thread)->id;
	goroutine->locked_thread_id = goroutine_thread(reading, pending->locked_m)->id;
	goroutine->bubble_id = read_bubble(reading, pending->bubble);
}
