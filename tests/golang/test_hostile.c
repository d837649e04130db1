// SPDX-License-Identifier: Apache-2.0
// A real program's memory, damaged in many ways: every reader may fail, none may crash, hang or
// leak (the sanitizers see to that). A round that failed is found again by its seed.
#include "golang/go_lab.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/random.h"
#include "golang/buckets.h"
#include "golang/goroutines.h"
#include "golang/reach.h"
#include "golang/metrics.h"
#include "golang/span_classes.h"
#include "snapshot/heap_profile.h"

enum { ROUNDS = 300, ROUND_LIMIT_MS = 20000 };

struct tally {
	int opened, buckets, spans, goroutines, stats, profiles, blocks, reached;
	uint64_t damaged_buckets, failed_spans, failed_stacks;
};

static void check_error(const struct error *error)
{
	assert_true(error->code != ERROR_NONE && error->message[0]);
	assert_true(error->code != ERROR_USAGE);
}

static void read_profile(const struct go_runtime *runtime, struct tally *tally)
{
	struct error error = {0};
	struct go_buckets buckets;
	struct profile *profile = NULL;
	if (!go_buckets_read(runtime, &buckets, &error)) {
		check_error(&error);
		return;
	}
	tally->buckets++;
	tally->damaged_buckets += buckets.damaged;
	struct heap_profile_source source = {.buckets = &buckets,
					     .functab = runtime->functab,
					     .default_sample_type = HEAP_INUSE_SPACE,
					     .executable = {.file = "/bin/x", .build_id = ""}};
	if (heap_profile_build(&source, &profile, &error)) {
		assert_int_equal(buckets.buckets.count, profile->samples.count);
		tally->profiles++;
	} else {
		check_error(&error);
	}
	profile_free(profile);
	go_buckets_deinit(&buckets);
}

static void read_statistics(const struct go_runtime *runtime, const struct go_spans *spans,
			    struct tally *tally)
{
	struct error error = {0};
	struct go_memstats stats;
	struct go_scheduler scheduler;
	struct go_gc_state gc;
	struct go_metrics metrics;
	struct go_span_classes classes;
	go_span_classes_sum(spans, &classes);
	if (go_memstats_read(runtime, spans, &stats, &error)) {
		go_gc_state_read(runtime, &stats, &gc);
		go_metrics_compute(runtime, &stats, &gc, NULL, &metrics);
		tally->stats++;
	} else {
		check_error(&error);
	}
	error = (struct error){0};
	if (go_scheduler_read(runtime, &scheduler, &error))
		go_scheduler_deinit(&scheduler);
	else
		check_error(&error);
}

// What goroutines wait on, and who could wake them.
static void read_blocks(const struct go_runtime *runtime, const struct go_goroutines *goroutines,
			struct tally *tally)
{
	struct error error = {0};
	struct go_spans spans;
	struct go_blocks blocks;
	struct go_reach reach;
	if (!go_blocks_read(runtime, goroutines, &blocks, &error)) {
		check_error(&error);
		return;
	}
	VEC_FOREACH (block, &blocks.list)
		tally->blocks += *block != NULL;
	if (go_spans_read(runtime, &spans, NULL)) {
		if (go_reach_find(runtime, goroutines, &blocks, &spans, &reach, &error)) {
			tally->reached++;
			go_reach_deinit(&reach);
		} else {
			check_error(&error);
		}
		go_spans_deinit(&spans);
	}
	go_blocks_deinit(&blocks);
}

static void read_rest(const struct go_runtime *runtime, struct tally *tally)
{
	struct error error = {0};
	struct go_spans spans;
	struct go_goroutines goroutines;
	if (go_spans_read(runtime, &spans, &error)) {
		tally->spans++;
		tally->failed_spans += spans.failed;
		read_statistics(runtime, &spans, tally);
		go_spans_deinit(&spans);
	} else {
		check_error(&error);
	}
	if (go_goroutines_read(runtime, &goroutines, &error)) {
		tally->goroutines++;
		tally->failed_stacks += goroutines.stacks_failed;
		VEC_FOREACH (goroutine, &goroutines.list)
			assert_non_null(go_status_name(goroutine->status));
		read_blocks(runtime, &goroutines, tally);
		go_goroutines_deinit(&goroutines);
	} else {
		check_error(&error);
	}
}

static void read_all(const struct go_lab *lab, struct tally *tally)
{
	struct error error = {0};
	struct go_runtime runtime;
	struct target *target = go_lab_target(lab);
	int64_t start = clock_monotonic_ns();
	if (go_runtime_open(target, lab->image, &lab->info, &runtime, &error)) {
		tally->opened++;
		read_profile(&runtime, tally);
		read_rest(&runtime, tally);
		go_runtime_deinit(&runtime);
	} else {
		check_error(&error);
	}
	target_free(target);
	assert_true(clock_monotonic_ns() - start < (int64_t)ROUND_LIMIT_MS * 1000000);
}

