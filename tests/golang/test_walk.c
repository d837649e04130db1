// SPDX-License-Identifier: Apache-2.0
// Everything that is read of a Go runtime, on the copy of a real program at rest. That the numbers
// are those of the program itself is in tests/e2e; here it is that they fit together.
#include "golang/go_lab.h"

#include <string.h>

#include "golang/buckets.h"
#include "golang/blocked.h"
#include "golang/goroutines.h"
#include "golang/memstats.h"
#include "golang/moduledata.h"
#include "golang/spans.h"

struct world {
	struct go_lab lab;
	struct target *target;
	struct go_runtime runtime;
};

static const char *const versions[] = {"1.22.12", "1.24.13", "1.26.8", "1.27.4"};

static void begin(struct world *world, const char *version, const char *program)
{
	go_lab_start(&world->lab, version, program);
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

static void check_buckets(struct world *world)
{
	struct go_buckets buckets;
	assert_ok(go_buckets_read(&world->runtime, &buckets, &error));
	assert_true(buckets.buckets.count > 50);
	assert_int_equal(1, buckets.rate);
	assert_int_equal(1, buckets.attempts);
	assert_true(buckets.consistent);
	assert_int_equal(0, buckets.damaged);
	VEC_FOREACH (bucket, &buckets.buckets) {
		const struct go_counts *now = &bucket->now, *published = &bucket->published;
		assert_true(bucket->depth > 0);
		assert_true(now->alloc_objects >= published->alloc_objects);
		assert_true(now->alloc_bytes == now->alloc_objects * (int64_t)bucket->object_size);
		assert_true(now->free_bytes == now->free_objects * (int64_t)bucket->object_size);
		for (size_t i = 0; i < bucket->depth; i++) {
			const struct go_frame *frame =
				functab_frame(world->runtime.functab, bucket->stack[i]);
			assert_true(frame->valid && frame->function[0] && frame->file[0]);
			assert_true(frame->line > 0 && frame->start_line > 0);
			assert_true(frame->pc == bucket->stack[i] - 1); // the call itself
		}
	}
	go_buckets_deinit(&buckets);
}

static void check_heap(struct world *world)
{
	struct go_spans spans;
	struct go_memstats stats;
	taddr_t last = 0;
	assert_ok(go_spans_read(&world->runtime, &spans, &error));
	assert_ok(go_memstats_read(&world->runtime, &spans, &stats, &error));
	assert_true(spans.spans.count > 50);
	assert_int_equal(0, spans.failed);
	VEC_FOREACH (span, &spans.spans) {
		assert_true(span->start >= last && span->bytes);
		last = span->start + span->bytes;
	}
	assert_int_equal(stats.heap_inuse, spans.heap_inuse);
	assert_true(spans.heap_alloc <= spans.heap_inuse && spans.heap_alloc > 1 << 20);
	assert_true(stats.heap_sys == stats.heap_inuse + stats.heap_idle);
	assert_in_range(stats.heap_marked, 1 << 20, stats.heap_sys);
	assert_true(stats.num_gc > 0 && stats.last_gc_unix_ns > 0 && stats.gomaxprocs > 0);
	assert_true(stats.memory_limit == INT64_MAX);
	go_spans_deinit(&spans);
}

// Each that waits for a channel has one, and is in its queue.
static void check_blocks(struct world *world, const struct go_goroutines *goroutines)
{
	struct go_blocks blocks;
	uint64_t waiters = 0, cases = 0;
	assert_ok(go_blocks_read(&world->runtime, goroutines, &blocks, &error));
	assert_int_equal(goroutines->list.count, blocks.list.count);
	for (size_t i = 0; i < blocks.list.count; i++) {
		const struct go_goroutine *goroutine = &goroutines->list.items[i];
		const struct go_block *block = blocks.list.items[i];
		if (goroutine->system || !goroutine->wait_reason ||
		    strcmp(goroutine->wait_reason, "chan receive") != 0)
			continue;
		assert_non_null(block);
		assert_int_equal(GO_BLOCK_CHANNEL, block->kind);
		assert_int_equal(1, block->case_count);
		assert_true(block->cases[0].known && !block->cases[0].sends);
	}
	VEC_FOREACH (block, &blocks.list)
		cases += *block ? (*block)->case_count : 0;
	VEC_FOREACH (channel, &blocks.channels)
		waiters += channel->receivers + channel->senders;
	assert_int_equal(cases, waiters);
	go_blocks_deinit(&blocks);
}

static void check_goroutines(struct world *world)
{
	struct go_goroutines goroutines;
	size_t receiving = 0, in_wait_receive = 0;
	assert_ok(go_goroutines_read(&world->runtime, &goroutines, &error));
	assert_int_equal(0, goroutines.stacks_failed);
	assert_true(goroutines.user > 70 && goroutines.user < goroutines.list.count);
	VEC_FOREACH (goroutine, &goroutines.list) {
		bool here = false;
		for (size_t i = 0; goroutine->stack && i < goroutine->stack->count; i++)
			here |= strcmp(goroutine->stack->calls[i]->function.name,
				       "main.waitReceive") == 0;
		in_wait_receive += here;
		receiving += here && strcmp(goroutine->wait_reason, "chan receive") == 0;
		assert_true(go_goroutine_stack_bytes(goroutine) >= 2048);
	}
	assert_int_equal(20, in_wait_receive); // as many as tests/targets/allocs starts
	assert_int_equal(20, receiving);
	check_blocks(world, &goroutines);
	go_goroutines_deinit(&goroutines);
}

static void every_version_is_read(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof versions / sizeof *versions; i++) {
		struct world world;
		begin(&world, versions[i], "allocs");
		check_buckets(&world);
		check_heap(&world);
		check_goroutines(&world);
		assert_int_equal(0, functab_failures(world.runtime.functab));
		assert_int_equal(0, target_get_counters(world.target).failed_reads);
		end(&world);
	}
}

