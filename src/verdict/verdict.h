// SPDX-License-Identifier: Apache-2.0
/*
 * Rules over snapshots: the cause in one sentence with its proof, or honestly not determined.
 *
 * Facts are gathered (facts.h), put against those of a baseline (evidence.h), and each row of the
 * tables of rules is asked (rules.h, engine.h). The order of thought is fixed: which class of
 * memory grew, or holds most; within Go which part; within the heap which site; which goroutines.
 * What explains less than half of it is no cause.
 */
#pragma once

#include "base/arena.h"
#include "base/i18n.h"
#include "base/vec.h"
#include "snapshot/kill.h"
#include "snapshot/snapshot.h"

enum verdict_confidence { CONFIDENCE_NONE, CONFIDENCE_LOW, CONFIDENCE_MEDIUM, CONFIDENCE_HIGH };

struct verdict_frame {
	const char *function; // "" when no frame is named
	const char *file;
	int64_t line;
};

enum verdict_status {
	VERDICT_NOT_DETERMINED,
	VERDICT_CAUSE,   // something is wrong, and this is it
	VERDICT_HEALTHY, // nothing is wrong, for the reason that is said
	VERDICT_HOLDER,  // nothing is known to be wrong; this is who holds most
};

struct verdict {
	struct arena arena;
	struct facts *facts; // what it was decided on; owned
	const char *rule;    // "holder", or "" when nothing was determined
	const char *title;   // of the rule, "a response body that is not closed"; ""
	enum verdict_status status;
	bool determined;
	enum verdict_confidence confidence;
	const char *sentence;        // the answer
	struct verdict_frame guilty; // in the program's own code where there is any
	const char *library_call;    // what `guilty` calls that allocates; "" when itself
	int64_t bytes;               // what the guilty function's allocations hold
	double share;                // of the Go heap in use
	int64_t grown_bytes;         // since the baseline; 0 without one
	double growth_share;         // of what the Go heap grew by; 0 without a baseline
	VEC(const char *) steps;     // class, part, site: how it was narrowed down
	VEC(const char *) timeline;  // what began to grow when, after which mark
	VEC(const char *) evidence;  // the numbers for it
	VEC(const char *) rejected;  // alternatives, each with the number that rejects it
	const char *refuted_by;      // what would show that it is wrong
	const char *fix;
	const char *relief; // what helps until then, or that nothing does; ""
	// The same for the same cause on other machines: of rule, function, module and version.
	const char *fingerprint;
	const char *next_capture; // what to take when this is not enough; "" when it is
};

// `kill` NULL: one instant of a process that lives. `baseline` NULL: nothing to compare with.
void verdict_decide(const struct snapshot *snapshot, const struct snapshot_baseline *baseline,
		    const struct kill_facts *kill, struct verdict *verdict);
// The same from facts alone, which it takes over; what they borrow has to stay.
void verdict_decide_on(struct facts *facts, const struct snapshot_baseline *baseline,
		       const struct kill_facts *kill, struct verdict *verdict);
void verdict_deinit(struct verdict *verdict);
const char *verdict_status_name(enum verdict_status status);
const char *confidence_name(enum verdict_confidence confidence);

// The last `parts` elements of a path.
const char *path_tail(const char *path, int parts);

// Whose code a function is, by its package path and the module paths of the build.
enum code_owner { CODE_OWN, CODE_STANDARD_LIBRARY, CODE_THIRD_PARTY, CODE_RUNTIME };
enum code_owner code_owner_of(const struct snapshot_identity *identity, const char *function);
