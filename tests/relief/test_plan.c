// SPDX-License-Identifier: Apache-2.0
// Plans from facts made by hand, and facts that no target gives.
#include "system/lab.h"

#include <math.h>
#include <string.h>

#include "relief/plan.h"

#define MIB ((int64_t)1 << 20)

// Go 1.26 under GOGC=400 in a cgroup of 192 MiB: 48 MiB live, 4 for the runtime, 8 that are not
// Go's.
static struct relief_facts make_facts(void)
{
	struct relief_facts facts = {
		.go_version = "go1.26.8",
		.go_minor = 26,
		.settings = {[GO_SETTING_MEMORY_LIMIT].place = {0x1000, 8, INT64_MAX},
			     [GO_SETTING_GC_PERCENT].place = {0x1010, 4, 400},
			     [GO_SETTING_MEM_PROFILE_RATE].place = {0x2000, 8, 0}},
		.heap_alloc = 100 * MIB,
		.heap_marked = 48 * MIB,
		.survived = 48 * MIB,
		.heap_before = 236 * MIB,
		.mapped_ready = 114 * MIB,
		.heap_free = 10 * MIB,
		.goal = 240 * MIB,
		.trigger = 230 * MIB,
		.gc_percent_goal = 240 * MIB,
		.last_goal = 240 * MIB,
		.heap_minimum = 16 * MIB,
		.headroom_percent = 3,
		.collections = 10,
		.interval_ns = 1000000000,
		.gc_cpu = 0.02,
		.resident_known = true,
		.go_resident = 110 * MIB,
		.rss = 118 * MIB,
	};
	return facts;
}

static struct relief_room make_room(void)
{
	return (struct relief_room){.limited = true,
				    .path = "/sys/fs/cgroup/memory/x",
				    .limit_bytes = 192 * MIB,
				    .usage_bytes = 130 * MIB,
				    .stuck_bytes = 118 * MIB};
}

static const struct relief_request automatic = {.limit = RELIEF_LIMIT_AUTO};

static struct relief_plan plan_of(const struct relief_facts *facts,
				  const struct relief_request *request)
{
	struct relief_room room = make_room();
	struct relief_plan plan;
	assert_ok(relief_plan_make(facts, &room, request, &plan, &error));
	return plan;
}

static void garbage_can_be_helped(void **state)
{
	(void)state;
	struct relief_facts facts = make_facts();
	struct relief_plan plan = plan_of(&facts, &automatic);
	int64_t budget = (192 - 32 - 8) * MIB;
	assert_int_equal(RELIEF_HELPS, plan.outlook);
	assert_int_equal(48 * MIB, plan.live_bytes);
	assert_int_equal(62 * MIB, plan.reclaimable_bytes);
	assert_int_equal(4 * MIB, plan.overhead_bytes);
	assert_int_equal(8 * MIB, plan.non_go_bytes);
	assert_int_equal(budget, plan.budget_bytes);
	assert_int_equal(1, plan.change_count);
	assert_int_equal(budget, plan.changes[0].after);
	assert_int_equal(INT64_MAX, plan.changes[0].before);
	assert_true(plan.goal_after < budget && plan.goal_after > 48 * MIB);
	assert_true(plan.gc_cpu_after > plan.gc_cpu_before && plan.gc_cpu_after < 0.1);
	assert_ok(relief_plan_allowed(&plan, &automatic, &error));
}

// What was allocated while the last collection marked is no live heap for that.
static void a_fast_churn_is_no_leak(void **state)
{
	(void)state;
	struct relief_facts facts = make_facts();
	facts.heap_marked = 230 * MIB;
	facts.heap_alloc = 400 * MIB;
	facts.mapped_ready = 414 * MIB;
	struct relief_plan plan = plan_of(&facts, &automatic);
	assert_int_equal(RELIEF_HELPS, plan.outlook);
	assert_int_equal(48 * MIB, plan.live_bytes);
	assert_int_equal(362 * MIB, plan.reclaimable_bytes);
}

static void the_reserve_goes_before_the_live_heap_does(void **state)
{
	(void)state;
	struct relief_facts facts = make_facts();
	facts.heap_marked = facts.survived = facts.heap_alloc = 145 * MIB;
	facts.last_goal = facts.heap_before = 5 * 145 * MIB; // nothing has grown
	facts.mapped_ready = 149 * MIB;
	facts.heap_free = 0;
	struct relief_plan plan = plan_of(&facts, &automatic);
	assert_int_equal(RELIEF_HELPS, plan.outlook);
	assert_true(plan.floor_bytes > plan.budget_bytes && plan.floor_bytes < plan.most_bytes);
	assert_int_equal(plan.floor_bytes, plan.changes[0].after);
}