static void damaged_memory_is_no_danger(void **state)
{
	struct go_lab lab;
	struct tally whole = {0}, tally = {0};
	go_lab_start(&lab, *state, "allocs");
	read_all(&lab, &whole);
	assert_int_equal(1, whole.profiles + whole.damaged_buckets + whole.failed_spans);
	for (uint64_t round = 1; round <= ROUNDS; round++) {
		uint64_t seed = round;
		static const size_t counts[] = {1, 16, 256, 1024, 4096, 32768};
		go_lab_damage(&lab, &seed, counts[round % (sizeof counts / sizeof *counts)]);
		read_all(&lab, &tally);
		go_lab_undo(&lab);
	}
	print_message("of %d rounds: opened %d, buckets %d (%lu damaged), profiles %d, spans %d "
		      "(%lu failed), goroutines %d (%lu stacks failed), statistics %d\n",
		      ROUNDS, tally.opened, tally.buckets, (unsigned long)tally.damaged_buckets,
		      tally.profiles, tally.spans, (unsigned long)tally.failed_spans,
		      tally.goroutines, (unsigned long)tally.failed_stacks, tally.stats);
	// The damage was seen, and was not all there was.
	assert_true(tally.damaged_buckets && tally.failed_spans && tally.failed_stacks);
	assert_true(tally.buckets > ROUNDS / 10 && tally.buckets < ROUNDS);
	read_all(&lab, &whole); // it was all put back
	assert_int_equal(2, whole.profiles);
	assert_int_equal(0, whole.damaged_buckets);
	go_lab_stop(&lab);
}

// Damage where it hurts most: around the runtime's variables and the heads of its structures.
static void damaged_variables_are_no_danger(void **state)
{
	struct go_lab lab;
	struct tally tally = {0};
	struct go_runtime runtime;
	go_lab_start(&lab, *state, "allocs");
	struct target *target = go_lab_target(&lab);
	assert_ok(go_runtime_open(target, lab.image, &lab.info, &runtime, &error));
	for (uint64_t round = 1; round <= ROUNDS; round++) {
		uint64_t seed = round;
		for (int i = 0; i < 6; i++) {
			taddr_t symbol = runtime.symbols[random_next(&seed) % GO_SYMBOL_COUNT];
			uint8_t *place = go_lab_at(&lab, symbol + random_next(&seed) % 32 * 8);
			uint64_t dice = random_next(&seed), value = dice;
			if (!place)
				continue;
			memcpy(&value, place, 8);
			value = dice % 3 == 0 ? dice >> 32
					      : value ^ (uint64_t)1 << (dice >> 8) % 64;
			go_lab_change(&lab, (size_t)(place - lab.memory), value);
		}
		read_all(&lab, &tally);
		go_lab_undo(&lab);
	}
	print_message("of %d rounds: opened %d, buckets %d, spans %d, goroutines %d\n", ROUNDS,
		      tally.opened, tally.buckets, tally.spans, tally.goroutines);
	assert_true(tally.opened && tally.opened < ROUNDS);
	assert_true(tally.buckets && tally.spans && tally.goroutines);
	assert_true(tally.blocks && tally.reached);
	go_runtime_deinit(&runtime);
	target_free(target);
	go_lab_stop(&lab);
}

static uint64_t word_at(const struct go_lab *lab, taddr_t address)
{
	uint64_t value;
	assert_non_null(go_lab_at(lab, address));
	memcpy(&value, go_lab_at(lab, address), 8);
	return value;
}

static void change(struct go_lab *lab, taddr_t address, uint64_t value)
{
	go_lab_change(lab, (size_t)(go_lab_at(lab, address) - lab->memory), value);
}

static void a_circle_of_buckets_ends(void **state)
{
	struct go_lab lab;
	struct go_runtime runtime;
	struct go_buckets buckets;
	go_lab_start(&lab, *state, "allocs");
	struct target *target = go_lab_target(&lab);
	assert_ok(go_runtime_open(target, lab.image, &lab.info, &runtime, &error));
	taddr_t first = word_at(&lab, runtime.symbols[GO_SYMBOL_MBUCKETS]);
	change(&lab, first + runtime.layout.offset[GO_BUCKET_ALLNEXT], first);
	int64_t start = clock_monotonic_ns();
	assert_error(ERROR_BAD_DATA, go_buckets_read(&runtime, &buckets, &error));
	assert_true(clock_monotonic_ns() - start < 1000000000);
	go_runtime_deinit(&runtime);
	target_free(target);
	go_lab_stop(&lab);
}

// Each count is one that a target could claim, and none has so many.
static void claimed_counts_are_checked(void **state)
{
	static const uint64_t counts[] = {UINT64_MAX, INT64_MAX, (uint64_t)1 << 61,
					  (uint64_t)1 << 32, (uint64_t)1 << 24};
	struct go_lab lab;
	struct go_runtime runtime;
	struct go_goroutines goroutines;
	struct go_spans spans;
	go_lab_start(&lab, *state, "allocs");
	struct target *target = go_lab_target(&lab);
	assert_ok(go_runtime_open(target, lab.image, &lab.info, &runtime, &error));
	taddr_t allspans = runtime.symbols[GO_SYMBOL_MHEAP] +
			   (uint64_t)runtime.layout.offset[GO_MHEAP_ALLSPANS];
	for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
		struct error error = {0};
		change(&lab, runtime.symbols[GO_SYMBOL_ALLGS] + 8, counts[i]);
		change(&lab, allspans + 8, counts[i]);
		target_forget(target);
		assert_false(go_goroutines_read(&runtime, &goroutines, &error));
		assert_true(error.code == ERROR_BAD_DATA || error.code == ERROR_FAULT);
		assert_false(go_spans_read(&runtime, &spans, &error));
		assert_true(error.code == ERROR_BAD_DATA || error.code == ERROR_FAULT);
		go_lab_undo(&lab);
	}
	go_runtime_deinit(&runtime);
	target_free(target);
	go_lab_stop(&lab);
}

