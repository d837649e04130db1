// SPDX-License-Identifier: Apache-2.0
#include "ledger/ledger_diff.h"

#include <stdlib.h>
#include <string.h>

#include "system/lab.h"

static struct ledger make(const char *total, int64_t bytes)
{
	return (struct ledger){.total_key = total, .total_label = total, .total_bytes = bytes};
}

static const struct ledger_change *find(const struct ledger_diff *diff, const char *path)
{
	VEC_FOREACH (row, &diff->rows)
		if (strcmp(row->path, path) == 0)
			return row;
	return NULL;
}

static const struct ledger_change *must_find(const struct ledger_diff *diff, const char *path)
{
	const struct ledger_change *change = find(diff, path);
	if (!change) {
		fail_msg("no %s", path);
		abort();
	}
	return change;
}

static void test_growth_leads(void **state)
{
	(void)state;
	struct ledger before = make("rss", 100), after = make("rss", 290);
	struct ledger_diff diff;
	struct error error = {0};
	ledger_add(&before, 0, "go", "Go", 70, 0, "");
	ledger_add(&before, 1, "go.heap", "heap", 60, 0, "");
	ledger_add(&before, 1, "go.stacks", "stacks", 10, 0, "");
	ledger_add(&before, 0, "files", "files", 30, 0, "");
	ledger_add(&after, 0, "go", "Go", 270, 0, "");
	ledger_add(&after, 1, "go.heap", "heap", 250, LEDGER_ESTIMATED, "");
	ledger_add(&after, 1, "go.stacks", "stacks", 10, 0, "");
	ledger_add(&after, 1, "go.new", "new", 10, 0, "");
	ledger_add(&after, 0, "shmem", "shmem", 20, 0, "");
	assert_true(ledger_diff_build(&before, &after, &diff, &error));
	assert_int_equal(diff.by_growth.count, 4);
	const char *expected[] = {"go/go.heap", "shmem", "go/go.new", "files"};
	int64_t deltas[] = {190, 20, 10, -30};
	for (size_t i = 0; i < 4; i++) {
		const struct ledger_change *change = &diff.rows.items[diff.by_growth.items[i]];
		assert_string_equal(change->path, expected[i]);
		assert_int_equal(ledger_change_delta(change), deltas[i]);
		assert_true(change->is_leaf);
	}
	assert_true(must_find(&diff, "go/go.heap")->flags & LEDGER_ESTIMATED);
	assert_false(must_find(&diff, "go")->is_leaf);
	ledger_diff_deinit(&diff);
	ledger_deinit(&before);
	ledger_deinit(&after);
}

// Restarted: another pid, the same name. With two of one name nobody knows which is which.
static void test_a_process_is_found_by_its_name(void **state)
{
	(void)state;
	for (int twins = 0; twins < 2; twins++) {
		struct ledger before = make("usage", 20), after = make("usage", 30);
		struct ledger_diff diff;
		struct error error = {0};
		ledger_add(&before, 0, "anon", "anonymous", 20, 0, "");
		ledger_add(&before, 1, "anon.process.7", "process 7 (api)", 20, 0, "");
		ledger_add(&after, 0, "anon", "anonymous", 30, 0, "");
		ledger_add(&after, 1, "anon.process.9", "process 9 (api)", 25, 0, "");
		if (twins)
			ledger_add(&after, 1, "anon.process.10", "process 10 (api)", 5, 0, "");
		else
			ledger_add(&after, 1, "anon.rest", "rest", 5, 0, "");
		assert_true(ledger_diff_build(&before, &after, &diff, &error));
		assert_int_equal(must_find(&diff, "anon/anon.process.9")->before, twins ? 0 : 20);
		assert_int_equal(find(&diff, "anon/anon.process.7") != NULL, twins);
		ledger_diff_deinit(&diff);
		ledger_deinit(&before);
		ledger_deinit(&after);
	}
}

static void test_two_kinds(void **state)
{
	(void)state;
	struct ledger before = make("usage", 0), after = make("rss", 0);
	struct ledger_diff diff;
	struct error error = {0};
	assert_false(ledger_diff_build(&before, &after, &diff, &error));
	assert_int_equal(error.code, ERROR_USAGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_growth_leads),
		cmocka_unit_test(test_a_process_is_found_by_its_name),
		cmocka_unit_test(test_two_kinds),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
