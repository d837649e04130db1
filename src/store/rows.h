// SPDX-License-Identifier: Apache-2.0
// Targets, marks, snapshots and incidents as rows; and the marks that make themselves: a restart,
// another binary, another limit.
#pragma once

#include "store/database.h"
#include "store/events.h"

// What is kept of a target while it is watched.
struct kept_target {
	struct store_target target;
	int64_t id;           // of its row; 0: not in the database yet
	int64_t limit_bytes;  // as last stored, its own or its predecessor's; -1: not known
	int64_t last_seen_ns; // as last stored
};

// Finds or adds its row, and marks what changed since the one before it.
bool rows_add_target(sqlite3 *database, struct kept_target *kept, int64_t now_ns,
		     struct error *error) must_check;
// It was sampled: its limit, if known (else -1), and when it was seen.
bool rows_see_target(sqlite3 *database, struct kept_target *kept, int64_t now_ns,
		     int64_t limit_bytes, struct error *error) must_check;
bool rows_end_target(sqlite3 *database, const struct kept_target *kept,
		     const struct store_ending *ending, struct error *error) must_check;
// `target` 0: of none.
bool rows_add_mark(sqlite3 *database, int64_t target, const struct store_mark *mark,
		   struct error *error) must_check;
bool rows_add_snapshot(sqlite3 *database, int64_t target, const struct store_snapshot *snapshot,
		       struct error *error) must_check;
bool rows_add_incident(sqlite3 *database, int64_t target, const struct store_incident *incident,
		       struct error *error) must_check;
// Keeps the newest of each, and the targets that anything still refers to.
bool rows_prune(sqlite3 *database, struct error *error) must_check;
