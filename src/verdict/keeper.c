// SPDX-License-Identifier: Apache-2.0
// In: a site, the heap by stacks, the kinds of allocations. Out: the function on the way to it, or
// beside it, that has a large map of its own.
#include "verdict/keeper.h"

#include <string.h>

// A table of some hundred entries: smaller ones are parts of single values, or garbage soon.
static const double TABLE_BYTES_MIN = 4 << 10;

static const char *function_at(const struct heap_stack *stack, int64_t index)
{
	return stack->row->stack.frames[index]->function;
}

static bool has_map(const struct evidence *evidence, const char *function, double *bytes)
{
	const struct fact_kind *kinds = facts_find_kind(evidence->now, function);
	if (!kinds || kinds->largest[ALLOC_MAP] < TABLE_BYTES_MIN)
		return false;
	*bytes = kinds->bytes[ALLOC_MAP];
	return *bytes > 0;
}

// Where in the function its own allocations are, of which the map is one.
static void find_place(const struct evidence *evidence, struct verdict_frame *frame)
{
	int64_t most = 0;
	VEC_FOREACH (stack, &evidence->heap.list) {
		if (stack->own != 0 || stack->value <= most ||
		    strcmp(function_at(stack, 0), frame->function) != 0)
			continue;
		most = stack->value;
		frame->line = stack->row->stack.frames[0]->line;
		frame->file = stack->row->stack.frames[0]->file;
	}
}

static bool is_own(const struct evidence *evidence, const char *function)
{
	return code_owner_of(evidence->now->identity, function) == CODE_OWN;
}

static bool on_the_way(const struct evidence *evidence, const struct heap_stack *stack,
		       const char *function, struct keeper *out)
{
	const struct profile_stack *frames = &stack->row->stack;
	for (int64_t i = stack->own + 1; i < frames->count; i++) {
		const struct profile_frame *frame = frames->frames[i];
		if (strcmp(frame->function, function) == 0 || !is_own(evidence, frame->function) ||
		    !has_map(evidence, frame->function, &out->map_bytes))
			continue;
		out->frame = (struct verdict_frame){frame->function, frame->file, frame->line};
		find_place(evidence, &out->frame);
		return true;
	}
	return false;
}

// The own function that called the one at fault: a loader's caller, which then stores what it got.
static const struct profile_frame *caller_of(const struct evidence *evidence,
					     const struct heap_stack *stack)
{
	const struct profile_stack *frames = &stack->row->stack;
	if (stack->own + 1 >= frames->count ||
	    !is_own(evidence, frames->frames[stack->own + 1]->function))
		return NULL;
	return frames->frames[stack->own + 1];
}

// Tables grow in steps, not each time that somebody looks, and the profile is a sample.
static bool map_stays(const struct evidence *evidence, const char *function, double bytes)
{
	const struct fact_kind *before =
		evidence->before ? facts_find_kind(evidence->before, function) : NULL;
	return !before || bytes >= before->bytes[ALLOC_MAP] / 2;
}

// What the same caller calls as well, and has a map that grows. Two such are none: who knows which.
static bool beside(const struct evidence *evidence, const struct profile_frame *caller,
		   const char *function, struct keeper *out)
{
	double bytes;
	const char *found = NULL;
	VEC_FOREACH (stack, &evidence->heap.list) {
		const struct profile_frame *same =
			stack->own < 0 ? NULL : caller_of(evidence, stack);
		const char *other = same ? function_at(stack, stack->own) : NULL;
		if (!same || strcmp(same->function, caller->function) != 0 ||
		    strcmp(other, function) == 0 || (found && strcmp(other, found) == 0) ||
		    !has_map(evidence, other, &bytes) || !map_stays(evidence, other, bytes))
			continue;
		if (found)
			return false;
		const struct profile_frame *frame = stack->row->stack.frames[stack->own];
		found = other;
		out->map_bytes = bytes;
		out->caller = caller->function;
		out->frame = (struct verdict_frame){frame->function, frame->file, frame->line};
		find_place(evidence, &out->frame);
	}
	return found != NULL;
}

bool keeper_find(const struct evidence *evidence, const struct site *site, struct keeper *out)
{
	const struct heap_stack *largest = NULL;
	*out = (struct keeper){.caller = ""};
	if (!evidence->now->identity)
		return false;
	VEC_FOREACH (stack, &evidence->heap.list) {
		if (stack->own < 0 ||
		    strcmp(function_at(stack, stack->own), site->frame.function) != 0)
			continue;
		if (on_the_way(evidence, stack, site->frame.function, out))
			return true;
		if (!largest || stack->value > largest->value)
			largest = stack;
	}
	const struct profile_frame *caller = largest ? caller_of(evidence, largest) : NULL;
	double own;
	return caller && !has_map(evidence, site->frame.function, &own) &&
	       beside(evidence, caller, site->frame.function, out);
}
