// SPDX-License-Identifier: Apache-2.0
// The family of last resort: one function of the program's own code allocated most of what the Go
// heap grew by, or holds, and no rule knows the pattern.
#include "verdict/rules.h"

// The timer of a goroutine that sleeps goes with it, so it is kept by nobody else.
#define ENDS_WITH_THE_GOROUTINE "time.Sleep"

static const struct rule rules[] = {
	{
		.name = "holder",
		.subject = RULE_SITE,
		.classes = CLASS_BIT(CLASS_HEAP),
		.status = VERDICT_CAUSE,
		.generic = true,
		.without = {ENDS_WITH_THE_GOROUTINE},
		.fix = N_("bound what it keeps: cap it, stream it, evict it, or let go of it "
			  "earlier"),
		.refuted_by = N_("a later capture in which this function's share is small while "
				 "the memory is as large"),
	},
	{
		// where none does alone
		.name = "holder",
		.subject = RULE_SITE,
		.classes = CLASS_BIT(CLASS_HEAP),
		.status = VERDICT_CAUSE,
		.generic = true,
		.without = {ENDS_WITH_THE_GOROUTINE},
		.chain = true,
		.title = N_("a function and those of the program that it calls, taken together"),
		.fix = N_("bound what they keep: cap it, stream it, evict it, or let go of it "
			  "earlier"),
		.refuted_by = N_("a later capture in which this function's share is small while "
				 "the memory is as large"),
	},
};

RULE_FAMILY(holder_family, rules);
