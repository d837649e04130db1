// SPDX-License-Identifier: Apache-2.0
// In: a kind of goroutine, the heap by stacks. Out: what was allocated in such goroutines, or to
// make them: when they leak, it leaks with them.
#include <string.h>

#include "verdict/frames.h"
#include "verdict/sites.h"

enum { LINK_FRAMES = 12, FOLLOWING_MIN = 20, OBJECTS_EACH = 8 };

// Functions that have everything below them say nothing.
static bool is_common(const char *function)
{
	return frame_matches("main.main|runtime...|net/http.(*conn).serve|net/http.(*Server)...|"
			     "net/http.serverHandler...|net/http.HandlerFunc...|"
			     "net/http.(*ServeMux)...",
			     function);
}

static bool in_stack(const struct profile_stack *stack, const char *function)
{
	for (uint32_t i = 0; i < stack->count; i++)
		if (strcmp(stack->frames[i]->function, function) == 0)
			return true;
	return false;
}

// What the creator allocates itself, to hand it over, as far as it is the program's own.
static bool by_creator(const struct heap_stack *stack, const struct wait_group *group)
{
	const char *creator = group->example->created_by.function;
	if (!creator[0] || is_common(creator))
		return false;
	if (stack->own >= 0 && strcmp(stack->row->stack.frames[stack->own]->function, creator) == 0)
		return true;
	return !group->own && in_stack(&stack->row->stack, creator);
}

static bool in_goroutine(const struct heap_stack *stack, const struct wait_group *group)
{
	const struct goroutine_group *example = group->example;
	if (example->start.function[0] && !is_common(example->start.function) &&
	    in_stack(&stack->row->stack, example->start.function))
		return true;
	for (size_t i = 0; i < example->depth && i < LINK_FRAMES; i++)
		if (!is_common(example->frames[i].function) &&
		    strncmp(example->frames[i].function, "internal/", 9) != 0 &&
		    strncmp(example->frames[i].function, "sync.", 5) != 0 &&
		    strncmp(example->frames[i].function, "net.", 4) != 0 &&
		    in_stack(&stack->row->stack, example->frames[i].function))
			return true;
	return false;
}

static int64_t sum_linked(const struct heap_view *heap, const struct wait_group *group,
			  const char *const *holds)
{
	int64_t sum = 0;
	VEC_FOREACH (stack, &heap->list) {
		const struct profile_stack *frames = &stack->row->stack;
		if ((holds &&
		     frames_match_any(holds, frames, count_called(stack), heap_frame_function)) ||
		    in_goroutine(stack, group) || by_creator(stack, group))
			if (__builtin_add_overflow(sum, stack->value, &sum))
				return INT64_MAX / 4;
	}
	return sum;
}

// One thing or a few for each of them: a request's buffers, not what a function has collected.
static bool waits_with(const struct evidence *evidence, const struct heap_stack *stack,
		       const struct wait_group *group)
{
	uint32_t type = evidence->heap.objects;
	int64_t objects = type == PROFILE_NONE ? 0 : stack->row->values[type];
	return objects >= (int64_t)group->count / 2 &&
	       objects <= (int64_t)group->count * OBJECTS_EACH && in_goroutine(stack, group);
}

static void mark_following(struct evidence *evidence, const struct wait_group *group)
{
	VEC_FOREACH (stack, &evidence->heap.list) {
		if (stack->follows || !waits_with(evidence, stack, group))
			continue;
		stack->follows = true;
		if (__builtin_add_overflow(evidence->following_bytes, stack->value,
					   &evidence->following_bytes))
			evidence->following_bytes = INT64_MAX / 4;
	}
}

void evidence_find_following(struct evidence *evidence)
{
	if (!onsets_is_consequence(&evidence->now->onsets, COURSE_GOROUTINES))
		return;
	evidence->goroutines_follow = true;
	VEC_FOREACH (group, &evidence->groups)
		if (wait_group_rise(evidence, group) >= FOLLOWING_MIN)
			mark_following(evidence, group);
}

void wait_group_link(const struct evidence *evidence, struct wait_group *group,
		     const char *const *holds, const char *along)
{
	group->along = along;
	group->holds = sum_linked(&evidence->heap, group, holds);
	group->holds_before = sum_linked(&evidence->heap_before, group, holds);
}