// The live heap was 40 MiB at the last collection but one, 200 MiB were allocated, 120 stayed.
static void growth_is_put_off(void **state)
{
	(void)state;
	struct relief_facts facts = make_facts();
	facts.last_goal = facts.heap_before = 200 * MIB;
	facts.heap_marked = facts.survived = 120 * MIB;
	facts.heap_alloc = 130 * MIB;
	facts.mapped_ready = 144 * MIB;
	struct relief_plan plan = plan_of(&facts, &automatic);
	assert_int_equal(RELIEF_DELAYS, plan.outlook);
	assert_true(fabs(plan.survivors - 0.5) < 0.01);
	assert_int_equal(125, plan.live_bytes / MIB);
	assert_int_equal(80 * MIB, plan.growth_per_second);
	assert_true(plan.full_in_ns > 0 && plan.full_in_ns < 1000000000);
	assert_ok(relief_plan_allowed(&plan, &automatic, &error));
}

static void what_does_not_fit_is_refused_and_never_cut_into(void **state)
{
	(void)state;
	struct relief_facts facts = make_facts();
	facts.heap_marked = facts.survived = facts.heap_alloc = 170 * MIB;
	facts.mapped_ready = 174 * MIB;
	facts.heap_free = 0;
	facts.go_resident = 110 * MIB;
	struct relief_plan plan = plan_of(&facts, &automatic);
	struct relief_request forced = {.limit = RELIEF_LIMIT_AUTO, .force = true};
	assert_int_equal(RELIEF_CANNOT, plan.outlook);
	assert_error(ERROR_UNSUPPORTED, relief_plan_allowed(&plan, &automatic, &error));
	assert_ok(relief_plan_allowed(&plan, &forced, &error));
	assert_int_equal(plan.floor_bytes, plan.changes[0].after);
	assert_true(plan.floor_bytes > 174 * MIB);
}

static void a_size_is_held_against_the_live_heap_and_the_room(void **state)
{
	(void)state;
	struct relief_facts facts = make_facts();
	struct relief_request request = {.limit = RELIEF_LIMIT_BYTES, .limit_bytes = 50 * MIB};
	struct relief_plan plan = plan_of(&facts, &request);
	assert_int_equal(RELIEF_CANNOT, plan.outlook);
	request.limit_bytes = 100 * MIB;
	plan = plan_of(&facts, &request);
	assert_int_equal(RELIEF_HELPS, plan.outlook);
	assert_false(plan.above_room);
	request.limit_bytes = 190 * MIB;
	assert_true(plan_of(&facts, &request).above_room);
	request.limit_bytes = INT64_MAX;
	assert_true(plan_of(&facts, &request).above_room);
	request.limit_bytes = 300 * MIB;
	assert_true(plan_of(&facts, &request).unfelt);
}

static void gc_percent_has_its_traps(void **state)
{
	(void)state;
	struct relief_facts facts = make_facts();
	struct relief_room room = make_room();
	struct relief_request request = {.has_gc_percent = true, .gc_percent = 50};
	struct relief_plan plan = plan_of(&facts, &request);
	assert_int_equal(72 * MIB, plan.goal_after);
	assert_true(plan.starts_late);
	request.gc_percent = -1;
	assert_error(ERROR_USAGE, relief_plan_make(&facts, &room, &request, &plan, &error));
	request.limit = RELIEF_LIMIT_AUTO;
	assert_int_equal(2, plan_of(&facts, &request).change_count);
	request.gc_percent = 50;
	facts.heap_minimum = RELIEF_BYTES_MAX;
	assert_error(ERROR_UNSUPPORTED, relief_plan_make(&facts, &room, &request, &plan, &error));
	request.gc_percent = 100001;
	assert_error(ERROR_USAGE, relief_plan_make(&facts, &room, &request, &plan, &error));
}

static void auto_needs_to_know(void **state)
{
	(void)state;
	struct relief_facts facts = make_facts();
	struct relief_room room = make_room(), none = {0};
	struct relief_plan plan;
	assert_error(ERROR_NOT_FOUND, relief_plan_make(&facts, &none, &automatic, &plan, &error));
	facts.resident_known = false;
	assert_error(ERROR_NOT_FOUND, relief_plan_make(&facts, &room, &automatic, &plan, &error));
	error_set(&facts.settings[GO_SETTING_MEMORY_LIMIT].absent, ERROR_UNSUPPORTED, "Go 1.18");
	assert_error(ERROR_UNSUPPORTED, relief_plan_make(&facts, &room, &automatic, &plan, &error));
}

