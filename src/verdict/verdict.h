// SPDX-License-Identifier: Apache-2.0
/*
 * Rules over snapshots: the cause in one sentence with its proof, or honestly not determined.
 *
 * A rule is a function from evidence to a finding; rules.c lists them. The order of thought is
 * fixed: which class of memory holds the charge, within Go which part, within the heap which site.
 */
#pragma once

#include "base/arena.h"
#include "base/vec.h"
#include "snapshot/kill.h"
#include "snapshot/snapshot.h"

enum verdict_confidence { CONFIDENCE_NONE, CONFIDENCE_LOW, CONFIDENCE_MEDIUM, CONFIDENCE_HIGH };

struct verdict_frame {
	const char *function; // "" when no frame is named
	const char *file;
	int64_t line;
};

struct verdict {
	struct arena arena;
	const char *rule; // "holder", or "" when nothing was determined
	bool determined;
	enum verdict_confidence confidence;
	const char *sentence;        // the answer
	struct verdict_frame guilty; // in the program's own code where there is any
	const char *library_call;    // what `guilty` calls that allocates; "" when itself
	int64_t bytes;               // what the guilty function's allocations hold
	double share;                // of the Go heap in use
	int64_t grown_bytes;         // since the baseline; 0 without one
	double growth_share;         // of what the Go heap grew by; 0 without a baseline
	VEC(const char *) evidence;  // the numbers for it
	VEC(const char *) rejected;  // alternatives, each with the number that rejects it
	const char *refuted_by;      // what would show that it is wrong
	const char *fix;
	const char *next_capture; // what to take when this is not enough; "" when it is
};

// `kill` NULL: one instant of a process that lives. `baseline` NULL: nothing to compare with.
void verdict_decide(const struct snapshot *snapshot, const struct snapshot_baseline *baseline,
		    const struct kill_facts *kill, struct verdict *verdict);
void verdict_deinit(struct verdict *verdict);
const char *confidence_name(enum verdict_confidence confidence);

// Whose code a function is, by its package path and the module paths of the build.
enum code_owner { CODE_OWN, CODE_STANDARD_LIBRARY, CODE_THIRD_PARTY, CODE_RUNTIME };
enum code_owner code_owner_of(const struct snapshot_identity *identity, const char *function);
