// SPDX-License-Identifier: Apache-2.0
// Variables found without a symbol table, in copies of real programs, whole and damaged. That the
// addresses are right for every form of build is in tests/e2e/test_symbols.py.
#include "golang/go_lab.h"

#include <string.h>

#include "base/random.h"
#include "golang/bucket_scan.h"
#include "golang/moduledata.h"

enum { ROUNDS = 200, MODULE_WORDS = 32 };

static const char *const versions[] = {"1.22.12", "1.24.13", "1.26.8", "1.27.4"};

struct world {
	struct go_lab lab;
	struct target *target;
	struct go_moduledata module;
};

static void begin(struct world *world, const char *version, const char *program)
{
	go_lab_start(&world->lab, version, program);
	world->target = go_lab_target(&world->lab);
	assert_ok(moduledata_find(world->target, &world->module, &error));
}

static void end(struct world *world)
{
	target_free(world->target);
	go_lab_stop(&world->lab);
}

// Another value in memory, seen by the next read.
static void change(struct world *world, taddr_t address, uint64_t value)
{
	uint8_t *place = go_lab_at(&world->lab, address);
	assert_non_null(place);
	go_lab_change(&world->lab, (size_t)(place - world->lab.memory), value);
	target_forget(world->target);
}

static void both_ways_agree(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof versions / sizeof *versions; i++) {
		struct world world;
		taddr_t table[GO_SYMBOL_COUNT], scanned;
		begin(&world, versions[i], "allocs");
		struct go_runtime code = {.target = world.target, .machine = ELF_MACHINE_AMD64};
		assert_ok(layout_find(&world.lab.info.version, ELF_MACHINE_AMD64, &code.layout,
				      &error));
		assert_ok(go_symbols_from_table(world.lab.image, 0, table, &error));
		assert_ok(go_symbols_from_code(&code, &error));
		for (int symbol = 0; symbol < GO_SYMBOL_COUNT; symbol++)
			if (table[symbol] != code.symbols[symbol])
				fail_msg("Go %s, %s", versions[i], go_symbol_name(symbol));
		assert_int_equal(table[GO_SYMBOL_MODULEDATA], world.module.address);
		assert_ok(bucket_scan(&world.module, &code, &scanned, &error));
		assert_int_equal(table[GO_SYMBOL_MBUCKETS], scanned);
		go_runtime_deinit(&code);
		end(&world);
	}
}

static void functions_are_found_by_name(void **state)
{
	(void)state;
	struct world world;
	struct go_runtime runtime;
	begin(&world, "1.26.8", "allocs");
	assert_ok(
		go_runtime_open(world.target, world.lab.image, &world.lab.info, &runtime, &error));
	struct functab_query queries[] = {
		{.name = "runtime.mallocinit"},
		{.name = "runtime.(*mheap).init"},
		{.name = "runtime.mallocini"}, // a name's start is no name
		{.name = "runtime.mallocinitially"},
	};
	struct elf_symbol_query truth[] = {{"runtime.mallocinit", false, 0},
					   {"runtime.(*mheap).init", false, 0}};
	assert_ok(elf_image_symbols(world.lab.image, truth, 2, &error));
	functab_find_functions(runtime.functab, queries, 4);
	for (int i = 0; i < 2; i++) {
		assert_true(queries[i].found);
		assert_int_equal(truth[i].address, queries[i].entry);
		assert_true(queries[i].end > queries[i].entry);
	}
	assert_false(queries[2].found || queries[3].found);
	functab_find_functions(runtime.functab, NULL, 0);
	go_runtime_deinit(&runtime);
	end(&world);
}

// Each word of the moduledata up to the ranges must be right, or there is none.
static void what_is_not_whole_is_no_moduledata(void **state)
{
	(void)state;
	struct world world;
	struct go_moduledata found;
	begin(&world, "1.26.8", "allocs-stripped");
	taddr_t address = world.module.address;
	static const int checked[] = {0, 1, 2, 4, 5, 7, 8, 10, 11, 13, 14, 17, 21, 22};
	assert_ok(moduledata_read(world.target, address, &found, &error));
	assert_memory_equal(&world.module, &found, sizeof found);
	for (size_t i = 0; i < sizeof checked / sizeof *checked; i++) {
		change(&world, address + 8 * (taddr_t)checked[i], UINT64_MAX / 3);
		assert_error(ERROR_BAD_DATA,
			     moduledata_read(world.target, address, &found, &error));
		assert_error(ERROR_NOT_FOUND, moduledata_find(world.target, &found, &error));
		go_lab_undo(&world.lab);
		target_forget(world.target);
	}
	assert_error(ERROR_BAD_DATA, moduledata_read(world.target, address + 8, &found, &error));
	assert_error(ERROR_FAULT, moduledata_read(world.target, 8, &found, &error));
	end(&world);
}

