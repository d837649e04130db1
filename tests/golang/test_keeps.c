// SPDX-License-Identifier: Apache-2.0
// Which objects are channels, and where the way through pools ends, on the copy of a real program
// whose memory is changed. That the numbers are the program's own is in tests/e2e/test_keeps.py.
#include "golang/go_lab.h"

#include <string.h>

#include "golang/backlog.h"
#include "golang/pools.h"

struct world {
	struct go_lab lab;
	struct go_runtime runtime;
	struct go_spans spans;
	struct go_pools pools;     // before anything is changed
	struct go_backlog backlog; // likewise
};

static void begin(struct world *world, const char *version)
{
	go_lab_start_after(&world->lab, version, "keeps", "both");
	struct target *target = go_lab_target(&world->lab);
	assert_ok(go_runtime_open(target, world->lab.image, &world->lab.info, &world->runtime,
				  &error));
	assert_ok(go_spans_read(&world->runtime, &world->spans, &error));
	assert_ok(go_pools_read(&world->runtime, &world->spans, &world->pools, &error));
	assert_ok(go_backlog_find(&world->runtime, &world->spans, &world->backlog, &error));
	assert_int_equal(700, world->backlog.length);
	assert_int_equal(593, world->pools.objects);
	assert_false(world->pools.cut || world->backlog.estimated);
}

static void end(struct world *world)
{
	struct target *target = world->runtime.target;
	go_spans_deinit(&world->spans);
	go_runtime_deinit(&world->runtime);
	target_free(target);
	go_lab_stop(&world->lab);
}

static uint64_t word_at(struct world *world, taddr_t address)
{
	uint64_t value;
	assert_non_null(go_lab_at(&world->lab, address));
	memcpy(&value, go_lab_at(&world->lab, address), 8);
	return value;
}

static void change(struct world *world, taddr_t address, uint64_t value)
{
	uint8_t *place = go_lab_at(&world->lab, address);
	assert_non_null(place);
	go_lab_change(&world->lab, (size_t)(place - world->lab.memory), value);
	target_forget(world->runtime.target);
}

static void undo(struct world *world)
{
	go_lab_undo(&world->lab);
	target_forget(world->runtime.target);
}

static taddr_t field_of(const struct world *world, taddr_t structure, enum go_field field)
{
	return structure + (uint64_t)world->runtime.layout.offset[field];
}

// What it finds when one field of the channel is another.
static struct go_backlog found_with(struct world *world, enum go_field field, uint64_t value)
{
	struct go_backlog found;
	change(world, field_of(world, world->backlog.channel, field), value);
	assert_ok(go_backlog_find(&world->runtime, &world->spans, &found, &error));
	undo(world);
	return found;
}

static void what_does_not_fit_is_no_channel(void **state)
{
	struct world world;
	begin(&world, *state);
	static const struct {
		enum go_field field;
		uint64_t value;
	} wrong[] = {
		{GO_HCHAN_QCOUNT, 1001},  {GO_HCHAN_QCOUNT, 699},
		{GO_HCHAN_QCOUNT, 0},     {GO_HCHAN_QCOUNT, UINT64_MAX},
		{GO_HCHAN_DATAQSIZ, 699}, {GO_HCHAN_DATAQSIZ, 1 << 20},
		{GO_HCHAN_SENDX, 701},    {GO_HCHAN_SENDX, 1700},
		{GO_HCHAN_RECVX, 1},      {GO_HCHAN_RECVX, UINT64_MAX},
		{GO_HCHAN_BUF, 0},        {GO_HCHAN_BUF, 4096},
	};
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		assert_int_equal(0, found_with(&world, wrong[i].field, wrong[i].value).length);
	// What goes round the buffer's end is one, and says who waits.
	struct go_backlog found = found_with(&world, GO_HCHAN_RECVQ, 1);
	assert_true(found.receivers && !found.senders && found.length == 700);
	assert_int_equal(world.backlog.bytes, found.bytes);
	end(&world);
}

static bool has_values(struct world *world, taddr_t chain)
{
	taddr_t values = word_at(world, field_of(world, chain, GO_POOL_ELT_VALS));
	uint64_t count = word_at(world, field_of(world, chain, GO_POOL_ELT_VALS) + 8);
	for (uint64_t i = 0; i < count && i < 4096; i++)
		if (word_at(world, values + i * 16 + 8))
			return true;
	return false;
}

// The first pool of the list of now: its parts, and the first chain of one.
static taddr_t first_chain(struct world *world)
{
	taddr_t list = world->runtime.symbols[GO_SYMBOL_ALL_POOLS];
	for (uint64_t i = 0; i < word_at(world, list + 8); i++) {
		taddr_t pool = word_at(world, word_at(world, list) + i * 8);
		taddr_t part = word_at(world, field_of(world, pool, GO_POOL_LOCAL));
		uint64_t count = word_at(world, field_of(world, pool, GO_POOL_LOCAL_SIZE));
		for (uint64_t j = 0; j < count; j++) {
			taddr_t chain = word_at(world, field_of(world, part, GO_POOL_LOCAL_HEAD));
			if (chain && has_values(world, chain))
				return chain;
			part += (uint64_t)world->runtime.layout.offset[GO_SIZEOF_POOL_LOCAL];
		}
	}
	fail_msg("no pool has a chain that holds something");
	return 0;
}

static struct go_pools read_pools(struct world *world)
{
	struct go_pools pools;
	assert_ok(go_pools_read(&world->runtime, &world->spans, &pools, &error));
	undo(world);
	return pools;
}

static void forged_pools_end(void **state)
{
	struct world world;
	struct error failure;
	struct go_pools pools;
	begin(&world, *state);
	taddr_t chain = first_chain(&world), list = world.runtime.symbols[GO_SYMBOL_ALL_POOLS];
	change(&world, field_of(&world, chain, GO_POOL_ELT_PREV), chain); // a circle
	pools = read_pools(&world);
	assert_true(!pools.cut && pools.objects && pools.objects <= world.pools.objects);
	change(&world, field_of(&world, chain, GO_POOL_ELT_VALS) + 8, UINT64_MAX);
	assert_true(read_pools(&world).objects < world.pools.objects);
	// As many parts as they like, and all pools the same one.
	taddr_t pool = word_at(&world, word_at(&world, list));
	change(&world, field_of(&world, pool, GO_POOL_LOCAL_SIZE), UINT64_MAX);
	// What lies behind the parts may look like some more of them.
	assert_true(read_pools(&world).objects <= world.pools.objects + (1 << 16));
	change(&world, list + 8, 1 << 14);
	assert_true(read_pools(&world).pools >= world.pools.pools);
	// Of two lists one that makes no sense does not hide the other.
	change(&world, list + 8, UINT64_MAX);
	assert_true(read_pools(&world).objects < world.pools.objects);
	change(&world, list + 8, UINT64_MAX);
	change(&world, world.runtime.symbols[GO_SYMBOL_OLD_POOLS] + 8, (1 << 14) + 1);
	assert_false(go_pools_read(&world.runtime, &world.spans, &pools, &failure));
	assert_int_equal(ERROR_LIMIT, failure.code);
	undo(&world);
	end(&world);
}

int main(void)
{
	static char oldest[] = "1.22.12", newest[] = "1.27.4";
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_prestate(what_does_not_fit_is_no_channel, oldest),
		cmocka_unit_test_prestate(what_does_not_fit_is_no_channel, newest),
		cmocka_unit_test_prestate(forged_pools_end, oldest),
		cmocka_unit_test_prestate(forged_pools_end, newest),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
