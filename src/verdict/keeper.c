// SPDX-License-Identifier: Apache-2.0
// In: a site, the heap by stacks, the kinds of allocations. Out: the function on the way to it, or
// beside it, that has a large map or slice of its own.
#include "verdict/keeper.h"

#include <string.h>

// A table of some hundred entries: smaller ones are parts of single values, or garbage soon.
static const double TABLE_BYTES_MIN = 4 << 10;
// Of one element of a slice: a pointer, half of it for what is estimated; a struct of some
// pointers.
static const double ELEMENT_BYTES_MIN = 4, ELEMENT_BYTES_MAX = 64;
static const double SLICE_GROWS = 1.5;

// What is asked for: who keeps what of this site, in which kind of table.
struct search {
	const struct evidence *evidence;
	const struct site *site;
	enum alloc_kind kind; // ALLOC_MAP, or ALLOC_APPEND: a slice
};

static const char *function_at(const struct heap_stack *stack, int64_t index)
{
	return stack->row->stack.frames[index]->function;
}

// A slice that keeps the objects has room for as many; many functions have one for other things.
static bool has_table(const struct search *search, const char *function, double *bytes)
{
	const struct fact_kind *kinds = facts_find_kind(search->evidence->now, function);
	double objects = (double)search->site->objects;
	if (!kinds || kinds->largest[search->kind] < TABLE_BYTES_MIN)
		return false;
	*bytes = kinds->bytes[search->kind];
	if (search->kind != ALLOC_APPEND)
		return *bytes > 0;
	double largest = kinds->largest[search->kind];
	return largest >= ELEMENT_BYTES_MIN * objects && largest <= ELEMENT_BYTES_MAX * objects &&
	       *bytes > 0;
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

// Tables grow in steps, not each time that somebody looks, and the profile is a sample. But a slice
// that keeps half as much again is longer.
static bool table_stays(const struct search *search, const char *function, double bytes)
{
	const struct facts *before = search->evidence->before;
	const struct fact_kind *kinds = before ? facts_find_kind(before, function) : NULL;
	const struct site *site = search->site;
	if (!kinds)
		return true;
	if (search->kind == ALLOC_APPEND && site->before_bytes > 0 &&
	    (double)site->bytes >= SLICE_GROWS * (double)site->before_bytes)
		return bytes > kinds->bytes[search->kind];
	return bytes >= kinds->bytes[search->kind] / 2;
}

static bool on_the_way(const struct search *search, const struct heap_stack *stack,
		       struct keeper *out)
{
	const struct evidence *evidence = search->evidence;
	const char *function = search->site->frame.function;
	const struct profile_stack *frames = &stack->row->stack;
	for (int64_t i = stack->own + 1; i < frames->count; i++) {
		const struct profile_frame *frame = frames->frames[i];
		if (strcmp(frame->function, function) == 0 || !is_own(evidence, frame->function) ||
		    !has_table(search, frame->function, &out->table_bytes) ||
		    (search->kind == ALLOC_APPEND &&
		     !table_stays(search, frame->function, out->table_bytes)))
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

// What the same caller calls as well, and has a table that grows. Two such are none: who knows
// which.
static bool beside(const struct search *search, const struct profile_frame *caller,
		   struct keeper *out)
{
	const struct evidence *evidence = search->evidence;
	const char *found = NULL, *function = search->site->frame.function;
	double bytes;
	VEC_FOREACH (stack, &evidence->heap.list) {
		const struct profile_frame *same =
			stack->own < 0 ? NULL : caller_of(evidence, stack);
		const char *other = same ? function_at(stack, stack->own) : NULL;
		if (!same || strcmp(same->function, caller->function) != 0 ||
		    strcmp(other, function) == 0 || (found && strcmp(other, found) == 0) ||
		    !has_table(search, other, &bytes) || !table_stays(search, other, bytes))
			continue;
		if (found)
			return false;
		const struct profile_frame *frame = stack->row->stack.frames[stack->own];
		found = other;
		out->table_bytes = bytes;
		out->caller = caller->function;
		out->frame = (struct verdict_frame){frame->function, frame->file, frame->line};
		find_place(evidence, &out->frame);
	}
	return found != NULL;
}

static bool find(const struct search *search, struct keeper *out)
{
	const struct heap_stack *largest = NULL;
	const char *function = search->site->frame.function;
	double own;
	*out = (struct keeper){.caller = "", .slice = search->kind == ALLOC_APPEND};
	VEC_FOREACH (stack, &search->evidence->heap.list) {
		if (stack->own < 0 || strcmp(function_at(stack, stack->own), function) != 0)
			continue;
		if (on_the_way(search, stack, out))
			return true;
		if (!largest || stack->value > largest->value)
			largest = stack;
	}
	const struct profile_frame *caller = largest ? caller_of(search->evidence, largest) : NULL;
	return caller && !has_table(search, function, &own) && beside(search, caller, out);
}

// Then it keeps what it makes, or nobody knows.
static bool has_own_table(const struct evidence *evidence, const struct site *site)
{
	const struct fact_kind *kinds = facts_find_kind(evidence->now, site->frame.function);
	return kinds && (kinds->largest[ALLOC_MAP] >= TABLE_BYTES_MIN ||
			 kinds->largest[ALLOC_APPEND] >= TABLE_BYTES_MIN);
}

bool keeper_find(const struct evidence *evidence, const struct site *site, struct keeper *out)
{
	struct search map = {evidence, site, ALLOC_MAP}, slice = {evidence, site, ALLOC_APPEND};
	if (!evidence->now->identity)
		return false;
	return find(&map, out) || (!has_own_table(evidence, site) && find(&slice, out));
}
