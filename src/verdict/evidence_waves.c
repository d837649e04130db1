// SPDX-License-Identifier: Apache-2.0
// In: a heap that is known to go up and down. Out: of what comes and goes, only what will stay.
#include <math.h>
#include <string.h>

#include "verdict/evidence_priv.h"

static const double HIGH_MIN = 1.3; // of the low, for a wave

// Of one function of the program's own, at the baseline and now.
struct turnover {
	double published[2], allocated[2], value[2];
	double stays[2]; // the part that is no wave's
};

struct turnovers {
	struct map by_function;
	VEC(struct turnover) list;
};

static const char *own_function(const struct heap_stack *stack)
{
	return stack->own < 0 ? NULL : stack->row->stack.frames[stack->own]->function;
}

static struct turnover *turnover_of(struct turnovers *turnovers, const char *function)
{
	bool is_new;
	uint64_t *index = map_put(&turnovers->by_function, hash_bytes(function, strlen(function)),
				  turnovers->list.count, &is_new);
	if (is_new)
		vec_push(&turnovers->list, {.stays = {1, 1}});
	return &turnovers->list.items[*index];
}

static void add_view(struct turnovers *turnovers, const struct heap_view *view, int when)
{
	VEC_FOREACH (stack, &view->list) {
		const char *function = own_function(stack);
		if (!function)
			continue;
		struct turnover *turnover = turnover_of(turnovers, function);
		turnover->published[when] += (double)stack->row->values[view->published];
		turnover->allocated[when] += (double)stack->row->values[view->allocated];
		turnover->value[when] += (double)stack->value;
	}
}

// Where as much was freed since the baseline as there was then, or as there is now, none of it is
// the same: of what is more now only that part counts which was kept of what was allocated; of what
// was more then, nothing. It came with a wave, and goes with it.
static void judge(struct turnover *turnover)
{
	double kept = turnover->published[1] - turnover->published[0];
	double allocated = turnover->allocated[1] - turnover->allocated[0];
	double before = turnover->value[0], now = turnover->value[1];
	if (allocated <= 0 || allocated - kept < fmax(now, before))
		return;
	if (now > before)
		turnover->stays[1] = (before + (now - before) * fmax(kept, 0) / allocated) / now;
	else if (before > 0)
		turnover->stays[0] = now / before;
}

static bool swings(const struct facts *facts)
{
	double low, high;
	return facts_get(facts, "heap.low", &low) && facts_get(facts, "heap.high", &high) &&
	       high >= HIGH_MIN * low;
}

static void lower(struct heap_view *view, struct turnovers *turnovers, int when)
{
	view->total = 0;
	VEC_FOREACH (stack, &view->list) {
		const char *function = own_function(stack);
		if (function)
			stack->value = (int64_t)((double)stack->value *
						 turnover_of(turnovers, function)->stays[when]);
		if (__builtin_add_overflow(view->total, stack->value, &view->total))
			view->total = INT64_MAX / 4;
	}
}

void evidence_lower_waves(struct evidence *evidence)
{
	struct heap_view *now = &evidence->heap, *before = &evidence->heap_before;
	evidence->swings = !evidence->mismatch && swings(evidence->now);
	if (!evidence->swings || !before->stacks || now->published == PROFILE_NONE ||
	    now->allocated == PROFILE_NONE || before->published == PROFILE_NONE ||
	    before->allocated == PROFILE_NONE)
		return;
	struct turnovers turnovers = {0};
	add_view(&turnovers, before, 0);
	add_view(&turnovers, now, 1);
	VEC_FOREACH (turnover, &turnovers.list)
		judge(turnover);
	lower(before, &turnovers, 0);
	lower(now, &turnovers, 1);
	map_deinit(&turnovers.by_function);
	vec_deinit(&turnovers.list);
}
