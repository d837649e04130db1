// SPDX-License-Identifier: Apache-2.0
// Ledgers that were saved, as `whyoom account --diff` reads them: one JSON text, or two with a NUL
// between them. What is let through sums up, comes out as text, goes through JSON and back
// unchanged, and is no different from itself.
#include <stdlib.h>
#include <string.h>

#include "base/strbuf.h"
#include "fuzz.h"
#include "ledger/ledger_diff.h"
#include "report/account.h"
#include "report/ledger_json.h"

static void require(bool condition)
{
	if (!condition)
		abort();
}

static void show_diff(const struct ledger *before, const struct ledger *after, bool same)
{
	struct ledger_diff diff;
	struct strbuf text = {0};
	if (!ledger_diff_build(before, after, &diff, NULL)) {
		require(!same);
		return;
	}
	require(!same || !diff.by_growth.count);
	report_write_ledger_diff(&diff, (struct report_style){true}, &text);
	json_decref(report_ledger_diff_to_json(&diff));
	ledger_diff_deinit(&diff);
	strbuf_deinit(&text);
}

static void check_round_trip(const struct ledger *ledger)
{
	struct ledger again;
	json_t *json = report_ledger_to_json(ledger);
	require(ledger_from_json(json, &again, NULL));
	require(again.rows.count == ledger->rows.count);
	for (size_t i = 0; i < again.rows.count; i++) {
		const struct ledger_row *was = &ledger->rows.items[i], *is = &again.rows.items[i];
		require(was->bytes == is->bytes && was->depth == is->depth &&
			was->flags == is->flags && !strcmp(was->key, is->key));
	}
	show_diff(ledger, &again, true);
	ledger_deinit(&again);
	json_decref(json);
}

static void check_text(const struct ledger *ledger)
{
	struct strbuf text = {0};
	report_write_ledger(ledger, (struct report_style){true}, &text);
	report_write_ledger_rows(ledger, REPORT_LEDGER_ALL, &text);
	strbuf_deinit(&text);
}

static bool load(const uint8_t *data, size_t size, struct ledger *ledger)
{
	json_error_t at;
	json_t *root = json_loadb((const char *)data, size, JSON_REJECT_DUPLICATES, &at);
	bool ok = root && ledger_from_json(root, ledger, NULL);
	json_decref(root);
	if (!ok)
		return false;
	const char *broken;
	require(ledger_sums(ledger, &broken));
	check_text(ledger);
	check_round_trip(ledger);
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ledger before, after;
	const uint8_t *end = size ? memchr(data, 0, size) : NULL;
	size_t first = end ? (size_t)(end - data) : size;
	if (!load(data, first, &before))
		return 0;
	if (end && load(end + 1, size - first - 1, &after)) {
		show_diff(&before, &after, false);
		ledger_deinit(&after);
	}
	ledger_deinit(&before);
	return 0;
}
