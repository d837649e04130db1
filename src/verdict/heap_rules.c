// SPDX-License-Identifier: Apache-2.0
// What the heap holds, by how it was allocated. Patterns are of the stack from the allocation
// outwards; the function named is the nearest one of the program's own.
#include "verdict/rules.h"

#define HOLDER .subject = RULE_SITE, .classes = CLASS_BIT(CLASS_HEAP), .status = VERDICT_CAUSE
#define LATER \
	N_("a later capture in which this function's share is small while the memory is as large")

static const struct rule rules[] = {
	{
		.name = "read-all",
		HOLDER,
		.stack = {"io.ReadAll|io/ioutil.ReadAll|io/ioutil.readAll"},
		.title = N_("whole streams are read into memory"),
		.proof = {N_("one of them is {site.object_size} on average")},
		.refuted_by = LATER,
		.fix = N_(
			"do not read the whole stream: io.LimitReader or http.MaxBytesReader, and "
			"process it in pieces"),
		.relief = N_("a memory limit for the runtime (whyoom relieve) helps only where the "
			     "buffers are garbage already"),
	},
	{
		.name = "map-grows",
		HOLDER,
		.without = {"io.ReadAll"},
		.when = {"site.map >= 2% site", "site.map > site.append"},
		.title = N_("a map that grows"),
		.refuted_by = LATER,
		.fix = N_("bound it: delete what is old (a time to live), or cap its size"),
	},
};

RULE_FAMILY(heap_family, rules);
