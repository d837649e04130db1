// SPDX-License-Identifier: Apache-2.0
// What the last collection marked, and where the runtime's own structures are, on the copy of a
// real program at rest.
#include "golang/go_lab.h"

#include <string.h>

#include "golang/memstats.h"
#include "golang/own_memory.h"
#include "golang/span_marks.h"

// Green Tea keeps marks inside of spans from Go 1.26 on.
static const char *const versions[] = {"1.22.12", "1.24.13", "1.26.8", "1.27.4"};

struct world {
	struct go_lab lab;
	struct target *target;
	struct go_runtime runtime;
	struct go_spans spans;
};

static void begin(struct world *world, const char *version)
{
	go_lab_start(&world->lab, version, "allocs");
	world->target = go_lab_target(&world->lab);
	assert_ok(go_runtime_open(world->target, world->lab.image, &world->lab.info,
				  &world->runtime, &error));
	assert_ok(go_spans_read(&world->runtime, &world->spans, &error));
}

static void end(struct world *world)
{
	go_spans_deinit(&world->spans);
	go_runtime_deinit(&world->runtime);
	target_free(world->target);
	go_lab_stop(&world->lab);
}

static uint64_t marked_bytes(const struct go_spans *spans)
{
	uint64_t sum = 0;
	VEC_FOREACH (span, &spans->spans)
		if (span->state == GO_SPAN_IN_USE)
			sum += span->marked_count * span->object_size;
	return sum;
}

// The collector's own sum of what it marked is made another way.
static void marks_are_what_the_collector_counted(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof versions / sizeof *versions; i++) {
		struct world world = {0};
		struct go_span_marks marks;
		struct go_memstats stats;
		begin(&world, versions[i]);
		assert_ok(go_span_marks_read(&world.runtime, &world.spans, &marks, &error));
		assert_ok(go_memstats_read(&world.runtime, &world.spans, &stats, &error));
		assert_int_equal(0, marks.failed);
		assert_false(marks.collected);
		assert_true(world.spans.bitmaps.count > 0);
		VEC_FOREACH (span, &world.spans.spans)
			assert_true(span->marked_count <= span->object_count);
		uint64_t marked = marked_bytes(&world.spans), counted = stats.heap_marked;
		// Objects with finalizers are marked by the sweeper, too.
		if (marked + counted / 100 < counted || marked > counted + counted / 100)
			fail_msg("Go %s: %lu bytes marked, the collector says %lu", versions[i],
				 (unsigned long)marked, (unsigned long)counted);
		end(&world);
	}
}

// As the collector leaves it: a span one generation behind, its marks in gcmarkBits or in itself.
static void marks_of_a_span_that_is_not_swept(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof versions / sizeof *versions; i++) {
		struct world world = {0};
		struct go_span_marks marks;
		begin(&world, versions[i]);
		const struct go_layout *layout = &world.runtime.layout;
		taddr_t heap = world.runtime.symbols[GO_SYMBOL_MHEAP];
		taddr_t sweepgen = heap + (uint64_t)layout->offset[GO_MHEAP_SWEEPGEN];
		uint8_t *place = go_lab_at(&world.lab, sweepgen);
		uint64_t word;
		assert_non_null(place);
		memcpy(&word, place, sizeof word);
		uint32_t next = (uint32_t)word + 2;
		memcpy(&word, &next, sizeof next);
		go_lab_change(&world.lab, (size_t)(place - world.lab.memory), word);
		target_forget(world.target);
		struct go_spans unswept = {0};
		assert_ok(go_spans_read(&world.runtime, &unswept, &error));
		assert_ok(go_span_marks_read(&world.runtime, &unswept, &marks, &error));
		assert_int_equal(0, marks.failed);
		// The next collection has marked nothing yet.
		uint64_t in_spans = 0, garbage = 0, marked = marked_bytes(&unswept);
		VEC_FOREACH (span, &unswept.spans) {
			in_spans += span->marks_in_span;
			garbage += go_span_garbage(span) * span->object_size;
		}
		assert_int_equal(unswept.heap_alloc - marked, garbage);
		assert_true(marked < unswept.heap_alloc / 100);
		assert_int_equal(layout_has(layout, GO_INLINE_MARKS), in_spans > 0);
		// And the spans that were read before are of the generation before.
		assert_ok(go_span_marks_read(&world.runtime, &world.spans, &marks, &error));
		assert_true(marks.collected);
		go_spans_deinit(&unswept);
		end(&world);
	}
}

