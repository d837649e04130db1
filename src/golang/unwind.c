// SPDX-License-Identifier: Apache-2.0
// In: registers and the bytes of a stack. Out: the calls that are on it.
#include "golang/unwind.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/reader.h"

enum {
	STEPS_MAX = 64 << 20, // of all walks together: hostile stacks must not keep us for ever
	STACK_FRAMES_MAX = 8 << 20, // kept, of all stacks together
	CHUNK_BYTES = 16 << 10,
	LINK_SLOT_BYTES = 16, // arm64: what a signal's handler pushes to save the link register
};

struct unwinder {
	const struct go_runtime *runtime;
	struct go_calls *calls;
	struct go_stacks *stacks;
	int64_t steps_left;
	// The part of the stack at hand: the caller's bytes, then chunks of our own.
	const uint8_t *bytes;
	taddr_t bytes_start;
	size_t byte_count;
	uint8_t chunk[CHUNK_BYTES];
	// The innermost calls and, as a ring, the outermost.
	const struct go_call *kept[UNWIND_INNER + UNWIND_OUTER];
	uint64_t count;  // of all that were seen
	uint64_t elided; // logical frames of those that are not kept
};

// One physical frame; as runtime.stkframe.
struct frame {
	taddr_t pc, sp, link;
	taddr_t caller_sp; // "fp" in the runtime
	const struct go_call *call;
	bool innermost, trap;
};

void go_stacks_deinit(struct go_stacks *stacks)
{
	map_deinit(&stacks->map);
	vec_deinit(&stacks->list);
	arena_deinit(&stacks->arena);
}

struct unwinder *unwinder_new(const struct go_runtime *runtime, struct go_calls *calls,
			      struct go_stacks *stacks)
{
	struct unwinder *unwinder = alloc_zero(sizeof *unwinder);
	unwinder->runtime = runtime;
	unwinder->calls = calls;
	unwinder->stacks = stacks;
	unwinder->steps_left = STEPS_MAX;
	return unwinder;
}

void unwinder_free(struct unwinder *unwinder)
{
	free(unwinder);
}

static bool has_link_register(const struct unwinder *unwinder)
{
	return unwinder->runtime->machine == ELF_MACHINE_ARM64;
}

static bool refill(struct unwinder *unwinder, const struct unwind_start *start, taddr_t address)
{
	size_t left = start->high - address, size = left < CHUNK_BYTES ? left : CHUNK_BYTES;
	if (!target_read_bulk(unwinder->runtime->target, address, unwinder->chunk, size, NULL))
		return false;
	unwinder->bytes = unwinder->chunk;
	unwinder->bytes_start = address;
	unwinder->byte_count = size;
	return true;
}

static bool read_word(struct unwinder *unwinder, const struct unwind_start *start, taddr_t address,
		      taddr_t *word)
{
	if (address < start->low || address >= start->high || start->high - address < 8)
		return false;
	uint64_t offset = address - unwinder->bytes_start;
	if ((address < unwinder->bytes_start || offset + 8 > unwinder->byte_count) &&
	    !refill(unwinder, start, address))
		return false;
	struct reader reader = reader_over(unwinder->bytes, unwinder->byte_count);
	reader_seek(&reader, address - unwinder->bytes_start);
	*word = reader_u64(&reader);
	return reader_ok(&reader);
}

static void keep_call(struct unwinder *unwinder, const struct go_call *call)
{
	uint64_t place = unwinder->count++;
	if (place >= UNWIND_INNER + UNWIND_OUTER) {
		place = UNWIND_INNER + (place - UNWIND_INNER) % UNWIND_OUTER;
		unwinder->elided += unwinder->kept[place]->frame_count;
	}
	unwinder->kept[place] = call;
}

// Finds the caller's stack pointer and return address. False where there is no way on.
static bool resolve(struct unwinder *unwinder, const struct unwind_start *start,
		    struct frame *frame)
{
	const struct go_function *function = &frame->call->function;
	bool link_register = has_link_register(unwinder);
	if (!frame->call->valid || function->frame_size < 0)
		return false;
	frame->caller_sp = frame->sp + (uint64_t)function->frame_size + (link_register ? 0 : 8);
	if (frame->caller_sp < frame->sp || frame->caller_sp > start->high)
		return false;
	// Innermost, such a function is taken at its table's word: the thread still is on this
	// stack. If it was wrong, the walk does not come to its end.
	if (function->writes_sp && frame->call->kind != GO_CALL_CGO_CALLBACK && !frame->innermost &&
	    !function->top)
		return false;
	if (function->top)
		return true;
	if (!link_register)
		return read_word(unwinder, start, frame->caller_sp - 8, &frame->link);
	if ((frame->innermost && frame->sp < frame->caller_sp) || frame->link == 0)
		return read_word(unwinder, start, frame->sp, &frame->link);
	return true;
}

