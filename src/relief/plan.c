// SPDX-License-Identifier: Apache-2.0
// In: facts of a process, its room, what was asked for. Out: whether it helps, and what to write.
#include "relief/plan.h"

#include "base/units.h"

enum {
	MARGIN_LEAST = 4 << 20,
	RESERVE_PERCENT = 10,
	RESERVE_LEAST = 32 << 20,
	RESERVE_MOST_PERCENT = 20,
	HEADROOM_LEAST = 1 << 20,    // runtime.memoryLimitMinHeapGoalHeadroom
	ALLOCATED_LEAST_PERCENT = 5, // of the live heap, for a share of it to say something
	SECOND_NS = 1000000000,
};
static const double STAYS = 0.5;        // of what is allocated: then it is no garbage
static const double GC_CPU_LIMIT = 0.5; // runtime/mgclimit.go

struct planning {
	const struct relief_facts *facts;
	const struct relief_room *room;
	const struct relief_request *request;
	struct relief_plan *plan;
};

static int64_t larger(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

static int64_t smaller(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static int64_t saturate(double value)
{
	return value < (double)RELIEF_BYTES_MAX ? (int64_t)value : RELIEF_BYTES_MAX;
}

static int64_t percent_of(int64_t bytes, int64_t percent)
{
	return bytes / 100 * percent + bytes % 100 * percent / 100;
}

static int64_t now(const struct relief_facts *facts, enum go_setting_id setting)
{
	return facts->settings[setting].place.value;
}

static bool is_there(const struct relief_facts *facts, enum go_setting_id setting)
{
	return snapshot_has(&facts->settings[setting].absent);
}

// How large the live heap was at the last collection but one, from last_goal = live + (live +
// roots)
// * GOGC / 100. A goal that something else made tells nothing: 0.
static int64_t live_before(const struct relief_facts *facts)
{
	int64_t percent =
		is_there(facts, GO_SETTING_GC_PERCENT) ? now(facts, GO_SETTING_GC_PERCENT) : -1;
	if (percent <= 0 || facts->limited || facts->last_goal <= facts->heap_minimum)
		return 0;
	int64_t without_roots = facts->last_goal - percent_of(facts->roots, percent);
	return (int64_t)((double)without_roots * 100 / (100 + (double)percent));
}

static void find_survivors(struct planning *planning)
{
	const struct relief_facts *facts = planning->facts;
	struct relief_plan *plan = planning->plan;
	int64_t before = live_before(facts), grown = facts->survived - before;
	int64_t allocated = (facts->heap_before ? facts->heap_before : facts->last_goal) - before;
	if (before <= 0 || allocated < larger(percent_of(before, ALLOCATED_LEAST_PERCENT), 1))
		return;
	plan->survivors_known = true;
	plan->survivors = (double)grown / (double)allocated;
	plan->survivors = plan->survivors < 0 ? 0 : plan->survivors > 1 ? 1 : plan->survivors;
	if (grown > 0 && facts->interval_ns > 0)
		plan->growth_per_second =
			saturate((double)grown * SECOND_NS / (double)facts->interval_ns);
}

static void find_needs(struct planning *planning)
{
	const struct relief_facts *facts = planning->facts;
	struct relief_plan *plan = planning->plan;
	int64_t since = larger(facts->heap_alloc - facts->survived, 0);
	int64_t stays = (int64_t)(plan->survivors * (double)since);
	plan->live_bytes = facts->survived + stays;
	plan->reclaimable_bytes = since - stays + facts->heap_free;
	plan->overhead_bytes =
		larger(facts->mapped_ready - facts->heap_free - facts->heap_alloc, 0);
	int64_t need = plan->live_bytes + plan->overhead_bytes;
	plan->floor_bytes = need + larger(percent_of(need, RELIEF_MARGIN_PERCENT), MARGIN_LEAST);
}

static void find_budget(struct planning *planning)
{
	const struct relief_facts *facts = planning->facts;
	const struct relief_room *room = planning->room;
	struct relief_plan *plan = planning->plan;
	plan->budget_known = room->limited && facts->resident_known;
	if (!plan->budget_known)
		return;
	plan->non_go_bytes = larger(room->stuck_bytes - facts->go_resident, 0);
	plan->reserve_bytes =
		smaller(larger(percent_of(room->limit_bytes, RESERVE_PERCENT), RESERVE_LEAST),
			percent_of(room->limit_bytes, RESERVE_MOST_PERCENT));
	int64_t left = room->limit_bytes - plan->non_go_bytes;
	plan->budget_bytes = larger(left - plan->reserve_bytes, 0);
	plan->most_bytes = larger(left - percent_of(room->limit_bytes, RELIEF_MARGIN_PERCENT), 0);
}

static void add(struct relief_plan *plan, const struct relief_facts *facts,
		enum go_setting_id setting, int64_t value)
{
	plan->changes[plan->change_count++] =
		(struct relief_change){setting, now(facts, setting), value};
}

static bool may_write(const struct relief_facts *facts, enum go_setting_id setting,
		      struct error *error)
{
	if (is_there(facts, setting))
		return true;
	if (error)
		*error = facts->settings[setting].absent;
	return false;
}

static bool plan_limit(struct planning *planning, int64_t *limit, struct error *error)
{
	const struct relief_request *request = planning->request;
	struct relief_plan *plan = planning->plan;
	*limit = is_there(planning->facts, GO_SETTING_MEMORY_LIMIT)
			 ? now(planning->facts, GO_SETTING_MEMORY_LIMIT)
			 : INT64_MAX;
	if (request->limit == RELIEF_LIMIT_KEEP)
		return true;
	if (!may_write(planning->facts, GO_SETTING_MEMORY_LIMIT, error))
		return error_hint(error,
				  "before Go 1.19 there is no memory limit: --gogc N is what "
				  "can be set from Go 1.18 on");
	if (request->limit == RELIEF_LIMIT_AUTO && !planning->room->limited)
		return error_set(error, ERROR_NOT_FOUND,
				 "no cgroup limit bites this process: auto has nothing to go by") ||
		       error_hint(error, "say how much: --memory-limit SIZE");
	if (request->limit == RELIEF_LIMIT_AUTO && !plan->budget_known)
		return error_set(error, ERROR_NOT_FOUND,
				 "what is not Go's is not known without the process's ledger") ||
		       error_hint(error, "say how much: --memory-limit SIZE");
	*limit = request->limit == RELIEF_LIMIT_AUTO ? larger(plan->budget_bytes, plan->floor_bytes)
						     : request->limit_bytes;
	add(plan, planning->facts, GO_SETTING_MEMORY_LIMIT, *limit);
	return true;
}

static bool plan_gc_percent(struct planning *planning, int64_t limit, struct error *error)
{
	const struct relief_request *request = planning->request;
	const struct relief_facts *facts = planning->facts;
	if (!request->has_gc_percent)
		return true;
	if (!may_write(facts, GO_SETTING_GC_PERCENT, error))
		return false;
	if (request->gc_percent < 0 && limit == INT64_MAX)
		return error_set(error, ERROR_USAGE,
				 "GOGC off without a memory limit: nothing would be collected ever "
				 "again") ||
		       error_hint(error, "give --memory-limit with it");
	if (request->gc_percent >= 0 && facts->heap_minimum >= RELIEF_BYTES_MAX)
		return error_set(
			       error, ERROR_UNSUPPORTED,
			       "the program runs with GOGC=off, which also put its least heap out "
			       "of reach: another GOGC would do nothing") ||
		       error_hint(error, "--memory-limit works with GOGC=off");
	add(planning->plan, facts, GO_SETTING_GC_PERCENT, request->gc_percent);
	return true;
}

// heapGoalInternal and memoryLimitHeapGoal, once the heap has come down.
static int64_t goal_with(const struct planning *planning, int64_t limit)
{
	const struct relief_facts *facts = planning->facts;
	const struct relief_request *request = planning->request;
	int64_t goal = facts->gc_percent_goal;
	if (request->has_gc_percent && request->gc_percent < 0)
		goal = INT64_MAX;
	else if (request->has_gc_percent)
		goal = larger(facts->survived + percent_of(facts->survived + facts->roots,
							   request->gc_percent),
			      facts->heap_minimum);
	if (limit == INT64_MAX)
		return goal;
	int64_t limited = larger(limit - planning->plan->overhead_bytes, 0);
	int64_t headroom = larger(limited / 100 * facts->headroom_percent, HEADROOM_LEAST);
	limited = limited < 2 * headroom ? headroom : limited - headroom;
	return smaller(goal, larger(limited, facts->survived));
}

static void find_gc_cpu(struct planning *planning)
{
	const struct relief_facts *facts = planning->facts;
	struct relief_plan *plan = planning->plan;
	if (facts->collections < 2 || plan->goal_before == INT64_MAX || facts->gc_cpu >= 1)
		return;
	double before = (double)larger(plan->goal_before - facts->survived, 1);
	double after = (double)larger(plan->goal_after - plan->live_bytes, HEADROOM_LEAST);
	double ratio = facts->gc_cpu / (1 - facts->gc_cpu);
	plan->gc_cpu_known = true;
	plan->gc_cpu_before = facts->gc_cpu;
	plan->gc_cpu_after = facts->gc_cpu;
	if (plan->goal_after < plan->goal_before && after < before) {
		ratio *= before / after;
		plan->gc_cpu_after = ratio / (1 + ratio);
	}
	plan->gc_cpu_at_limit = plan->gc_cpu_after >= GC_CPU_LIMIT;
	if (plan->gc_cpu_at_limit)
		plan->gc_cpu_after = GC_CPU_LIMIT;
}

static void judge(struct planning *planning, int64_t limit)
{
	const struct relief_room *room = planning->room;
	struct relief_plan *plan = planning->plan;
	bool limit_asked = planning->request->limit == RELIEF_LIMIT_BYTES;
	int64_t need = plan->live_bytes + plan->overhead_bytes, most = RELIEF_BYTES_MAX;
	if (plan->budget_known)
		most = plan->most_bytes;
	if (limit_asked)
		most = smaller(most, limit);
	plan->outlook = most < plan->floor_bytes                            ? RELIEF_CANNOT
			: plan->survivors_known && plan->survivors >= STAYS ? RELIEF_DELAYS
									    : RELIEF_HELPS;
	if (plan->outlook == RELIEF_DELAYS && plan->growth_per_second && most < RELIEF_BYTES_MAX)
		plan->full_in_ns = saturate((double)(most - need) * SECOND_NS /
					    (double)plan->growth_per_second);
	plan->above_room =
		limit_asked && plan->budget_known &&
		(limit > room->limit_bytes || limit + plan->non_go_bytes > room->limit_bytes);
	plan->unfelt = limit != INT64_MAX && plan->goal_before != INT64_MAX &&
		       plan->goal_before + plan->overhead_bytes < limit;
	plan->starts_late = planning->request->has_gc_percent &&
			    planning->request->limit == RELIEF_LIMIT_KEEP && plan->budget_known &&
			    planning->facts->trigger > plan->budget_bytes;
}

static bool plan_rate(struct planning *planning, struct error *error)
{
	const struct relief_request *request = planning->request;
	if (!request->has_profile_rate)
		return true;
	if (!may_write(planning->facts, GO_SETTING_MEM_PROFILE_RATE, error))
		return false;
	add(planning->plan, planning->facts, GO_SETTING_MEM_PROFILE_RATE, request->profile_rate);
	return true;
}

static bool plan_memory(struct planning *planning, struct error *error)
{
	struct relief_plan *plan = planning->plan;
	int64_t limit;
	plan->about_memory = true;
	find_survivors(planning);
	find_needs(planning);
	find_budget(planning);
	if (!plan_limit(planning, &limit, error) || !plan_gc_percent(planning, limit, error))
		return false;
	plan->goal_before = planning->facts->goal;
	plan->goal_after = goal_with(planning, limit);
	find_gc_cpu(planning);
	judge(planning, limit);
	return true;
}

static bool check(enum go_setting_id setting, bool asked, int64_t value, struct error *error)
{
	return !asked || go_setting_allows(setting, value) ||
	       error_set(error, ERROR_USAGE, "%s cannot be %lld", go_setting_name(setting),
			 (long long)value);
}

static bool check_request(const struct relief_request *request, struct error *error)
{
	return check(GO_SETTING_MEMORY_LIMIT, request->limit == RELIEF_LIMIT_BYTES,
		     request->limit_bytes, error) &&
	       check(GO_SETTING_GC_PERCENT, request->has_gc_percent, request->gc_percent, error) &&
	       check(GO_SETTING_MEM_PROFILE_RATE, request->has_profile_rate, request->profile_rate,
		     error);
}

bool relief_plan_make(const struct relief_facts *facts, const struct relief_room *room,
		      const struct relief_request *request, struct relief_plan *out,
		      struct error *error)
{
	struct relief_plan plan = {0};
	struct planning planning = {facts, room, request, &plan};
	bool only_rate = request->has_profile_rate && !request->has_gc_percent &&
			 request->limit == RELIEF_LIMIT_KEEP;
	if (!check_request(request, error) || !plan_rate(&planning, error) ||
	    (!only_rate && !plan_memory(&planning, error)))
		return false;
	*out = plan;
	return true;
}

bool relief_plan_allowed(const struct relief_plan *plan, const struct relief_request *request,
			 struct error *error)
{
	if (!plan->about_memory || plan->outlook != RELIEF_CANNOT || request->force)
		return true;
	int64_t most = plan->budget_known ? plan->most_bytes : INT64_MAX;
	if (request->limit == RELIEF_LIMIT_BYTES)
		most = smaller(most, request->limit_bytes);
	error_set(error, ERROR_UNSUPPORTED,
		  "relief cannot help: live heap (%s) and runtime (%s) need %s with a margin, and "
		  "there is room for %s",
		  human_bytes(plan->live_bytes).text, human_bytes(plan->overhead_bytes).text,
		  human_bytes(plan->floor_bytes).text, human_bytes(most).text);
	return error_hint(error,
			  "what is live is no garbage: see who holds it with `whyoom why`, give "
			  "the cgroup more (`whyoom relieve --cgroup PATH --limit +25%%`); "
			  "--force does it all the same, and the collector will run all the "
			  "time");
}