static void the_rate_alone_is_not_about_memory(void **state)
{
	(void)state;
	struct relief_facts facts = make_facts();
	struct relief_request request = {.has_profile_rate = true, .profile_rate = 4096};
	struct relief_plan plan = plan_of(&facts, &request);
	assert_false(plan.about_memory);
	assert_int_equal(1, plan.change_count);
	assert_int_equal(4096, plan.changes[0].after);
}

// Whatever the target says of itself, within what is let through: no overflow, no limit below the
// floor. The sanitizers look on.
static void extremes_do_not_overflow(void **state)
{
	(void)state;
	static const int64_t values[] = {0, 1, 100 * MIB, RELIEF_BYTES_MAX};
	enum { VALUES = 4, FIELDS = 9 };
	struct relief_request request = {
		.limit = RELIEF_LIMIT_AUTO, .has_gc_percent = true, .gc_percent = 100000};
	for (unsigned int mix = 0; mix < 1u << (2 * FIELDS); mix += 7) {
		struct relief_facts facts = make_facts();
		struct relief_room room = make_room();
		struct relief_plan plan;
		int64_t *fields[FIELDS] = {
			&facts.heap_alloc, &facts.heap_marked, &facts.mapped_ready,
			&facts.heap_free,  &facts.goal,        &facts.last_goal,
			&facts.roots,      &room.limit_bytes,  &facts.survived};
		for (int i = 0; i < FIELDS; i++)
			*fields[i] = values[mix >> (2 * i) & 3];
		facts.gc_percent_goal = mix & 1 ? INT64_MAX : facts.goal;
		facts.interval_ns = mix & 2 ? 1 : INT64_MAX;
		assert_ok(relief_facts_check(&facts, &error));
		if (relief_plan_make(&facts, &room, &request, &plan, NULL))
			assert_true(plan.changes[0].after >= plan.floor_bytes);
	}
}

static void facts_that_make_no_sense_are_refused(void **state)
{
	(void)state;
	struct relief_facts good = make_facts(), bad;
	assert_ok(relief_facts_check(&good, &error));
	bad = good;
	bad.heap_marked = -1;
	assert_error(ERROR_BAD_DATA, relief_facts_check(&bad, &error));
	bad = good;
	bad.goal = RELIEF_BYTES_MAX + 1;
	assert_error(ERROR_BAD_DATA, relief_facts_check(&bad, &error));
	bad = good;
	bad.gc_cpu = NAN;
	assert_error(ERROR_BAD_DATA, relief_facts_check(&bad, &error));
	bad = good;
	bad.headroom_percent = 100;
	assert_error(ERROR_BAD_DATA, relief_facts_check(&bad, &error));
	bad = good;
	bad.settings[GO_SETTING_GC_PERCENT].place.bytes = 8;
	assert_error(ERROR_BAD_DATA, relief_facts_check(&bad, &error));
	bad = good;
	bad.settings[GO_SETTING_MEM_PROFILE_RATE].place.value = -1;
	assert_error(ERROR_BAD_DATA, relief_facts_check(&bad, &error));
	bad = good;
	bad.settings[GO_SETTING_GC_PERCENT].absent.code = (enum error_code)99;
	assert_error(ERROR_BAD_DATA, relief_facts_check(&bad, &error));
	bad = good;
	memset(bad.build_id, '\033', sizeof bad.build_id);
	assert_error(ERROR_BAD_DATA, relief_facts_check(&bad, &error));
	bad = good;
	memset(bad.go_version, 'x', sizeof bad.go_version);
	assert_ok(relief_facts_check(&bad, &error));
	assert_int_equal(sizeof bad.go_version - 1, strlen(bad.go_version));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(garbage_can_be_helped),
		cmocka_unit_test(a_fast_churn_is_no_leak),
		cmocka_unit_test(the_reserve_goes_before_the_live_heap_does),
		cmocka_unit_test(growth_is_put_off),
		cmocka_unit_test(what_does_not_fit_is_refused_and_never_cut_into),
		cmocka_unit_test(a_size_is_held_against_the_live_heap_and_the_room),
		cmocka_unit_test(gc_percent_has_its_traps),
		cmocka_unit_test(auto_needs_to_know),
		cmocka_unit_test(the_rate_alone_is_not_about_memory),
		cmocka_unit_test(extremes_do_not_overflow),
		cmocka_unit_test(facts_that_make_no_sense_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
