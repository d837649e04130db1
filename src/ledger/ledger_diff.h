// SPDX-License-Identifier: Apache-2.0
/*
 * Two ledgers of the same kind: which line grew, and what share of the growth it explains.
 *
 * Rows are the same when their keys and those of the rows above them are. A process that has
 * another pid in the second ledger is taken for the one of the same name, if there is just one.
 */
#pragma once

#include "ledger/ledger.h"

struct ledger_change {
	const char *label;
	const char *path; // keys from the top, "anon/anon.process.12/go.heap.objects"
	int64_t before, after;
	int depth;
	unsigned int flags;
	bool is_leaf; // no row of either ledger is below it, or only what objects of the heap are
		      // at the moment: live, young, garbage
};

static inline int64_t ledger_change_delta(const struct ledger_change *change)
{
	return change->after - change->before;
}

struct ledger_diff {
	struct arena arena;
	VEC(struct ledger_change) rows; // in the order of the ledger `after`, then what is gone
	VEC(size_t) by_growth;          // the leaves that changed, the largest growth first
	const char *total_key, *total_label;
	int64_t total_before, total_after;
};

// ERROR_USAGE where the two are not of one kind. The ledgers may be freed afterwards.
bool ledger_diff_build(const struct ledger *before, const struct ledger *after,
		       struct ledger_diff *diff, struct error *error) must_check;
void ledger_diff_deinit(struct ledger_diff *diff);
