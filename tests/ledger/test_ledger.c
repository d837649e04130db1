// SPDX-License-Identifier: Apache-2.0
#include "system/lab.h"

#include <string.h>

#include "ledger/ledger.h"

static struct ledger make(void)
{
	struct ledger ledger = {.total_key = "rss", .total_label = "resident", .total_bytes = 100};
	ledger_add(&ledger, 0, "go", "Go", 80, 0, "");
	ledger_add(&ledger, 1, "go.heap", "heap", 70, 0, NULL);
	ledger_add(&ledger, 2, "go.heap.live", "live", 50, LEDGER_ESTIMATED, "note");
	ledger_add(&ledger, 2, "go.heap.idle", "idle", 20, 0, "");
	ledger_add(&ledger, 1, "go.stacks", "stacks", 10, 0, "");
	ledger_add(&ledger, 0, "files", "files", 25, LEDGER_RECLAIMABLE, "");
	ledger_add(&ledger, 0, "nothing", "nothing", 0, 0, "");
	ledger_add(&ledger, 0, "unexplained", "unexplained", -5, LEDGER_UNEXPLAINED, "");
	return ledger;
}

static void what_sums_is_whole(void **state)
{
	(void)state;
	struct ledger ledger = make();
	const char *broken = "x";
	assert_true(ledger_sums(&ledger, &broken));
	assert_null(broken);
	assert_int_equal(7, ledger.rows.count); // a row of zero is left out
	assert_null(ledger_find(&ledger, "nothing"));
	assert_int_equal(0, ledger_bytes(&ledger, "nothing"));
	assert_int_equal(-5, ledger_bytes(&ledger, "unexplained"));
	assert_int_equal(2, ledger_find(&ledger, "go.heap.live")->depth);
	assert_string_equal("note", ledger_find(&ledger, "go.heap.live")->note);
	assert_string_equal("", ledger_find(&ledger, "go.heap")->note);
	ledger_deinit(&ledger);
	struct ledger empty = {.total_key = "rss"};
	assert_true(ledger_sums(&empty, &broken));
	empty.total_bytes = 1;
	assert_false(ledger_sums(&empty, &broken));
	assert_string_equal("rss", broken);
}

static void a_broken_row_is_named(void **state)
{
	(void)state;
	static const char *const expected[] = {"rss", "go",  "go.heap", "go.heap",
					       "go",  "rss", "rss"};
	for (size_t i = 0; i < 7; i++) {
		struct ledger ledger = make();
		const char *broken = NULL;
		ledger.rows.items[i].bytes++;
		assert_false(ledger_sums(&ledger, &broken));
		assert_string_equal(expected[i], broken);
		ledger_deinit(&ledger);
	}
}

static void texts_are_copied(void **state)
{
	(void)state;
	struct ledger ledger = {.total_key = "rss"};
	char key[] = "key", label[] = "label", note[] = "note";
	ledger_add(&ledger, 0, key, label, 1, 0, note);
	memset(key, 'x', 3);
	memset(label, 'x', 5);
	memset(note, 'x', 4);
	assert_string_equal("key", ledger.rows.items[0].key);
	assert_string_equal("label", ledger.rows.items[0].label);
	assert_string_equal("note", ledger.rows.items[0].note);
	ledger_deinit(&ledger);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_sums_is_whole),
		cmocka_unit_test(a_broken_row_is_named),
		cmocka_unit_test(texts_are_copied),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
