// SPDX-License-Identifier: Apache-2.0
// In: the heap profiles of now and of the baseline. Out: what each stack holds that will be kept.
#include <math.h>
#include <string.h>

#include "snapshot/heap_profile.h"
#include "verdict/evidence_priv.h"
#include "verdict/sites.h"
#include "verdict/untouched.h"

static const double GROWTH_MIN = 0.2; // of the heap: less growth does not decide
static const int64_t SMALL_HEAP_BYTES = 16 << 20;
// It has stopped growing: a tenth of the time or more at less than a quarter of the pace.
static const double STOPPED_NS_MIN = 1e9, STOPPED_SHARE = 0.1, STOPPED_PACE = 0.25;
// A buffer that grows by a quarter each time it is full keeps a fifth of what was allocated for it.
static const double KEPT_RARELY = 0.15;
static const double LAG = 3, ROUNDED_BYTES = 1 << 20;
static const double COLLECTIONS_MIN = 3; // the profile is published two collections late

static bool grew_by(const struct evidence *evidence, const char *name)
{
	double now, before;
	return facts_get(evidence->now, name, &now) && facts_get(evidence->before, name, &before) &&
	       now - before >= (double)GROWTH_BYTES_MIN &&
	       now - before >= GROWTH_SHARE_MIN * (double)evidence->memory_before;
}

// Resident, and allocated: pages that are touched for the first time are no growth of the heap.
static bool heap_grew(const struct evidence *evidence)
{
	return grew_by(evidence, "heap.resident") && grew_by(evidence, "heap.alloc");
}

static double above_zero(double value)
{
	return value > 0 ? value : 0;
}

// What the last collection kept of what was new to it, the next one will keep of what is new now:
// of a queue that has been filled and turns over, nothing, however much was kept while it filled.
static bool bound_by_last(const struct evidence *evidence, double marked_rise, double *most)
{
	double kept, alloc, since;
	if (!facts_get(evidence->now, "heap.last_kept", &kept) ||
	    !facts_get(evidence->now, "heap.alloc", &alloc) ||
	    !(evidence->heap.collected ? facts_get(evidence->now, "heap.marked", &since)
				       : facts_get(evidence->before, "heap.alloc", &since)))
		return false;
	*most = marked_rise + LAG * kept * above_zero(alloc - since) + ROUNDED_BYTES;
	return true;
}

// What collections found live, where they were watched at their lowest, grew by as much, or what
// seems to be kept will not be: at least a third, since they lag behind.
int64_t evidence_bound_by_marked(const struct evidence *evidence, int64_t rise)
{
	double now, before, marked_rise = 0, most = (double)rise, last;
	if (evidence->swings && facts_get(evidence->now, "between.heap.low_grown", &marked_rise))
		return (int64_t)fmin(most, LAG * above_zero(marked_rise) + ROUNDED_BYTES);
	if (evidence->heap.collected && facts_get(evidence->now, "heap.marked", &now) &&
	    facts_get(evidence->before, "heap.marked", &before)) {
		marked_rise = above_zero(now - before);
		most = fmin(most, LAG * marked_rise + ROUNDED_BYTES);
	}
	if (bound_by_last(evidence, marked_rise, &last))
		most = fmin(most, last);
	return (int64_t)most;
}

static int64_t find_own_frame(const struct snapshot_identity *identity,
			      const struct profile_stack *stack)
{
	for (uint32_t i = 0; i < stack->count; i++)
		if (code_owner_of(identity, stack->frames[i]->function) == CODE_OWN)
			return i;
	return -1;
}

static int64_t value_of(const struct profile_stack_row *row, uint32_t type)
{
	return type == PROFILE_NONE ? 0 : row->values[type];
}

// What of a function was kept, of all it allocated until now. With few collections that is too
// much, so it counts the less the smaller it is.
static bool kept_so_far(const struct facts *facts, const char *function, double *kept)
{
	const struct fact_kind *kinds = facts_find_kind(facts, function);
	if (!kinds || kinds->allocated <= 0)
		return false;
	double share = 1 - kinds->freed / kinds->allocated;
	*kept = share > 0 ? share * share * share : 0;
	return true;
}

// All sizes of one stack.
struct stack_sum {
	int64_t objects, now, published, allocated;
	int64_t estimated; // of it, what will be kept by size
};