// A signal's handler that pretends a call saves the link register below the frame it came into.
static bool step_over_saved_link(struct unwinder *unwinder, const struct unwind_start *start,
				 struct frame *frame)
{
	taddr_t saved;
	if (!read_word(unwinder, start, frame->sp, &saved))
		return false;
	frame->sp += LINK_SLOT_BYTES;
	frame->call = go_calls_find(unwinder->calls, frame->pc, true);
	if (!frame->call->valid) {
		frame->pc = saved;
		frame->call = go_calls_find(unwinder->calls, saved, true);
	} else if (frame->call->function.frame_size == 0) {
		frame->link = saved;
	}
	return true;
}

// From a frame to its caller's.
static bool step(struct unwinder *unwinder, const struct unwind_start *start, struct frame *frame)
{
	bool injected = frame->call->kind == GO_CALL_INJECTED;
	if (frame->caller_sp == frame->sp && !frame->innermost && !frame->trap)
		return false; // a caller without a frame: there would be no end
	*frame = (struct frame){
		.pc = frame->link,
		.sp = frame->caller_sp,
		.trap = injected,
		.call = go_calls_find(unwinder->calls, frame->link, injected),
	};
	return !injected || !has_link_register(unwinder) ||
	       step_over_saved_link(unwinder, start, frame);
}

static bool walk(struct unwinder *unwinder, const struct unwind_start *start, taddr_t *end)
{
	struct frame frame = {
		.pc = start->pc,
		.sp = start->sp,
		.link = start->link,
		.trap = start->trap,
		.innermost = true,
	};
	if (start->sp < start->low || start->sp >= start->high)
		return false;
	if (frame.pc == 0) { // a call of a nil function
		if (!read_word(unwinder, start, frame.sp, &frame.pc))
			return false;
		frame.link = 0;
		frame.sp += has_link_register(unwinder) ? 0 : 8;
	}
	frame.call = go_calls_find(unwinder->calls, frame.pc, frame.trap);
	while (unwinder->steps_left-- > 0 && resolve(unwinder, start, &frame)) {
		if (frame.call->function.top) {
			*end = frame.caller_sp;
			return true;
		}
		keep_call(unwinder, frame.call);
		if (!step(unwinder, start, &frame))
			return false;
	}
	return false;
}

// Puts the ring of the outermost calls in order; returns how many calls are kept.
static size_t straighten(struct unwinder *unwinder)
{
	const struct go_call *ring[UNWIND_OUTER];
	if (unwinder->count <= UNWIND_INNER + UNWIND_OUTER)
		return unwinder->count;
	memcpy(ring, unwinder->kept + UNWIND_INNER, sizeof ring);
	for (size_t i = 0; i < UNWIND_OUTER; i++)
		unwinder->kept[UNWIND_INNER + i] =
			ring[(unwinder->count - UNWIND_INNER + i) % UNWIND_OUTER];
	return UNWIND_INNER + UNWIND_OUTER;
}

static const struct go_stack *make_stack(struct unwinder *unwinder, size_t count, uint64_t elided)
{
	struct go_stacks *stacks = unwinder->stacks;
	if (count > STACK_FRAMES_MAX - stacks->frames)
		return NULL;
	const struct go_call **calls = arena_array(&stacks->arena, count, sizeof *calls);
	struct go_stack *stack = arena_alloc(&stacks->arena, sizeof *stack);
	if (!calls || !stack)
		return NULL;
	memcpy(calls, unwinder->kept, count * sizeof *calls);
	*stack = (struct go_stack){calls, count, elided, stacks->list.count};
	stacks->frames += count;
	return *vec_push(&stacks->list, stack);
}

// The stack of the calls at hand: one that is there already, or a new one.
static const struct go_stack *intern_stack(struct unwinder *unwinder)
{
	size_t count = straighten(unwinder);
	uint64_t elided = unwinder->elided, hash = hash_u64(elided);
	for (size_t i = 0; i < count; i++)
		hash = hash_mix(hash, (uintptr_t)unwinder->kept[i]);
	struct go_stacks *stacks = unwinder->stacks;
	for (;; hash++) {
		const uint64_t *index = map_find(&stacks->map, hash);
		if (!index)
			break;
		const struct go_stack *stack = stacks->list.items[*index];
		if (stack->count == count && stack->elided == elided &&
		    memcmp(stack->calls, unwinder->kept, count * sizeof *stack->calls) == 0)
			return stack;
	}
	const struct go_stack *stack = make_stack(unwinder, count, elided);
	if (stack)
		map_put(&stacks->map, hash, stack->index, NULL);
	return stack;
}

bool unwind_to_end(struct unwinder *unwinder, const struct unwind_start *start, taddr_t *end)
{
	unwinder->bytes = start->bytes;
	unwinder->bytes_start = start->sp;
	unwinder->byte_count = start->bytes ? start->byte_count : 0;
	unwinder->count = unwinder->elided = 0;
	return walk(unwinder, start, end);
}

const struct go_stack *unwind(struct unwinder *unwinder, const struct unwind_start *start)
{
	taddr_t end;
	return unwind_to_end(unwinder, start, &end) ? intern_stack(unwinder) : NULL;
}
