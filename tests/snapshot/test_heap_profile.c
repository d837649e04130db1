// SPDX-License-Identifier: Apache-2.0
// The buckets of a real program as a profile. That `go tool pprof` shows the same of it as of the
// program's own is in tests/e2e.
#include "golang/go_lab.h"

#include <string.h>

#include "golang/buckets.h"
#include "profile/pprof_read.h"
#include "profile/pprof_write.h"
#include "profile/top.h"
#include "snapshot/heap_profile.h"

struct world {
	struct go_lab lab;
	struct target *target;
	struct go_runtime runtime;
	struct go_buckets buckets;
};

static void begin(struct world *world, const char *version)
{
	go_lab_start(&world->lab, version, "allocs");
	world->target = go_lab_target(&world->lab);
	assert_ok(go_runtime_open(world->target, world->lab.image, &world->lab.info,
				  &world->runtime, &error));
	assert_ok(go_buckets_read(&world->runtime, &world->buckets, &error));
}

static void end(struct world *world)
{
	go_buckets_deinit(&world->buckets);
	go_runtime_deinit(&world->runtime);
	target_free(world->target);
	go_lab_stop(&world->lab);
}

static struct profile *build(struct world *world)
{
	struct profile *profile;
	struct heap_profile_source source = {
		.buckets = &world->buckets,
		.functab = world->runtime.functab,
		.default_sample_type = HEAP_INUSE_SPACE,
		.taken_unix_ns = 1700000000000000000,
		.executable = {.start = 0x400000,
			       .limit = 0x500000,
			       .file = world->lab.exe_path,
			       .build_id = "ab"},
	};
	assert_ok(heap_profile_build(&source, &profile, &error));
	return profile;
}

static int64_t sum(const struct profile *profile, const char *type)
{
	uint32_t index = profile_find_sample_type(profile, type);
	int64_t total = 0;
	assert_true(index != PROFILE_NONE);
	VEC_FOREACH (sample, &profile->samples)
		total += sample->values[index];
	return total;
}

static void values_are_those_of_the_buckets(void **state)
{
	struct world world;
	begin(&world, *state);
	struct profile *profile = build(&world);
	int64_t inuse = 0, now = 0, allocated = 0;
	VEC_FOREACH (bucket, &world.buckets.buckets) { // the rate is 1: nothing is scaled
		inuse += bucket->published.alloc_bytes - bucket->published.free_bytes;
		allocated += bucket->published.alloc_bytes;
		now += bucket->now.alloc_bytes - bucket->now.free_bytes;
	}
	assert_int_equal(world.buckets.buckets.count, profile->samples.count);
	assert_true(now > 1 << 20);
	assert_int_equal(inuse, sum(profile, HEAP_INUSE_SPACE));
	assert_int_equal(now, sum(profile, HEAP_NOW_SPACE));
	assert_int_equal(allocated, sum(profile, "alloc_space"));
	assert_string_equal(HEAP_INUSE_SPACE, profile->default_sample_type);
	assert_int_equal(1, profile->period);
	assert_true(profile->time_ns == 1700000000000000000);
	assert_string_equal(world.lab.exe_path, profile->mappings.items[0].file);
	profile_free(profile);
	end(&world);
}

static void stacks_are_symbolized_and_inlined(void **state)
{
	struct world world;
	size_t inlined = 0, leaves_of_runtime = 0;
	begin(&world, *state);
	struct profile *profile = build(&world);
	VEC_FOREACH (location, &profile->locations) {
		assert_true(location->line_count > 0);
		inlined += location->line_count > 1;
		for (uint32_t i = 0; i < location->line_count; i++) {
			const struct profile_function *function =
				&profile->functions.items[location->lines[i].function];
			assert_true(function->name[0] && function->file[0]);
			assert_true(location->lines[i].line > 0);
			assert_string_not_equal("runtime.goexit", function->name);
		}
	}
	VEC_FOREACH (sample, &profile->samples) {
		assert_true(sample->location_count > 0);
		const struct profile_location *leaf =
			&profile->locations.items[sample->locations[0]];
		leaves_of_runtime += strncmp(profile->functions.items[leaf->lines[0].function].name,
					     "runtime.", 8) == 0;
	}
	assert_true(inlined > 5);
	// Hidden, but where a stack is the runtime's from end to end.
	assert_true(leaves_of_runtime < profile->samples.count / 2);
	profile_free(profile);
	end(&world);
}

static void it_survives_a_file(void **state)
{
	struct world world;
	uint8_t *bytes;
	size_t size;
	struct profile *again;
	begin(&world, *state);
	struct profile *profile = build(&world);
	assert_ok(pprof_write_plain(profile, &bytes, &size, &error));
	assert_ok(pprof_parse(bytes, size, &again, &error));
	assert_int_equal(profile->samples.count, again->samples.count);
	assert_int_equal(profile->locations.count, again->locations.count);
	assert_int_equal(sum(profile, HEAP_NOW_SPACE), sum(again, HEAP_NOW_SPACE));
	profile_free(again);
	free(bytes);
	profile_free(profile);
	end(&world);
}

// Without the tables nothing has a name, and the values are there all the same.
static void without_a_target_there_are_still_values(void **state)
{
	struct world world;
	begin(&world, *state);
	functab_detach(world.runtime.functab);
	struct profile *profile = build(&world);
	assert_int_equal(world.buckets.buckets.count, profile->samples.count);
	assert_true(sum(profile, HEAP_NOW_SPACE) > 1 << 20);
	assert_int_equal(0, profile->functions.count);
	profile_free(profile);
	end(&world);
}

int main(void)
{
	static char old[] = "1.22.12", newest[] = "1.27.4";
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_prestate(values_are_those_of_the_buckets, old),
		cmocka_unit_test_prestate(values_are_those_of_the_buckets, newest),
		cmocka_unit_test_prestate(stacks_are_symbolized_and_inlined, old),
		cmocka_unit_test_prestate(stacks_are_symbolized_and_inlined, newest),
		cmocka_unit_test_prestate(it_survives_a_file, newest),
		cmocka_unit_test_prestate(without_a_target_there_are_still_values, newest),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
