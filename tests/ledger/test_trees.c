// SPDX-License-Identifier: Apache-2.0
// The files of real cgroups, of kernels that are not the one this runs on: tests/ledger/trees.
#include "system/lab.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ledger/cgroup_ledger.h"
#include "ledger/headroom.h"

enum { MIB = 1 << 20 };

struct tree {
	struct cgroup *cgroup;
	struct cgroup_stat stat;
	struct ledger ledger;
	struct headroom headroom;
};

static void open_tree(const char *name, struct tree *tree)
{
	char path[512];
	const char *trees = getenv("WHYOOM_TREES"), *broken = NULL;
	if (!trees) {
		print_message("skipped: WHYOOM_TREES is not set\n");
		skip();
	}
	snprintf(path, sizeof path, "%s/%s", trees, name);
	assert_ok(cgroup_open(path, &tree->cgroup, &error));
	assert_ok(cgroup_stat(tree->cgroup, &tree->stat, &error));
	assert_ok(headroom_read(tree->cgroup, &tree->headroom, &error));
	struct cgroup_ledger_input input = {.version = cgroup_get_version(tree->cgroup),
					    .stat = &tree->stat,
					    .thread_count = known(4),
					    .page_table_bytes = known(81920)};
	cgroup_ledger_build(&input, &tree->ledger);
	if (!ledger_sums(&tree->ledger, &broken))
		fail_msg("%s: %s does not sum", name, broken);
	// The CPUs charge up to 64 pages ahead.
	assert_in_range(ledger_bytes(&tree->ledger, "unexplained"), 0, MIB);
}

static void close_tree(struct tree *tree)
{
	ledger_deinit(&tree->ledger);
	cgroup_close(tree->cgroup);
}

static void version_1(void **state)
{
	(void)state;
	struct tree tree;
	open_tree("v1-linux-6.18/pod/app", &tree);
	assert_int_equal(CGROUP_V1, cgroup_get_version(tree.cgroup));
	assert_in_range(ledger_bytes(&tree.ledger, "cache"), 50 * MIB, 51 * MIB);
	assert_int_equal(8 * MIB, ledger_bytes(&tree.ledger, "shmem"));
	assert_int_equal(100 * MIB, ledger_bytes(&tree.ledger, "limit.soft"));
	assert_true(ledger_bytes(&tree.ledger, "sock") > MIB);
	assert_int_equal(65536, ledger_bytes(&tree.ledger, "kernel.stacks"));
	assert_true(ledger_find(&tree.ledger, "kernel.stacks")->flags & LEDGER_ESTIMATED);
	assert_true(ledger_bytes(&tree.ledger, "kernel.rest") > 0);
	assert_int_equal(128 * MIB, tree.headroom.bites.limit_bytes);
	assert_in_range(tree.headroom.bites.reclaimable_bytes, 49 * MIB, 51 * MIB);
	assert_int_equal(2, tree.headroom.level_count);
	assert_int_equal(0, tree.headroom.swap_left_bytes.value);
	assert_true(tree.headroom.swap_left_bytes.known);
	close_tree(&tree);
	open_tree("v1-linux-6.18/pod", &tree); // the total_* lines: all of it is below
	assert_in_range(ledger_bytes(&tree.ledger, "cache"), 50 * MIB, 51 * MIB);
	close_tree(&tree);
}

static void version_2(void **state)
{
	(void)state;
	struct tree tree;
	open_tree("v2-linux-6.1/ledger/sockets", &tree);
	assert_int_equal(CGROUP_V2, cgroup_get_version(tree.cgroup));
	assert_true(ledger_bytes(&tree.ledger, "sock") > 8 * MIB);
	assert_true(ledger_bytes(&tree.ledger, "kernel.slab.reclaimable") > 0);
	assert_false(ledger_find(&tree.ledger, "kernel.stacks")->flags & LEDGER_ESTIMATED);
	assert_true(ledger_bytes(&tree.ledger, "peak") > 0);
	assert_true(tree.headroom.limited && !tree.headroom.throttled);
	assert_int_equal(128 * MIB, tree.headroom.bites.limit_bytes);
	assert_true(tree.headroom.swap_left_bytes.known); // the parent's memory.swap.max
	assert_int_equal(0, tree.headroom.swap_left_bytes.value);
	close_tree(&tree);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(version_1),
		cmocka_unit_test(version_2),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
