// SPDX-License-Identifier: Apache-2.0
/*
 * What a rule is: one row in the table of its family. docs/adding-a-rule.md says how to add one.
 *
 * Conditions are texts over named facts (facts_table.h): "group.rise >= 100", "gc.percent < 0",
 * "heap.goal > 0.9 limit", "?toolchain < 23". Behind a name may stand ".grown" (since the
 * baseline), ".before" (at the baseline) and ".share" (of the memory). A condition on a number that
 * is not known does not hold; with "?" in front it does then.
 *
 * Texts are templates: "{group} goroutines wait, {group.stacks} of stacks" with each number in its
 * unit, and the words {guilty}, {where}, {calls}, {creator}, {wait}, {command}, {interval}. A proof
 * with a number in it that is not known is left out.
 */
#pragma once

#include "verdict/evidence.h"
#include "verdict/frames.h"
#include "verdict/verdict.h"

enum { RULE_CONDITIONS = 10, RULE_PROOFS = 6, RULE_REJECTS = 4, RULE_WAITS = 6 };

enum rule_subject {
	RULE_PROCESS, // the facts alone
	RULE_SITE,    // a function of the program's own code, with what was allocated below it
	RULE_GROUP,   // goroutines of the same kind
};

struct rule_reject {
	const char *when; // one condition
	const char *text;
};

struct rule {
	const char *name; // stable: "goroutine-send"
	enum rule_subject subject;
	unsigned int classes; // of memory (CLASS_BIT) in which it can be the cause
	enum verdict_status status;
	bool generic;   // fits much: any other rule that fits goes first
	bool recursion; // of a group: the frame that calls itself is the one to name
	bool few;       // of a group: few goroutines of it are enough
	bool even_flat; // a trouble also where memory neither grows nor is near its limit
	enum course_metric number; // whose growth it is about; a group's is that of goroutines

	// Of a site's stacks and a group's stack.
	const char *stack[FRAME_PATTERNS_MAX];   // all, innermost first
	const char *without[FRAME_PATTERNS_MAX]; // none of them; of a site: of what it calls
	// Of a site.
	bool called; // `stack` is of what it calls, not of who calls it
	bool chain;  // with what the own functions it calls allocate: see sites_nearest
	const char *partly[FRAME_PATTERNS_MAX]; // what it calls besides: see site.part
	// Of a group.
	const char *waits[RULE_WAITS]; // one of these wait reasons ("" is: it does not wait)
	const char *created_by;        // a pattern
	// Where no frame of the group is the program's own: whose allocations lead to it, or who is
	// in one of them right now. Of a site without own code (the first): whom it has called.
	const char *blame[FRAME_PATTERNS_MAX];
	const char *along; // creators of other goroutines that these bring with them
	const char *holds[FRAME_PATTERNS_MAX]; // whose memory these keep, where own code calls it

	// Goroutines in these: see site.during (that are in the site as well) and group.during.
	const char *during;

	const char *when[RULE_CONDITIONS];  // all must hold
	const char *surer[RULE_CONDITIONS]; // all must hold for a high confidence
	const char *explains;               // a number of bytes; NULL: the usual one of the subject

	const char *title;    // "a response body that is not closed"
	const char *sentence; // NULL: the usual one of the subject
	const char *proof[RULE_PROOFS];
	struct rule_reject rejects[RULE_REJECTS];
	const char *refuted_by, *fix, *relief, *next;
	// Beyond the table: NULL as a rule.
	bool (*check)(const struct scope *scope, struct strbuf *why_not);
};

// A queue is seen by what lies in it, and by who waits for it: rules of two families.
#define QUEUE_PROOF                                                                        \
	N_("{queue.length} of {queue.capacity} places of one channel are taken, and hold " \
	   "{queue.bytes}; nobody waits to take something out")
#define QUEUE_REFUTED N_("a queue that becomes empty by itself while the load stays")
#define QUEUE_FIX                                                                        \
	N_("make the queue as short as the wait that is acceptable, and refuse or drop " \
	   "what does not fit; more consumers, or faster ones, with a deadline for each piece")
#define QUEUE_RELIEF N_("less load until the queue has drained")

struct rule_family {
	const char *name;
	const struct rule *rules;
	size_t count;
};

#define RULE_FAMILY(family_name, table)                              \
	const struct rule_family family_name = {#family_name, table, \
						sizeof(table) / sizeof *(table)}

// In the order in which they are asked; NULL ends the list.
extern const struct rule_family *const rule_families[];