static void program_counters_are_looked_up(void **state)
{
	(void)state;
	struct world world;
	begin(&world, "1.26.8", "allocs");
	struct functab *functab = world.runtime.functab;
	struct elf_symbol_query query = {"main.touched", false, 0};
	assert_ok(elf_image_symbols(world.lab.image, &query, 1, &error));
	assert_true(query.found);
	assert_string_equal("main.touched", functab_name(functab, query.address));
	assert_true(functab_entry(functab, query.address + 5) == query.address);
	assert_int_equal(0, functab_frame_size(functab, query.address)); // nothing pushed yet
	const struct go_frame *frame = functab_frame(functab, query.address);
	assert_true(frame->valid && frame->pc == query.address); // an entry is no return address
	assert_string_equal("main.touched", frame->function);
	assert_non_null(strstr(frame->file, "/allocs/main.go"));
	assert_true(frame->line == frame->start_line);
	assert_ptr_equal(frame, functab_frame(functab, query.address)); // looked up once
	static const taddr_t nowhere[] = {0, 1, 0x400000, UINT64_MAX};
	for (size_t i = 0; i < sizeof nowhere / sizeof *nowhere; i++) {
		assert_false(functab_frame(functab, nowhere[i])->valid);
		assert_null(functab_name(functab, nowhere[i]));
		assert_int_equal(0, functab_entry(functab, nowhere[i]));
		assert_int_equal(-1, functab_frame_size(functab, nowhere[i]));
	}
	end(&world);
}

static void what_was_looked_up_outlives_the_target(void **state)
{
	(void)state;
	struct world world;
	begin(&world, "1.26.8", "allocs");
	struct functab *functab = world.runtime.functab;
	struct elf_symbol_query queries[] = {{"main.touched", false, 0}, {"main.grow", false, 0}};
	assert_ok(elf_image_symbols(world.lab.image, queries, 2, &error));
	assert_true(functab_frame(functab, queries[0].address)->valid);
	functab_detach(functab);
	memset(&world.runtime.layout, 0x5a, sizeof world.runtime.layout); // it has its own
	target_free(world.target);
	world.target = NULL;
	assert_string_equal("main.touched", functab_frame(functab, queries[0].address)->function);
	assert_false(functab_frame(functab, queries[1].address)->valid);
	end(&world);
}

static void a_program_without_the_profiler_says_so(void **state)
{
	(void)state;
	struct world world;
	struct go_buckets buckets;
	struct error error;
	begin(&world, "1.26.8", "noprof");
	assert_false(go_buckets_read(&world.runtime, &buckets, &error));
	assert_int_equal(ERROR_UNSUPPORTED, error.code);
	assert_true(error.hint[0]);
	end(&world);
}

static void a_stripped_program_is_read_as_well(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof versions / sizeof *versions; i++) {
		struct world world;
		begin(&world, versions[i], "allocs-stripped");
		const char *missing[GO_SYMBOL_COUNT];
		assert_int_equal(SYMBOLS_FROM_CODE, world.runtime.symbols_from);
		assert_int_equal(0, go_runtime_missing(&world.runtime, missing, GO_SYMBOL_COUNT));
		check_buckets(&world);
		check_heap(&world);
		check_goroutines(&world);
		assert_int_equal(0, functab_failures(world.runtime.functab));
		assert_int_equal(0, target_get_counters(world.target).failed_reads);
		end(&world);
	}
}

// As a build that is stripped and obfuscated leaves it.
static void a_stripped_program_of_no_version_is_read_or_refused(void **state)
{
	(void)state;
	struct go_lab lab;
	struct go_runtime runtime;
	struct error error = {0};
	go_lab_start(&lab, "1.26.8", "allocs-stripped");
	struct target *target = go_lab_target(&lab);
	lab.info.version_known = false;
	if (!go_runtime_open(target, lab.image, &lab.info, &runtime, &error))
		fail_msg("%s; %s", error.message, error.hint);
	assert_int_equal(LAYOUT_GUESSED, runtime.layout.trust);
	assert_int_equal(26, runtime.layout.minor);
	go_runtime_deinit(&runtime);
	target_free(target);
	go_lab_stop(&lab);
}

static void a_program_without_its_functions_is_refused(void **state)
{
	(void)state;
	struct go_lab lab;
	struct go_runtime runtime = {.load_bias = 77};
	go_lab_start(&lab, "1.26.8", "allocs-stripped");
	struct target *target = go_lab_target(&lab);
	struct go_moduledata module;
	assert_ok(moduledata_find(target, &module, &error));
	memset(go_lab_at(&lab, module.address), 0, 8); // where the functions' tables are
	target_forget(target);
	assert_error(ERROR_NOT_FOUND,
		     go_runtime_open(target, lab.image, &lab.info, &runtime, &error));
	assert_int_equal(77, runtime.load_bias);
	target_free(target);
	go_lab_stop(&lab);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_version_is_read),
		cmocka_unit_test(program_counters_are_looked_up),
		cmocka_unit_test(what_was_looked_up_outlives_the_target),
		cmocka_unit_test(a_program_without_the_profiler_says_so),
		cmocka_unit_test(a_stripped_program_is_read_as_well),
		cmocka_unit_test(a_stripped_program_of_no_version_is_read_or_refused),
		cmocka_unit_test(a_program_without_its_functions_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
