// SPDX-License-Identifier: Apache-2.0
/*
 * A ledger: the account of every byte, summing exactly to a figure of the kernel.
 *
 * Invariant: the rows of depth 0 sum to total_bytes; the rows of depth n + 1 that follow a row of
 * depth n, up to the next row of depth n or less, sum to that row. What is not explained is a row
 * of its own, and may be negative where counters moved while they were read.
 *
 * What is worth a number but is no part of the sum stands beside it: swap, what is returned to the
 * kernel, huge pages that rows above consist of.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/vec.h"

enum ledger_flag {
	LEDGER_RECLAIMABLE = 1, // the kernel takes it back before it kills
	LEDGER_ESTIMATED = 2,
	LEDGER_UNEXPLAINED = 4,
};

struct ledger_row {
	const char *key;   // stable, for machines: "go.heap.objects"
	const char *label; // for people
	int64_t bytes;
	int depth;
	unsigned int flags;
	const char *note; // "" or a few words
};

struct ledger {
	struct arena arena;
	VEC(struct ledger_row) rows;
	VEC(struct ledger_row) beside;       // depth 0; no part of the sum
	const char *total_key, *total_label; // "rss", "resident memory (VmRSS)"
	int64_t total_bytes;
};

void ledger_deinit(struct ledger *ledger);
// A row of zero bytes is left out. Texts are copied.
void ledger_add(struct ledger *ledger, int depth, const char *key, const char *label, int64_t bytes,
		unsigned int flags, const char *note);
void ledger_add_beside(struct ledger *ledger, const char *key, const char *label, int64_t bytes,
		       unsigned int flags, const char *note);
// Whether the invariant holds; false and the key of the first row that breaks it.
bool ledger_sums(const struct ledger *ledger, const char **broken_key);
// In the sum or beside it; NULL when there is no such row.
const struct ledger_row *ledger_find(const struct ledger *ledger, const char *key);
int64_t ledger_bytes(const struct ledger *ledger, const char *key); // 0 when there is none
