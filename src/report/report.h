// SPDX-License-Identifier: Apache-2.0
/*
 * One report model, shown as text or JSON: the verdict, the kill, the ledger, the holders, the
 * goroutines, how the evidence was taken. Everything is borrowed.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "base/strbuf.h"
#include "snapshot/kill.h"
#include "snapshot/snapshot.h"
#include "verdict/verdict.h"

struct report {
	const struct snapshot *snapshot;
	const struct snapshot_baseline *baseline; // NULL: nothing to compare with
	const struct verdict *verdict;
	const struct kill_facts *kill;        // NULL: the process lives
	const struct kill_timeline *timeline; // NULL: it was not watched
	const char *reason;                   // of the trigger that took it; NULL: none did
};

struct report_style {
	bool colour;
};

void report_write_text(const struct report *report, struct report_style style, struct strbuf *out);
json_t *report_to_json(const struct report *report);
json_t *report_verdict_to_json(const struct verdict *verdict);

enum report_ledger_detail {
	REPORT_LEDGER_SHORT, // fits a screen with other things: small rows below the first level go
	REPORT_LEDGER_LONG,  // less than a thousandth of the whole goes, below the first level
	REPORT_LEDGER_ALL,
};

// The parts that commands show alone.
void report_write_ledger_rows(const struct ledger *ledger, enum report_ledger_detail detail,
			      struct strbuf *out);
void report_write_ledger(const struct ledger *ledger, struct report_style style,
			 struct strbuf *out);
void report_write_holders(const struct snapshot *snapshot, struct report_style style, int rows,
			  int stacks, struct strbuf *out);
json_t *report_ledger_to_json(const struct ledger *ledger);
// The keys "cache", "shmem" (ledgers), "files_partial" and "charge_absent" of `object`.
void report_files_to_json(const struct snapshot_files *files, json_t *object);
// The same, or "files_absent".
void report_snapshot_files_to_json(const struct snapshot *snapshot, json_t *object);
json_t *report_headroom_to_json(const struct headroom *headroom);
json_t *report_quality_to_json(const struct snapshot_quality *quality);
json_t *report_identity_to_json(const struct snapshot_identity *identity);
// The heap alone: functions and, with `all`, every raw bucket with its symbolized stack.
json_t *report_heap_to_json(const struct snapshot *snapshot, bool all);
json_t *report_error_to_json(const struct error *error);
// A text of the target: what is not UTF-8 in it becomes '?'.
json_t *report_text_to_json(const char *text);
