// SPDX-License-Identifier: Apache-2.0
// In: a heap that was seen to go up and down between the two looks. Out: of what comes and goes,
// only what will stay.
#include <math.h>
#include <string.h>

#include "verdict/evidence_priv.h"

static const double HIGH_MIN = 1.3;    // of the low, for a wave
static const double NOW_MAX = 1.2;     // of the high, to be on such a wave
static const double REST_MIN = 0.5;    // of what is left between the waves
static const double WATCHED_MIN = 0.5; // of the time between the two looks

// Of one stack, at the baseline and now.
struct turnover {
	double published[2], allocated[2], value[2];
	double stays[2]; // the part that is no wave's
};

struct turnovers {
	struct map by_stack;
	VEC(struct turnover) list;
};

// In two profiles a stack has frames of its own in each.
static uint64_t hash_of(const struct profile_stack *stack)
{
	uint64_t hash = 0;
	for (uint32_t i = 0; i < stack->count; i++) {
		const struct profile_frame *frame = stack->frames[i];
		hash = hash_u64(hash ^ hash_bytes(frame->function, strlen(frame->function)) ^
				(uint64_t)frame->line);
	}
	return hash;
}

static struct turnover *turnover_of(struct turnovers *turnovers, const struct heap_stack *stack)
{
	bool is_new;
	uint64_t *index = map_put(&turnovers->by_stack, hash_of(&stack->row->stack),
				  turnovers->list.count, &is_new);
	if (is_new)
		vec_push(&turnovers->list, {.stays = {1, 1}});
	return &turnovers->list.items[*index];
}

static void add_view(struct turnovers *turnovers, const struct heap_view *view, int when)
{
	VEC_FOREACH (stack, &view->list) {
		struct turnover *turnover = turnover_of(turnovers, stack);
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
	if (now < 0 || before < 0 || allocated <= 0 || allocated - kept < fmax(now, before))
		return; // a file may hold any values
	if (now > before)
		turnover->stays[1] = (before + (now - before) * fmax(kept, 0) / allocated) / now;
	else if (before > 0)
		turnover->stays[0] = now / before;
}

// What the heap grew by without the waves.
static double growth_of(const struct turnovers *turnovers)
{
	double growth = 0;
	VEC_FOREACH (turnover, &turnovers->list)
		growth += turnover->value[1] * turnover->stays[1] -
			  turnover->value[0] * turnover->stays[0];
	return growth;
}

// Not where the waves themselves leave more behind each time. From half to half of the time it is
// half of what it is from look to look.
static bool explain_the_rest(const struct turnovers *turnovers, const struct facts *facts)
{
	double grown;
	return facts_get(facts, "between.heap.low_grown", &grown) &&
	       (2 * grown < (double)GROWTH_BYTES_MIN ||
		growth_of(turnovers) >= REST_MIN * 2 * grown);
}

static void lower(struct heap_view *view, struct turnovers *turnovers, int when)
{
	view->total = 0;
	VEC_FOREACH (stack, &view->list) {
		double stays = turnover_of(turnovers, stack)->stays[when];
		if (stays < 1)
			stack->value = (int64_t)((double)stack->value * stays);
		evidence_add_up(&view->total, stack->value);
	}
}

// The waves leave more behind each time, so that they were let go before says nothing of them.
static void take_published(struct heap_view *view)
{
	view->total = 0;
	VEC_FOREACH (stack, &view->list) {
		stack->value = stack->row->values[view->published];
		evidence_add_up(&view->total, stack->value);
	}
}

// The numbers of the time between two looks may have been stored, and be compared with another one.
static bool was_watched(const struct evidence *evidence)
{
	double between;
	return facts_get(evidence->now, "between", &between) && evidence->interval_ns > 0 &&
	       between >= WATCHED_MIN * (double)evidence->interval_ns &&
	       between <= (double)evidence->interval_ns / WATCHED_MIN;
}

// What rises far above the waves is no wave; near the limit it is the wave that kills, unless what
// it leaves behind becomes more.
static bool swings(const struct evidence *evidence)
{
	double low, high, marked, rises;
	const struct facts *facts = evidence->now;
	return evidence->watched && !evidence->kill && facts_get(facts, "between.heap.low", &low) &&
	       facts_get(facts, "between.heap.high", &high) &&
	       facts_get(facts, "between.heap.low_rises", &rises) &&
	       facts_get(facts, "heap.marked", &marked) && high >= HIGH_MIN * low &&
	       marked < NOW_MAX * high && (rises > 0 || !evidence_near_limit(evidence));
}

static bool has_turnover(const struct heap_view *view)
{
	return view->stacks && view->published != PROFILE_NONE && view->allocated != PROFILE_NONE;
}

void evidence_lower_waves(struct evidence *evidence)
{
	struct heap_view *now = &evidence->heap, *before = &evidence->heap_before;
	struct turnovers turnovers = {0};
	evidence->watched = !evidence->mismatch && was_watched(evidence);
	evidence->swings = swings(evidence);
	if (!evidence->swings || !has_turnover(now) || !has_turnover(before))
		return;
	add_view(&turnovers, before, 0);
	add_view(&turnovers, now, 1);
	VEC_FOREACH (turnover, &turnovers.list)
		judge(turnover);
	evidence->lowered = explain_the_rest(&turnovers, evidence->now);
	if (evidence->lowered) {
		lower(before, &turnovers, 0);
		lower(now, &turnovers, 1);
	} else {
		take_published(before);
		take_published(now);
	}
	map_deinit(&turnovers.by_stack);
	vec_deinit(&turnovers.list);
}
