// SPDX-License-Identifier: Apache-2.0
// In: a site, the heap by stacks, the kinds of allocations. Out: the function on the way to it that
// has a large map of its own.
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

bool keeper_find(const struct evidence *evidence, const struct site *site, struct keeper *out)
{
	VEC_FOREACH (stack, &evidence->heap.list) {
		const struct profile_stack *frames = &stack->row->stack;
		if (stack->own < 0 || !evidence->now->identity ||
		    strcmp(function_at(stack, stack->own), site->frame.function) != 0)
			continue;
		for (int64_t i = stack->own + 1; i < frames->count; i++) {
			const struct profile_frame *frame = frames->frames[i];
			if (strcmp(frame->function, site->frame.function) == 0 ||
			    code_owner_of(evidence->now->identity, frame->function) != CODE_OWN ||
			    !has_map(evidence, frame->function, &out->map_bytes))
				continue;
			out->frame =
				(struct verdict_frame){frame->function, frame->file, frame->line};
			find_place(evidence, &out->frame);
			return true;
		}
	}
	return false;
}
