// SPDX-License-Identifier: Apache-2.0
// The runtime's statistics on the copy of a real program at rest: that they fit together, and that
// what is forged about them ends. That they are the program's own is in tests/e2e.
#include "golang/go_lab.h"

#include <string.h>

#include "golang/metrics.h"
#include "golang/settings.h"
#include "golang/span_classes.h"

static const char *const versions[] = {"1.22.12", "1.24.13", "1.26.8", "1.27.4"};

struct world {
	struct go_lab lab;
	struct target *target;
	struct go_runtime runtime;
};

static void begin(struct world *world, const char *version)
{
	go_lab_start(&world->lab, version, "allocs");
	world->target = go_lab_target(&world->lab);
	assert_ok(go_runtime_open(world->target, world->lab.image, &world->lab.info,
				  &world->runtime, &error));
}

static void end(struct world *world)
{
	go_runtime_deinit(&world->runtime);
	target_free(world->target);
	go_lab_stop(&world->lab);
}

static void change(struct world *world, taddr_t address, uint64_t value)
{
	uint8_t *place = go_lab_at(&world->lab, address);
	assert_non_null(place);
	go_lab_change(&world->lab, (size_t)(place - world->lab.memory), value);
	target_forget(world->target);
}

static uint64_t word_at(struct world *world, taddr_t address)
{
	uint64_t value;
	assert_non_null(go_lab_at(&world->lab, address));
	memcpy(&value, go_lab_at(&world->lab, address), 8);
	return value;
}

static void undo(struct world *world)
{
	go_lab_undo(&world->lab);
	target_forget(world->target);
}

static uint64_t metric(const struct go_metrics *metrics, const char *name)
{
	for (size_t i = 0; i < metrics->count; i++)
		if (strcmp(metrics->rows[i].name, name) == 0)
			return metrics->rows[i].value;
	fail_msg("no metric %s", name);
	return 0;
}

// The parts of the memory that runtime/metrics documents to be the total.
static uint64_t memory_classes_sum(const struct go_metrics *metrics)
{
	uint64_t sum = 0;
	for (size_t i = 0; i < metrics->count; i++)
		if (strncmp(metrics->rows[i].name, "/memory/classes/", 16) == 0 &&
		    strcmp(metrics->rows[i].name, "/memory/classes/total:bytes") != 0)
			sum += metrics->rows[i].value;
	return sum;
}

static void check_metrics(struct world *world, const struct go_memstats *stats)
{
	struct go_gc_state gc;
	struct go_metrics metrics;
	struct go_scheduler scheduler;
	go_gc_state_read(&world->runtime, stats, &gc);
	assert_ok(go_scheduler_read(&world->runtime, &scheduler, &error));
	go_metrics_compute(&world->runtime, stats, &gc, &scheduler, &metrics);
	assert_int_equal(GO_GC_OFF, gc.phase);
	assert_int_equal(stats->num_gc, gc.pauses.count);
	assert_true(gc.pauses.median_ns && gc.pauses.median_ns <= gc.pauses.max_ns);
	assert_true(gc.cpu.known && gc.cpu.gc_total > 0 && gc.cpu.gc_total < gc.cpu.total);
	assert_true(gc.limiter.known && !gc.limiter.enabled);
	assert_int_equal(metric(&metrics, "/memory/classes/total:bytes"),
			 memory_classes_sum(&metrics));
	assert_int_equal(stats->heap_marked, metric(&metrics, "/gc/heap/live:bytes"));
	assert_int_equal(stats->num_gc, metric(&metrics, "/gc/cycles/total:gc-cycles"));
	assert_int_equal(0, scheduler.failed);
	assert_int_equal(stats->gomaxprocs, scheduler.processors.count);
	assert_true(scheduler.goroutines.known && scheduler.goroutines.value == 77);
	assert_true(scheduler.timers.known && scheduler.timers.total >= 6 &&
		    scheduler.timers.next_ns > 0); // six goroutines sleep
	const struct go_threads *threads = &scheduler.threads;
	assert_true(threads->total > 2 && !threads->cut && threads->in_syscall >= 2);
	assert_int_equal(threads->total, threads->running + threads->in_c + threads->in_syscall +
						 threads->parked + threads->other);
	assert_int_equal(threads->total, threads->created.value - threads->ended.value);
	go_scheduler_deinit(&scheduler);
}

static void check_classes(const struct go_spans *spans)
{
	struct go_span_classes classes;
	go_span_classes_sum(spans, &classes);
	assert_int_equal(0, classes.mismatched_spans);
	assert_int_equal(spans->heap_inuse, classes.total.span_bytes);
	assert_int_equal(spans->heap_objects, classes.total.objects);
	assert_int_equal(spans->heap_alloc, classes.total.objects_bytes);
	assert_int_equal(classes.total.span_bytes, classes.total.objects_bytes +
							   classes.total.free_bytes +
							   classes.total.tail_bytes);
	assert_true(classes.rows[0].spans || classes.rows[1].spans); // large objects
	assert_int_equal(0, classes.rows[0].free_slots);
}

