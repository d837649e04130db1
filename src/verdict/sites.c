// SPDX-License-Identifier: Apache-2.0
// In: the heap profile now and at the baseline. Out: bytes by function of the program's own code.
#include "verdict/sites.h"

#include <string.h>

#include "verdict/frames.h"

enum { CHAIN_FRAMES = 3 };

void sites_deinit(struct sites *sites)
{
	map_deinit(&sites->by_function);
	vec_deinit(&sites->list);
	*sites = (struct sites){0};
}

const char *heap_frame_function(const void *stack, size_t index)
{
	return ((const struct profile_stack *)stack)->frames[index]->function;
}

size_t count_called(const struct heap_stack *stack)
{
	return stack->own < 0 ? stack->row->stack.count : (size_t)stack->own;
}

static bool passes(const struct sites_filter *filter, const struct heap_stack *stack)
{
	const struct profile_stack *frames = &stack->row->stack;
	size_t called = count_called(stack), depth = filter->called ? called : frames->count;
	if ((stack->own < 0 && !filter->ownerless) || stack->follows)
		return false;
	if (filter->stack && !frames_match(filter->stack, frames, depth, heap_frame_function))
		return false;
	return !filter->without ||
	       !frames_match_any(filter->without, frames, called, heap_frame_function);
}

static const char *find_entry(const struct evidence *evidence, const struct profile_stack *stack)
{
	const struct snapshot_identity *identity = evidence->now->identity;
	for (uint32_t i = stack->count; identity && i-- > 0;)
		if (code_owner_of(identity, stack->frames[i]->function) == CODE_OWN)
			return stack->frames[i]->function;
	return "";
}

static int64_t object_size(const struct evidence *evidence, const struct heap_stack *stack)
{
	uint32_t type = evidence->heap.objects;
	int64_t objects = type == PROFILE_NONE ? 0 : stack->row->values[type];
	return objects > 0 ? stack->row->value / objects : 0;
}

static struct site *site_of(const struct evidence *evidence, struct sites *sites,
			    const struct heap_stack *stack, int64_t at, bool baseline)
{
	static const struct profile_frame nobody = {.function = "", .file = ""};
	const struct profile_frame *frame = at < 0 ? &nobody : stack->row->stack.frames[at];
	bool is_new;
	uint64_t *index =
		map_put(&sites->by_function, hash_bytes(frame->function, strlen(frame->function)),
			sites->list.count, &is_new);
	if (is_new)
		vec_push(&sites->list, {.callee = "", .entry = ""});
	struct site *site = &sites->list.items[*index];
	// What was large at the baseline does not say where it is large now.
	if (is_new || (!baseline && stack->value > site->largest_stack_bytes)) {
		site->largest_stack_bytes = stack->value;
		site->largest_stack_object = object_size(evidence, stack);
		site->frame = (struct verdict_frame){frame->function, frame->file, frame->line};
		site->callee = at > 0 ? stack->row->stack.frames[at - 1]->function : "";
		if (at < 0 && stack->row->stack.count)
			site->callee = stack->row->stack.frames[0]->function;
	}
	return site;
}

// A file may hold any values: sums stay at the end of the range.
static void add(int64_t *sum, int64_t value)
{
	if (__builtin_add_overflow(*sum, value, sum))
		*sum = value < 0 ? INT64_MIN / 4 : INT64_MAX / 4;
}

static void add_type(int64_t *sum, const struct profile_stack_row *row, uint32_t type)
{
	if (type != PROFILE_NONE)
		add(sum, row->values[type]);
}

static void add_stack(const struct evidence *evidence, const struct sites_filter *filter,
		      const struct heap_stack *stack, struct site *site)
{
	const struct heap_view *now = &evidence->heap;
	if (stack->value == site->largest_stack_bytes)
		site->entry = find_entry(evidence, &stack->row->stack);
	add(&site->bytes, stack->value);
	add(&site->whole_bytes, stack->whole);
	if (filter->partly && frames_match(filter->partly, &stack->row->stack, count_called(stack),
					   heap_frame_function))
		add(&site->part_bytes, stack->value);
	add_type(&site->objects, stack->row, now->objects);
	add_type(&site->published, stack->row, now->published);
	add_type(&site->allocated, stack->row, now->allocated);
	add_type(&site->allocations, stack->row, now->allocations);
	site->stacks++;
}

