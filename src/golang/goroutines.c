// SPDX-License-Identifier: Apache-2.0
// In: runtime.allgs. Out: goroutines with their states, creators and, where they wait, stacks.
#include "golang/goroutines.h"

#include <inttypes.h>
#include <string.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/reader.h"

enum {
	GOROUTINES_MAX = 16 << 20,
	FRAMES_MAX = 128,
	FRAMES_BUDGET = 8 << 20, // of all goroutines together
	G_STRUCT_MAX = 1024,
	WAIT_REASONS_MAX = 128,
	REASON_BYTES_MAX = 64,
	STATUS_SCAN_BIT = 0x1000,
	STACK_BYTES_MAX = 1 << 30,
};

void go_goroutines_deinit(struct go_goroutines *goroutines)
{
	vec_deinit(&goroutines->list);
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

struct walk {
	int64_t frames_left; // hostile tables must not keep us for ever
	const struct go_runtime *runtime;
	struct go_goroutines *out;
	const char *wait_reasons[WAIT_REASONS_MAX];
};

// The runtime's own words for what a goroutine waits for, read from its table of strings.
static const char *wait_reason(struct walk *walk, uint8_t reason)
{
	taddr_t table = walk->runtime->symbols[GO_SYMBOL_WAIT_REASONS];
	struct target *target = walk->runtime->target;
	uint64_t text, length;
	char buffer[REASON_BYTES_MAX];
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

// Walks a stack by the tables of frame sizes. Appends logical frames to `pcs`. True when the walk
// came to the goroutine's end.
static bool unwind(struct walk *walk, taddr_t pc, taddr_t sp, taddr_t stack_high, taddr_t *pcs,
		   size_t *count)
{
	struct functab *functab = walk->runtime->functab;
	*count = 0;
	while (*count < FRAMES_MAX) {
		taddr_t return_pc = pc;
		if (walk->frames_left-- <= 0)
			return false;
		const struct go_frame *frame = functab_frame(functab, return_pc);
		if (!frame->valid)
			return false;
		if (strcmp(frame->function, "runtime.goexit") == 0)
			return true;
		pcs[*count] = return_pc;
		*count += functab_expand_last(functab, &pcs[*count], 1, FRAMES_MAX - *count);
		int64_t size = functab_frame_size(functab, return_pc - 1);
		if (size < 0 || sp + (uint64_t)size + 8 > stack_high ||
		    !target_read_u64(walk->runtime->target, sp + (uint64_t)size, &pc, NULL))
			return false;
		sp += (uint64_t)size + 8;
	}
	return true; // deeper than we keep
}

static void read_stack(struct walk *walk, const struct go_record *g, struct go_goroutine *goroutine)
{
	const struct go_layout *layout = &walk->runtime->layout;
	struct reader reader = reader_over(g->bytes, g->size);
	reader_seek(&reader, (uint64_t)layout->offset[GO_G_SCHED] + layout->offset[GO_GOBUF_SP]);
	taddr_t sp = reader_u64(&reader);
	reader_seek(&reader, (uint64_t)layout->offset[GO_G_SCHED] + layout->offset[GO_GOBUF_PC]);
	taddr_t pc = reader_u64(&reader);
	reader_seek(&reader, (uint64_t)layout->offset[GO_G_STACK] + 8);
	taddr_t high = reader_u64(&reader);
	if (goroutine->status == GO_STATUS_SYSCALL) {
		sp = record_u64(g, GO_G_SYSCALLSP);
		pc = record_u64(g, GO_G_SYSCALLPC);
	}
	taddr_t pcs[FRAMES_MAX];
	size_t count = 0;
	if (!unwind(walk, pc, sp, high, pcs, &count)) {
		walk->out->stacks_failed++;
		return;
	}
	taddr_t *copy = arena_array(&walk->out->arena, count, sizeof *copy);
	if (copy && count)
		memcpy(copy, pcs, count * sizeof *copy);
	goroutine->stack = copy;
	goroutine->depth = copy ? count : 0;
}

// As runtime.isSystemGoroutine. A goroutine that runs finalizers or cleanups counts as the
// runtime's own here even while it is in user code.
static bool is_system(const struct go_runtime *runtime, taddr_t start_pc)
{
	const char *name = functab_name(runtime->functab, start_pc);
	return name && strncmp(name, "runtime.", 8) == 0 && strcmp(name, "runtime.main") != 0 &&
	       strcmp(name, "runtime.corostart") != 0 &&
	       strcmp(name, "runtime.handleAsyncEvent") != 0;
}

static void add_goroutine(struct walk *walk, const struct go_record *g)
{
	const struct go_layout *layout = &walk->runtime->layout;
	struct go_goroutines *out = walk->out;
	struct go_goroutine goroutine = {
		.id = record_u64(g, GO_G_GOID),
		.status = record_u32(g, GO_G_ATOMICSTATUS) & ~(uint32_t)STATUS_SCAN_BIT,
		.start_pc = record_u64(g, GO_G_STARTPC),
		.created_by_pc = record_u64(g, GO_G_GOPC),
	};
	if (goroutine.status == GO_STATUS_DEAD || goroutine.status == GO_STATUS_DEAD_EXTRA ||
	    goroutine.status == GO_STATUS_IDLE) {
		out->dead++;
		return;
	}
	struct reader reader = reader_over(g->bytes, g->size);
	reader_seek(&reader, (uint64_t)layout->offset[GO_G_STACK]);
	taddr_t low = reader_u64(&reader), high = reader_u64(&reader);
	goroutine.stack_bytes = high > low && high - low < STACK_BYTES_MAX ? high - low : 0;
	goroutine.system = is_system(walk->runtime, goroutine.start_pc);
	if (goroutine.status == GO_STATUS_WAITING || goroutine.status == GO_STATUS_LEAKED) {
		goroutine.wait_reason = wait_reason(walk, record_u8(g, GO_G_WAITREASON));
		goroutine.wait_since_ns = (int64_t)record_u64(g, GO_G_WAITSINCE);
	}
	if (goroutine.status != GO_STATUS_RUNNING && goroutine.status != GO_STATUS_COPYSTACK)
		read_stack(walk, g, &goroutine);
	out->user += !goroutine.system;
	vec_push(&out->list, goroutine);
}

bool go_goroutines_read(const struct go_runtime *runtime, struct go_goroutines *out,
			struct error *error)
{
	taddr_t all, table;
	uint64_t count;
	size_t size = (size_t)runtime->layout.offset[GO_SIZEOF_G];
	if (!go_runtime_symbol(runtime, GO_SYMBOL_ALLGS, &all, error) ||
	    !target_read_u64(runtime->target, all, &table, error) ||
	    !target_read_u64(runtime->target, all + 8, &count, error))
		return error_wrap(error, "goroutines");
	if (count > GOROUTINES_MAX || size > G_STRUCT_MAX)
		return error_set(error, ERROR_BAD_DATA, "%" PRIu64 " goroutines", count);
	_cleanup_free_ taddr_t *addresses = alloc_try_array(count, sizeof *addresses);
	if (!addresses)
		return error_set(error, ERROR_LIMIT, "no memory for %" PRIu64 " goroutines", count);
	if (!target_read_bulk(runtime->target, table, addresses, count * sizeof *addresses, error))
		return error_wrap(error, "goroutines");
	struct go_goroutines goroutines = {0};
	struct walk walk = {.frames_left = FRAMES_BUDGET, .runtime = runtime, .out = &goroutines};
	for (uint64_t i = 0; i < count; i++) {
		uint8_t bytes[G_STRUCT_MAX];
		struct go_record g = {&runtime->layout, bytes, size};
		if (target_read(runtime->target, addresses[i], bytes, size, NULL))
			add_goroutine(&walk, &g);
	}
	*out = goroutines;
	return true;
}
