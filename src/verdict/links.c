// SPDX-License-Identifier: Apache-2.0
// In: a kind of goroutine, the heap by stacks. Out: what was allocated in such goroutines, or to
// make them: when they leak, it leaks with them.
#include <stdlib.h>
#include <string.h>

#include "verdict/frames.h"
#include "verdict/sites.h"

enum {
	LINK_FRAMES = 12,
	FOLLOWING_MIN = 20,
	OBJECTS_EACH = 8,
	ONE_EACH_MIN = 50,
	ONE_EACH_BYTES_MIN = 16 << 10,
	ONE_EACH_ASKED = 16,
};

// What one function made of one size.
struct made {
	int64_t objects, bytes;
};

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

static void add_up(int64_t *sum, int64_t value)
{
	if (__builtin_add_overflow(*sum, value, sum))
		*sum = value < 0 ? INT64_MIN / 4 : INT64_MAX / 4;
}

static int64_t objects_of(const struct heap_view *heap, const struct heap_stack *stack)
{
	return heap->objects == PROFILE_NONE ? 0 : stack->row->values[heap->objects];
}

static bool is_near(int64_t objects, uint64_t count, double factor)
{
	return (double)objects >= (double)count / factor &&
	       (double)objects <= (double)count * factor;
}

static int64_t object_size_of(const struct heap_view *heap, const struct heap_stack *stack)
{
	int64_t objects = objects_of(heap, stack);
	return objects > 0 ? stack->row->value / objects : 0;
}

static const char *own_function(const struct heap_stack *stack)
{
	return stack->own < 0 ? "" : stack->row->stack.frames[stack->own]->function;
}

// Made by the same function, and as large. A size that comes of scaled counts is not exact.
static bool is_same(const struct heap_view *heap, const struct heap_stack *stack, int64_t size,
		    const char *function)
{
	return llabs(object_size_of(heap, stack) - size) <= size / 64 &&
	       strcmp(own_function(stack), function) == 0;
}

static struct made sum_made(const struct heap_view *heap, int64_t size, const char *function)
{
	struct made made = {0};
	VEC_FOREACH (stack, &heap->list)
		if (is_same(heap, stack, size, function)) {
			add_up(&made.objects, objects_of(heap, stack));
			add_up(&made.bytes, stack->value);
		}
	return made;
}

static bool is_linked(const struct heap_stack *stack, const struct wait_group *group,
		      const char *const *holds)
{
	const struct profile_stack *frames = &stack->row->stack;
	return (holds &&
		frames_match_any(holds, frames, count_called(stack), heap_frame_function)) ||
	       in_goroutine(stack, group) || by_creator(stack, group);
}

static int64_t sum_linked(const struct heap_view *heap, const struct wait_group *group,
			  const char *const *holds)
{
	int64_t sum = 0;
	VEC_FOREACH (stack, &heap->list)
		if (is_linked(stack, group, holds))
			add_up(&sum, stack->value);
	return sum;
}

static bool was_asked(const struct heap_view *heap, size_t index)
{
	const struct heap_stack *stack = &heap->list.items[index];
	for (size_t i = 0; i < index; i++)
		if (is_same(heap, &heap->list.items[i], object_size_of(heap, stack),
			    own_function(stack)))
			return true;
	return false;
}

// One for each goroutine, now and before, is made along with it, wherever that is. Sampled counts
// of large objects are near enough to tell; of small ones nothing would follow. The largest come
// first.
static void add_one_each(const struct evidence *evidence, struct wait_group *group,
			 const char *const *holds)
{
	const struct heap_view *now = &evidence->heap, *before = &evidence->heap_before;
	if (!evidence->groups_by_growth || !before->stacks || group->before < ONE_EACH_MIN)
		return;
	for (size_t i = 0; i < now->list.count && i < ONE_EACH_ASKED; i++) {
		const struct heap_stack *stack = &now->list.items[i];
		int64_t size = object_size_of(now, stack);
		if (stack->own < 0 || size < ONE_EACH_BYTES_MIN || was_asked(now, i) ||
		    is_linked(stack, group, holds))
			continue;
		struct made made = sum_made(now, size, own_function(stack));
		struct made made_before = sum_made(before, size, own_function(stack));
		if (!is_near(made.objects, group->count, 1.25) ||
		    !is_near(made_before.objects, group->before, 1.5))
			continue;
		add_up(&group->holds, made.bytes);
		add_up(&group->holds_before, made_before.bytes);
	}
}

// One thing or a few for each of them: a request's buffers, not what a function has collected.
static bool waits_with(const struct heap_stack *stack, const struct wait_group *group)
{
	return stack->objects >= (int64_t)group->count / 2 &&
	       stack->objects <= (int64_t)group->count * OBJECTS_EACH && in_goroutine(stack, group);
}

static void mark_following(struct evidence *evidence, const struct wait_group *group)
{
	VEC_FOREACH (stack, &evidence->heap.list) {
		if (stack->follows || !waits_with(stack, group))
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
	add_one_each(evidence, group, holds);
}