struct stack_sums {
	struct map by_stack;
	VEC(struct stack_sum) list;
};

// Equal stacks have equal frames.
static struct stack_sum *sum_of(struct stack_sums *sums, const struct profile_stack_row *row)
{
	bool is_new;
	uint64_t *index = map_put(&sums->by_stack, hash_u64((uintptr_t)row->stack.frames),
				  sums->list.count, &is_new);
	if (is_new)
		vec_push(&sums->list, {0});
	return &sums->list.items[*index];
}

static void sum_stacks(const struct heap_view *view, struct stack_sums *sums)
{
	VEC_FOREACH (row, &view->stacks->rows) {
		struct stack_sum *sum = sum_of(sums, row);
		evidence_add_up(&sum->objects, value_of(row, view->objects));
		evidence_add_up(&sum->now, value_of(row, view->now));
		evidence_add_up(&sum->published, value_of(row, view->published));
		evidence_add_up(&sum->allocated, value_of(row, view->allocated));
	}
}

// What will be kept, by what was kept so far.
static int64_t by_turnover(int64_t now, int64_t published, int64_t allocated)
{
	double kept = (double)published / (double)allocated;
	// What was let go again nearly always will be this time, too.
	if (kept < KEPT_RARELY)
		return (int64_t)((double)now * kept);
	return now <= published ? now : published + (int64_t)((double)(now - published) * kept);
}

// By stack and size: of a text that grew, the smaller ones are garbage and the last one stays.
static int64_t estimate(struct heap_view *view, const struct facts *facts,
			const struct profile_stack_row *row, const struct stack_sum *sum,
			int64_t own)
{
	int64_t published = value_of(row, view->published), now = value_of(row, view->now);
	int64_t allocated = value_of(row, view->allocated);
	double kept = 0;
	if (allocated > 0)
		return by_turnover(now, published, allocated);
	if (now <= published)
		return now;
	if (sum->allocated > 0) // a size that is new: see by_stack
		return published;
	if (own < 0 || !view->collected ||
	    !kept_so_far(facts, row->stack.frames[own]->function, &kept))
		view->unknown += now;
	return published + (int64_t)((double)(now - published) * kept);
}

// By stack: a slice or a map that grew has a new size each time, which says nothing yet. What that
// comes to beyond the sizes is shared among them.
static int64_t by_stack(const struct heap_stack *stack, const struct heap_view *view,
			const struct stack_sum *sum)
{
	int64_t all =
		sum->allocated > 0 ? by_turnover(sum->now, sum->published, sum->allocated) : 0;
	if (all <= sum->estimated || sum->now <= 0)
		return stack->value;
	return stack->value +
	       (int64_t)((double)(all - sum->estimated) *
			 ((double)value_of(stack->row, view->now) / (double)sum->now));
}

static void find_types(const struct profile *profile, struct heap_view *view)
{
	view->now = profile_find_sample_type(profile, HEAP_NOW_SPACE);
	view->objects = profile_find_sample_type(profile, HEAP_NOW_OBJECTS);
	view->published = profile_find_sample_type(profile, HEAP_INUSE_SPACE);
	view->allocated = profile_find_sample_type(profile, HEAP_ALLOC_SPACE);
	view->allocations = profile_find_sample_type(profile, "alloc_objects");
	if (view->now == PROFILE_NONE) { // not one of ours
		view->now = view->published;
		view->objects = profile_find_sample_type(profile, "inuse_objects");
	}
}

// `turnover`: the facts that tell what is kept of what is new; `ledgers`: those of the profile's
// time.
static void view_heap(const struct facts *turnover, const struct facts *ledgers,
		      const struct snapshot_identity *identity, const struct profile *profile,
		      bool estimated, struct heap_view *view)
{
	if (!profile)
		return;
	find_types(profile, view);
	if (!profile_top_samples_new(profile, view->now, &view->stacks, NULL))
		return;
	struct stack_sums sums = {0};
	sum_stacks(view, &sums);
	struct untouched untouched;
	untouched_gather(ledgers, view, &untouched);
	VEC_FOREACH (row, &view->stacks->rows) {
		int64_t own = find_own_frame(identity, &row->stack);
		struct stack_sum *sum = sum_of(&sums, row);
		int64_t kept = view->published != PROFILE_NONE
				       ? estimate(view, turnover, row, sum, own)
				       : row->value;
		evidence_add_up(&sum->estimated, kept);
		vec_push(&view->list, {row, kept, row->value, own, false, sum->objects});
	}
	VEC_FOREACH (stack, &view->list) {
		double there = touched_share(&untouched, view, stack->row);
		int64_t kept = by_stack(stack, view, sum_of(&sums, stack->row));
		stack->whole = estimated ? kept : stack->row->value;
		kept = (int64_t)((double)kept * there);
		view->kept += kept / 2; // no sum of a file's values may overflow
		stack->value = estimated ? kept : (int64_t)((double)stack->row->value * there);
		evidence_add_up(&view->total, stack->value);
	}
	map_deinit(&sums.by_stack);
	vec_deinit(&sums.list);
}