static void marks_that_cannot_be_read_are_counted(void **state)
{
	(void)state;
	struct world world = {0};
	struct go_span_marks marks;
	begin(&world, "1.26.8");
	uint64_t in_use = 0;
	VEC_FOREACH (span, &world.spans.spans) {
		in_use += span->state == GO_SPAN_IN_USE;
		span->mark_bits = in_use % 2 ? 0 : UINT64_MAX - 4;
	}
	assert_ok(go_span_marks_read(&world.runtime, &world.spans, &marks, &error));
	assert_int_equal(in_use, marks.failed);
	assert_int_equal(world.spans.heap_alloc, marked_bytes(&world.spans));
	end(&world);
}

static bool holds(const struct go_own_memory *own, enum go_own_kind kind, taddr_t address)
{
	VEC_FOREACH (range, &own->ranges)
		if (address >= range->start && address < range->end)
			return range->kind == kind;
	return false;
}

static void own_structures_are_found(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof versions / sizeof *versions; i++) {
		struct world world = {0};
		struct go_span_marks marks;
		struct go_own_memory own;
		uint64_t bytes[GO_OWN_KINDS] = {0};
		struct go_memstats stats;
		taddr_t end_before = 0;
		begin(&world, versions[i]);
		assert_ok(go_span_marks_read(&world.runtime, &world.spans, &marks, &error));
		assert_ok(go_memstats_read(&world.runtime, &world.spans, &stats, &error));
		go_own_memory_read(&world.runtime, &world.spans, &own);
		assert_int_equal(0, own.failed);
		VEC_FOREACH (range, &own.ranges) {
			assert_true(range->start >= end_before && range->start < range->end);
			end_before = range->end;
			bytes[range->kind] += range->end - range->start;
		}
		assert_true(holds(&own, GO_OWN_OTHER, world.spans.table));
		assert_true(holds(&own, GO_OWN_SPANS, world.spans.structs.items[0].start));
		VEC_FOREACH (span, &world.spans.spans)
			if (span->state == GO_SPAN_IN_USE)
				assert_true(holds(&own, GO_OWN_GC, span->mark_bits));
		assert_true(bytes[GO_OWN_SPANS] >= stats.mspan_inuse);
		assert_true(bytes[GO_OWN_SPANS] <= stats.mspan_sys);
		assert_true(bytes[GO_OWN_CACHES] > 0 && bytes[GO_OWN_CACHES] <= stats.mcache_sys);
		assert_true(own.thread_stacks.count > 2);
		go_own_memory_deinit(&own);
		end(&world);
	}
}

// Tables that lead nowhere, and damage of every kind, end.
static void hostile_tables_end(void **state)
{
	(void)state;
	struct world world = {0};
	uint64_t seed = 7;
	begin(&world, "1.26.8");
	for (int round = 0; round < 30; round++) {
		struct go_spans spans = {0};
		struct go_span_marks marks;
		struct go_own_memory own;
		go_lab_damage(&world.lab, &seed, 2000);
		target_forget(world.target);
		if (go_spans_read(&world.runtime, &spans, NULL)) {
			if (go_span_marks_read(&world.runtime, &spans, &marks, NULL))
				assert_true(marked_bytes(&spans) <= spans.heap_alloc);
			go_own_memory_read(&world.runtime, &spans, &own);
			for (size_t i = 1; i < own.ranges.count; i++)
				assert_true(own.ranges.items[i - 1].end <=
					    own.ranges.items[i].start);
			go_own_memory_deinit(&own);
		}
		go_spans_deinit(&spans);
		go_lab_undo(&world.lab);
	}
	end(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(marks_are_what_the_collector_counted),
		cmocka_unit_test(marks_of_a_span_that_is_not_swept),
		cmocka_unit_test(marks_that_cannot_be_read_are_counted),
		cmocka_unit_test(own_structures_are_found),
		cmocka_unit_test(hostile_tables_end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
