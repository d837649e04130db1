// SPDX-License-Identifier: Apache-2.0
/*
 * An instant that was written down: what a report's JSON and a heap profile say, as a snapshot and
 * as facts again. Everything in them is untrusted: counts and lengths are bounded, what makes no
 * sense is left out, and the ledgers have to sum up. What is not there is absent.
 */
#pragma once

#include <jansson.h>

#include "report/report.h"
#include "verdict/facts.h"

enum { INSTANT_GROUPS_MAX = 2000, INSTANT_FRAMES_MAX = 128 };

struct instant {
	struct snapshot *snapshot;
	struct facts facts; // borrows from the snapshot
	bool killed;        // `kill` is filled
	struct kill_facts kill;
	struct kill_timeline *timeline; // NULL: it was not watched
	char reason[512];               // of the trigger that took it; ""
};

// The numbers, for report.json.
json_t *facts_to_json(const struct facts *facts);

// `report` NULL: only a profile. `heap` NULL or of size 0: no profile.
bool instant_read(const char *report, size_t report_size, const void *heap, size_t heap_size,
		  struct instant **instant, struct error *error) must_check;
// Of goroutines and what is said about them alone, as from a crash log; takes the set over.
struct instant *instant_of_goroutines(const struct snapshot_identity *identity,
				      struct goroutine_set *set);
void instant_free(struct instant *instant); // NULL is allowed
// As what another is compared with; borrows.
struct snapshot_baseline instant_as_baseline(const struct instant *instant);