static void only_one_variable_may_point_to_buckets(void **state)
{
	(void)state;
	struct world world;
	struct go_runtime runtime;
	taddr_t slot, first;
	begin(&world, "1.26.8", "allocs-stripped");
	assert_ok(
		go_runtime_open(world.target, world.lab.image, &world.lab.info, &runtime, &error));
	taddr_t mbuckets = runtime.symbols[GO_SYMBOL_MBUCKETS];
	assert_ok(target_read_u64(world.target, mbuckets, &first, &error));
	assert_true(bucket_is_sound(&runtime, first, GO_BUCKET_MEMORY));
	assert_false(bucket_is_sound(&runtime, first, GO_BUCKET_BLOCK));
	assert_false(bucket_is_sound(&runtime, first + 8, GO_BUCKET_MEMORY));
	change(&world, world.module.data[GO_RANGE_BSS].end - 8, first);
	assert_error(ERROR_NOT_FOUND, bucket_scan(&world.module, &runtime, &slot, &error));
	change(&world, mbuckets, 0);
	assert_ok(bucket_scan(&world.module, &runtime, &slot, &error));
	assert_int_equal(world.module.data[GO_RANGE_BSS].end - 8, slot);
	change(&world, slot, 0);
	assert_error(ERROR_NOT_FOUND, bucket_scan(&world.module, &runtime, &slot, &error));
	go_runtime_deinit(&runtime);
	end(&world);
}

// A variable that holds nonsense is not found; no other one is taken for it.
static void damaged_variables_are_found_or_not_but_never_elsewhere(void **state)
{
	(void)state;
	struct world world;
	struct go_runtime whole, damaged;
	size_t lost = 0;
	begin(&world, "1.27.4", "allocs-stripped");
	assert_ok(go_runtime_open(world.target, world.lab.image, &world.lab.info, &whole, &error));
	for (uint64_t round = 1; round <= ROUNDS; round++) {
		uint64_t seed = round;
		for (int i = 0; i < 6; i++) {
			size_t symbol = 1 + random_next(&seed) % (GO_SYMBOL_COUNT - 1);
			taddr_t address = whole.symbols[symbol] & ~(taddr_t)7;
			if (address)
				change(&world, address,
				       random_next(&seed) >> random_next(&seed) % 64);
		}
		assert_ok(go_runtime_open(world.target, world.lab.image, &world.lab.info, &damaged,
					  &error));
		for (int i = 0; i < GO_SYMBOL_COUNT; i++) {
			lost += whole.symbols[i] && !damaged.symbols[i];
			assert_true(!damaged.symbols[i] || damaged.symbols[i] == whole.symbols[i]);
		}
		go_runtime_deinit(&damaged);
		go_lab_undo(&world.lab);
	}
	assert_true(lost > 0);
	go_runtime_deinit(&whole);
	end(&world);
}

// Damage to the tables' own places: an error or nothing wrong, within bounds.
static void a_damaged_moduledata_is_no_danger(void **state)
{
	(void)state;
	struct world world;
	struct go_runtime runtime;
	size_t opened = 0;
	begin(&world, "1.26.8", "allocs-stripped");
	for (uint64_t round = 1; round <= ROUNDS; round++) {
		struct error refusal = {0};
		uint64_t seed = round, value;
		taddr_t address = world.module.address + random_next(&seed) % MODULE_WORDS * 8;
		assert_ok(target_read_u64(world.target, address, &value, &error));
		change(&world, address,
		       round % 2 ? random_next(&seed) >> random_next(&seed) % 64
				 : value + random_next(&seed) % 256 - 128);
		if (go_runtime_open(world.target, world.lab.image, &world.lab.info, &runtime,
				    &refusal)) {
			opened++;
			go_runtime_deinit(&runtime);
		} else {
			assert_true(refusal.message[0]);
		}
		go_lab_undo(&world.lab);
		target_forget(world.target);
	}
	assert_true(opened > 0 && opened < ROUNDS);
	end(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_ways_agree),
		cmocka_unit_test(functions_are_found_by_name),
		cmocka_unit_test(what_is_not_whole_is_no_moduledata),
		cmocka_unit_test(only_one_variable_may_point_to_buckets),
		cmocka_unit_test(damaged_variables_are_found_or_not_but_never_elsewhere),
		cmocka_unit_test(a_damaged_moduledata_is_no_danger),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