static void check_collections(struct evidence *evidence)
{
	double now, before;
	if (!facts_get(evidence->now, "gc.cycles", &now))
		return;
	evidence->heap.collected = now >= COLLECTIONS_MIN;
	if (evidence->mismatch || !facts_get(evidence->before, "gc.cycles", &before))
		return;
	evidence->heap.collected = evidence->heap_before.collected = now > before;
	if (evidence_killed(evidence))
		return;
	evidence->estimated = now >= COLLECTIONS_MIN;
	evidence->uncollected = !evidence->estimated && heap_grew(evidence);
}

// Much is new of which nothing was collected yet: nobody knows what of it will be kept.
static void check_unknown(struct evidence *evidence)
{
	int64_t grown = evidence->memory - evidence->memory_before;
	if (evidence->estimated && heap_grew(evidence) && evidence->heap.unknown > grown / 2)
		evidence->uncollected = true;
}

// What grows on needs new memory at the same pace. Where since the last collection hardly any was
// taken, and a good part of what came is empty again, the growth was one piece of work, and the
// collection in its midst cannot tell what of it is left.
static void check_stopped(struct evidence *evidence)
{
	double age, alloc, marked, idle;
	double grown = (double)evidence->heap.total - (double)evidence->heap_before.total;
	if (!evidence->estimated || !evidence->by_growth || !evidence->heap_before.stacks ||
	    evidence->interval_ns <= 0 || grown < (double)GROWTH_BYTES_MIN ||
	    !facts_get(evidence->now, "gc.last_age", &age) || age < STOPPED_NS_MIN ||
	    age < STOPPED_SHARE * (double)evidence->interval_ns ||
	    !facts_get(evidence->now, "heap.alloc", &alloc) ||
	    !facts_get(evidence->now, "heap.marked", &marked) ||
	    !facts_get(evidence->now, "go.heap.idle", &idle) || idle < grown / 2)
		return;
	double pace = (alloc > marked ? alloc - marked : 0) / age;
	evidence->stopped = pace < STOPPED_PACE * grown / (double)evidence->interval_ns;
}

void evidence_gather_heap(struct evidence *evidence, const struct profile *before)
{
	static const struct snapshot_identity unknown = {
		.module_path = "", .go_version = "", .command = ""};
	const struct snapshot_identity *identity =
		evidence->now->identity ? evidence->now->identity : &unknown;
	check_collections(evidence);
	// The turnover of now tells of both: garbage of then was collected meanwhile.
	view_heap(evidence->now, evidence->now, identity, evidence->now->heap, evidence->estimated,
		  &evidence->heap);
	view_heap(evidence->now, evidence->before, identity, before, evidence->estimated,
		  &evidence->heap_before);
	evidence_lower_waves(evidence);
	check_unknown(evidence);
}

void evidence_judge_heap(struct evidence *evidence)
{
	bool has_before = evidence->baseline && evidence->baseline->heap;
	check_stopped(evidence);
	double growth = (double)evidence->heap.total - (double)evidence->heap_before.total;
	if (evidence->estimated)
		growth = (double)evidence_bound_by_marked(evidence, (int64_t)growth);
	double grown = (double)(evidence->by_growth ? evidence->rise : 0);
	bool much = growth >= (double)SMALL_HEAP_BYTES &&
		    growth >= GROWTH_MIN * (double)evidence->heap.total;
	evidence->heap_by_growth = has_before && !evidence->mismatch && !evidence->uncollected &&
				   (much || (evidence->by_growth && growth >= grown / 4));
}