static void statistics_fit_together(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof versions / sizeof *versions; i++) {
		struct world world;
		struct go_spans spans;
		struct go_memstats stats, alone;
		begin(&world, versions[i]);
		assert_ok(go_spans_read(&world.runtime, &spans, &error));
		assert_ok(go_memstats_read(&world.runtime, &spans, &stats, &error));
		assert_ok(go_memstats_read(&world.runtime, NULL, &alone, &error));
		assert_true(stats.consistent && stats.has_counters && stats.held.cost_known);
		assert_int_equal(1, stats.attempts);
		assert_int_equal(0, stats.held.failed);
		assert_int_equal(stats.gomaxprocs, stats.held.caches);
		// Counted by the allocator, and counted in the spans.
		assert_int_equal(spans.heap_alloc, stats.heap_alloc);
		assert_int_equal(spans.heap_objects, stats.heap_objects);
		assert_int_equal(stats.mallocs - stats.frees, stats.heap_objects);
		assert_int_equal(stats.sys, alone.sys);
		assert_int_equal(stats.held.stack_bytes, alone.stack_inuse - stats.stack_inuse);
		check_metrics(&world, &stats);
		check_classes(&spans);
		go_spans_deinit(&spans);
		end(&world);
	}
}

// A sum that is kept in two places and differs is seen, and the reading ends all the same.
static void a_torn_reading_is_seen(void **state)
{
	struct world world;
	struct go_memstats stats;
	begin(&world, *state);
	taddr_t free_bytes =
		world.runtime.symbols[GO_SYMBOL_GC_CONTROLLER] +
		(uint64_t)world.runtime.layout.offset[GO_GC_CONTROLLER_STATE_HEAP_FREE];
	change(&world, free_bytes, word_at(&world, free_bytes) + 8192);
	assert_ok(go_memstats_read(&world.runtime, NULL, &stats, &error));
	assert_false(stats.consistent);
	assert_true(stats.attempts > 1);
	end(&world);
}

static void circles_of_threads_and_finalizers_end(void **state)
{
	struct world world;
	struct go_scheduler scheduler;
	begin(&world, *state);
	taddr_t thread = word_at(&world, world.runtime.symbols[GO_SYMBOL_ALLM]);
	change(&world, thread + (uint64_t)world.runtime.layout.offset[GO_M_ALLLINK], thread);
	assert_ok(go_scheduler_read(&world.runtime, &scheduler, &error));
	assert_true(scheduler.threads.cut && scheduler.failed);
	go_scheduler_deinit(&scheduler);
	undo(&world);
	const int *offset = world.runtime.layout.offset;
	taddr_t block =
		world.runtime.symbols[GO_SYMBOL_ALLFIN]; // the variable as a block of itself
	change(&world, block + (uint64_t)offset[GO_FIN_BLOCK_CNT], 0);
	change(&world, block + (uint64_t)offset[GO_FIN_BLOCK_ALLLINK], block);
	assert_ok(go_scheduler_read(&world.runtime, &scheduler, &error));
	assert_false(scheduler.finalizers.waiting.known);
	go_scheduler_deinit(&scheduler);
	end(&world);
}

static void claimed_processors_are_checked(void **state)
{
	static const uint64_t counts[] = {UINT64_MAX, (uint64_t)1 << 40, 4097};
	struct world world;
	struct go_scheduler scheduler;
	struct go_memstats stats;
	begin(&world, *state);
	for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
		change(&world, world.runtime.symbols[GO_SYMBOL_ALLP] + 8, counts[i]);
		assert_error(ERROR_BAD_DATA, go_scheduler_read(&world.runtime, &scheduler, &error));
		assert_error(ERROR_BAD_DATA,
			     go_memstats_read(&world.runtime, NULL, &stats, &error));
		undo(&world);
	}
	end(&world);
}

// A list of free stacks that bites its tail.
static void a_circle_of_stacks_ends(void **state)
{
	struct world world;
	struct go_memstats stats;
	begin(&world, *state);
	const int *offset = world.runtime.layout.offset;
	taddr_t processor = word_at(&world, word_at(&world, world.runtime.symbols[GO_SYMBOL_ALLP]));
	taddr_t cache = word_at(&world, processor + (uint64_t)offset[GO_P_MCACHE]);
	change(&world, cache + (uint64_t)offset[GO_MCACHE_STACKCACHE], cache);
	change(&world, cache, cache);
	assert_ok(go_memstats_read(&world.runtime, NULL, &stats, &error));
	assert_true(stats.held.failed && !stats.consistent);
	end(&world);
}