// Own functions that call one another, no library between them: a middleware is no part of it.
static bool is_in_chain(const struct evidence *evidence, const struct profile_stack *stack,
			int64_t own, int64_t at)
{
	if (at >= stack->count || at > own + CHAIN_FRAMES || !evidence->now->identity ||
	    code_owner_of(evidence->now->identity, stack->frames[at]->function) != CODE_OWN)
		return false;
	for (int64_t i = own; i < at; i++)
		if (strcmp(stack->frames[i]->function, stack->frames[at]->function) == 0)
			return false;
	return strcmp(stack->frames[at]->function, "main.main") != 0;
}

static void collect_chain(const struct evidence *evidence, const struct sites_filter *filter,
			  const struct heap_stack *stack, bool baseline, struct sites *sites)
{
	for (int64_t at = stack->own + 1; filter->chain && stack->own >= 0 &&
					  is_in_chain(evidence, &stack->row->stack, stack->own, at);
	     at++) {
		struct site *site = site_of(evidence, sites, stack, at, baseline);
		if (baseline) {
			add(&site->before_bytes, stack->value);
			continue;
		}
		add_stack(evidence, filter, stack, site);
		for (int64_t i = stack->own; i < at; i++)
			add(&site->part_bytes, stack->value);
	}
}

void sites_collect(const struct evidence *evidence, const struct sites_filter *filter,
		   struct sites *sites)
{
	const struct heap_view *now = &evidence->heap, *before = &evidence->heap_before;
	VEC_FOREACH (stack, &now->list) {
		if (!passes(filter, stack))
			continue;
		add_stack(evidence, filter, stack,
			  site_of(evidence, sites, stack, stack->own, false));
		collect_chain(evidence, filter, stack, false, sites);
	}
	VEC_FOREACH (stack, &before->list) {
		if (!passes(filter, stack))
			continue;
		add(&site_of(evidence, sites, stack, stack->own, true)->before_bytes, stack->value);
		collect_chain(evidence, filter, stack, true, sites);
	}
}

static int64_t subtract(int64_t left, int64_t right)
{
	int64_t difference;
	return __builtin_sub_overflow(left, right, &difference) ? 0 : difference;
}

int64_t site_grown_bytes(const struct site *site)
{
	return subtract(site->bytes, site->before_bytes);
}

int64_t site_rise(const struct evidence *evidence, const struct site *site)
{
	return evidence->heap_by_growth ? site_grown_bytes(site) : site->bytes;
}

int64_t heap_rise(const struct evidence *evidence)
{
	int64_t now = subtract(evidence->heap.total, evidence->following_bytes);
	return evidence->heap_by_growth ? subtract(now, evidence->heap_before.total) : now;
}

const struct site *sites_largest(const struct sites *sites, bool by_growth)
{
	const struct site *largest = NULL;
	VEC_FOREACH (site, &sites->list)
		if (!largest || (by_growth ? site_grown_bytes(site) > site_grown_bytes(largest)
					   : site->bytes > largest->bytes))
			largest = site;
	return largest;
}

const struct site *sites_nearest(const struct evidence *evidence, const struct sites *sites,
				 double share)
{
	const struct site *nearest = NULL;
	VEC_FOREACH (site, &sites->list) {
		if ((double)site_rise(evidence, site) < share * (double)heap_rise(evidence) ||
		    site->bytes <= 0)
			continue;
		if (!nearest || (double)site->part_bytes / (double)site->bytes <
					(double)nearest->part_bytes / (double)nearest->bytes)
			nearest = site;
	}
	return nearest;
}

const struct site *sites_busiest(const struct sites *sites)
{
	const struct site *busiest = NULL;
	VEC_FOREACH (site, &sites->list)
		if (!busiest || site->allocated > busiest->allocated)
			busiest = site;
	return busiest;
}