static void impossible_spans_are_counted_and_left_out(void **state)
{
	static const struct {
		enum go_field field;
		uint64_t value;
	} changes[] = {
		{GO_MSPAN_NPAGES, ((uint64_t)1 << 30) + 1},
		{GO_MSPAN_NPAGES, UINT64_MAX},
		{GO_MSPAN_ELEMSIZE, UINT64_MAX},
		{GO_MSPAN_ELEMSIZE, (uint64_t)1 << 62},
		{GO_MSPAN_ALLOC_COUNT, UINT64_MAX}, // and the state beside it
	};
	struct go_lab lab;
	struct go_runtime runtime;
	struct go_spans whole, spans;
	go_lab_start(&lab, *state, "allocs");
	struct target *target = go_lab_target(&lab);
	assert_ok(go_runtime_open(target, lab.image, &lab.info, &runtime, &error));
	assert_ok(go_spans_read(&runtime, &whole, &error));
	taddr_t table = word_at(&lab, runtime.symbols[GO_SYMBOL_MHEAP] +
					      (uint64_t)runtime.layout.offset[GO_MHEAP_ALLSPANS]);
	taddr_t span = 0; // one in use
	for (uint64_t i = 0; !span; i++) {
		taddr_t address = word_at(&lab, table + 8 * i);
		uint8_t *state_byte =
			go_lab_at(&lab, address + (uint64_t)runtime.layout.offset[GO_MSPAN_STATE]);
		span = state_byte && *state_byte == GO_SPAN_IN_USE ? address : 0;
	}
	for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
		change(&lab, span + (uint64_t)runtime.layout.offset[changes[i].field],
		       changes[i].value);
		target_forget(target);
		assert_ok(go_spans_read(&runtime, &spans, &error));
		assert_int_equal(1, spans.failed);
		assert_int_equal(whole.spans.count - 1, spans.spans.count);
		assert_true(spans.heap_inuse < whole.heap_inuse);
		go_spans_deinit(&spans);
		go_lab_undo(&lab);
	}
	go_spans_deinit(&whole);
	go_runtime_deinit(&runtime);
	target_free(target);
	go_lab_stop(&lab);
}

static void impossible_counts_of_a_bucket_are_left_out(void **state)
{
	struct go_lab lab;
	struct go_runtime runtime;
	struct go_buckets whole, buckets;
	go_lab_start(&lab, *state, "allocs");
	struct target *target = go_lab_target(&lab);
	assert_ok(go_runtime_open(target, lab.image, &lab.info, &runtime, &error));
	assert_ok(go_buckets_read(&runtime, &whole, &error));
	taddr_t first = word_at(&lab, runtime.symbols[GO_SYMBOL_MBUCKETS]);
	taddr_t record = first + (uint64_t)runtime.layout.offset[GO_SIZEOF_BUCKET] +
			 8 * whole.buckets.items[0].depth;
	for (int i = 0; i < runtime.layout.offset[GO_SIZEOF_MEM_RECORD]; i += 8)
		change(&lab, record + (uint64_t)i, i % 16 ? (uint64_t)INT64_MAX : UINT64_MAX);
	assert_ok(go_buckets_read(&runtime, &buckets, &error));
	assert_int_equal(1, buckets.damaged);
	assert_int_equal(whole.buckets.count, buckets.buckets.count);
	assert_int_equal(0, buckets.buckets.items[0].now.alloc_bytes);
	assert_int_equal(0, buckets.buckets.items[0].now.free_objects);
	go_buckets_deinit(&buckets);
	go_buckets_deinit(&whole);
	go_runtime_deinit(&runtime);
	target_free(target);
	go_lab_stop(&lab);
}

int main(void)
{
	static char old[] = "1.22.12", newest[] = "1.27.4";
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_prestate(damaged_memory_is_no_danger, old),
		cmocka_unit_test_prestate(damaged_memory_is_no_danger, newest),
		cmocka_unit_test_prestate(damaged_variables_are_no_danger, newest),
		cmocka_unit_test_prestate(a_circle_of_buckets_ends, newest),
		cmocka_unit_test_prestate(claimed_counts_are_checked, newest),
		cmocka_unit_test_prestate(impossible_spans_are_counted_and_left_out, newest),
		cmocka_unit_test_prestate(impossible_counts_of_a_bucket_are_left_out, old),
		cmocka_unit_test_prestate(impossible_counts_of_a_bucket_are_left_out, newest),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