static struct go_pacer quiet_pacer(void)
{
	return (struct go_pacer){
		.gc_percent = 100,
		.memory_limit = INT64_MAX,
		.has_limit = true,
		.has_accounts = true,
		.heap_marked = 40 << 20,
		.gc_percent_goal = 80 << 20,
		.triggered = UINT64_MAX,
		.headroom_percent = 3,
		.mapped_ready = 100 << 20,
		.heap_free = 10 << 20,
		.total_alloc = 500 << 20,
		.total_free = 440 << 20,
	};
}

static void goals_follow_the_pacer(void **state)
{
	(void)state;
	struct go_pacer pacer = quiet_pacer();
	assert_int_equal(80 << 20, go_pacer_goal(&pacer, NULL));
	assert_false(go_pacer_is_limited(&pacer));
	pacer.sweep_dist_min_trigger = 90 << 20;
	assert_int_equal(90 << 20, go_pacer_goal(&pacer, NULL));
	pacer.triggered = 95 << 20; // in a cycle: at least 64 KiB to go
	assert_int_equal((95 << 20) + (64 << 10), go_pacer_goal(&pacer, NULL));
	pacer = quiet_pacer();
	pacer.gc_percent = -1;
	pacer.gc_percent_goal = UINT64_MAX;
	pacer.memory_limit = 130 << 20; // 30 MiB are no heap; 3% of 100 MiB stay free
	uint64_t goal = 100 << 20;
	assert_int_equal(goal - goal / 100 * 3, go_pacer_goal(&pacer, NULL));
	assert_true(go_pacer_is_limited(&pacer));
	pacer.headroom_percent = 0; // Go 1.19 and 1.20: 1 MiB
	assert_int_equal(99 << 20, go_pacer_goal(&pacer, NULL));
	struct go_held_back held = {.alloc_bytes = 2 << 20, .stack_bytes = 1 << 20};
	assert_int_equal(102 << 20, go_pacer_goal(&pacer, &held));
	pacer.memory_limit = 20 << 20; // all is lost: as low as it goes
	assert_int_equal(40 << 20, go_pacer_goal(&pacer, NULL));
	pacer.has_limit = false;
	pacer.heap_goal_kept = 77;
	assert_int_equal(77, go_pacer_goal(&pacer, NULL));
}

static void the_trigger_lies_between_live_heap_and_goal(void **state)
{
	(void)state;
	struct go_pacer pacer = quiet_pacer();
	uint64_t step = (40 << 20) / 64, marked = 40 << 20;
	assert_int_equal(step * 61 + marked, go_pacer_trigger(&pacer)); // no runway: the latest
	pacer.runway = 79 << 20;                                        // the earliest
	assert_int_equal(step * 45 + marked, go_pacer_trigger(&pacer));
	pacer.runway = 8 << 20;
	assert_int_equal(72 << 20, go_pacer_trigger(&pacer));
	pacer.heap_marked = 81 << 20;
	assert_int_equal(80 << 20, go_pacer_trigger(&pacer));
}

static void the_environment_is_compared(void **state)
{
	(void)state;
	static const char text[] =
		"A=1\0GOGC=off\0GOMEMLIMIT=64MiB\0GOMAXPROCS=x\0XGOGC=7\0GODEBUG=cut";
	struct go_settings settings = {.gc_percent = -1, .memory_limit = 32 << 20, .gomaxprocs = 4};
	go_settings_add_environment(&settings, text, sizeof text - 1);
	assert_true(settings.gogc.known && settings.gogc.set && !settings.gogc.differs);
	assert_string_equal("off", settings.gogc.text);
	assert_true(settings.gomemlimit.set && settings.gomemlimit.differs);
	assert_true(settings.gomaxprocs_variable.set && !settings.gomaxprocs_variable.differs);
	assert_false(settings.godebug.set); // its end is not there
	settings = (struct go_settings){.gc_percent = 50, .memory_limit = INT64_MAX};
	go_settings_add_environment(&settings, "", 0);
	assert_true(settings.gogc.known && !settings.gogc.set && settings.gogc.differs);
	assert_false(settings.gomemlimit.differs);
}

int main(void)
{
	static char newest[] = "1.27.4";
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(statistics_fit_together),
		cmocka_unit_test_prestate(a_torn_reading_is_seen, newest),
		cmocka_unit_test_prestate(circles_of_threads_and_finalizers_end, newest),
		cmocka_unit_test_prestate(claimed_processors_are_checked, newest),
		cmocka_unit_test_prestate(a_circle_of_stacks_ends, newest),
		cmocka_unit_test(goals_follow_the_pacer),
		cmocka_unit_test(the_trigger_lies_between_live_heap_and_goal),
		cmocka_unit_test(the_environment_is_compared),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
