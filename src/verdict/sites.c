// SPDX-License-Identifier: Apache-2.0
// In: the heap profile now and at the baseline. Out: bytes by function of the program's own code.
#include "verdict/sites.h"

#include <string.h>

#include "snapshot/heap_profile.h"

void sites_deinit(struct sites *sites)
{
	map_deinit(&sites->by_function);
	vec_deinit(&sites->list);
	profile_top_stacks_free(sites->stacks[0]);
	profile_top_stacks_free(sites->stacks[1]);
}

// The nearest frame of the program's own code, seen from the allocation; -1: there is none.
static int64_t find_own_frame(const struct snapshot_identity *identity,
			      const struct profile_stack *stack)
{
	for (uint32_t i = 0; i < stack->count; i++)
		if (code_owner_of(identity, stack->frames[i]->function) == CODE_OWN)
			return i;
	return -1;
}

// The site of a stack, made when it is new; NULL when none of the program's own code is in it.
static struct site *site_of(struct sites *sites, const struct snapshot_identity *identity,
			    const struct profile_stack_row *row, bool baseline)
{
	int64_t own = find_own_frame(identity, &row->stack);
	if (own < 0)
		return NULL;
	const struct profile_frame *frame = row->stack.frames[own];
	bool is_new;
	uint64_t *index =
		map_put(&sites->by_function, hash_bytes(frame->function, strlen(frame->function)),
			sites->list.count, &is_new);
	if (is_new)
		vec_push(&sites->list, {.callee = ""});
	struct site *site = &sites->list.items[*index];
	// What was large at the baseline does not say where it is large now.
	if (is_new || (!baseline && row->value > site->largest_stack_bytes)) {
		site->largest_stack_bytes = row->value;
		site->frame = (struct verdict_frame){frame->function, frame->file, frame->line};
		site->callee = own ? row->stack.frames[own - 1]->function : "";
	}
	return site;
}

// A file may hold any values: sums stay at the end of the range.
static void add(int64_t *sum, int64_t value)
{
	if (__builtin_add_overflow(*sum, value, sum))
		*sum = value < 0 ? INT64_MIN / 4 : INT64_MAX / 4;
}

bool sites_collect(const struct evidence *evidence, struct sites *sites, struct error *error)
{
	const struct profile *heaps[] = {evidence->snapshot->heap,
					 evidence->baseline ? evidence->baseline->heap : NULL};
	for (int i = 0; i < 2 && heaps[i]; i++) {
		uint32_t type = profile_find_sample_type(heaps[i], HEAP_NOW_SPACE);
		if (!profile_top_stacks_new(heaps[i], type, &sites->stacks[i], error))
			return false;
		VEC_FOREACH (row, &sites->stacks[i]->rows) {
			struct site *site = site_of(sites, &evidence->snapshot->identity, row, i);
			add(i ? &sites->total_before : &sites->total, row->value);
			if (site)
				add(i ? &site->before_bytes : &site->bytes, row->value);
		}
	}
	return true;
}

static int64_t subtract(int64_t left, int64_t right)
{
	int64_t difference;
	return __builtin_sub_overflow(left, right, &difference) ? 0 : difference;
}

int64_t sites_grown_bytes(const struct sites *sites)
{
	return subtract(sites->total, sites->total_before);
}

int64_t site_grown_bytes(const struct site *site)
{
	return subtract(site->bytes, site->before_bytes);
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
