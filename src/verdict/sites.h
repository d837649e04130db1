// SPDX-License-Identifier: Apache-2.0
// The functions of the program's own code that allocated what the Go heap holds, now and at the
// baseline: each stack counts for the nearest own frame above its allocation.
#pragma once

#include "base/map.h"
#include "profile/top.h"
#include "verdict/rules.h"

struct site {
	struct verdict_frame frame;
	const char *callee; // "" when the frame allocates itself
	int64_t bytes, before_bytes, largest_stack_bytes;
};

struct sites {
	struct map by_function;
	VEC(struct site) list;
	int64_t total, total_before;
	struct profile_top_stacks *stacks[2]; // now, before: they own the texts
};

bool sites_collect(const struct evidence *evidence, struct sites *sites,
		   struct error *error) must_check;
void sites_deinit(struct sites *sites);
// NULL when no own code is in any stack.
const struct site *sites_largest(const struct sites *sites, bool by_growth);
int64_t site_grown_bytes(const struct site *site);
int64_t sites_grown_bytes(const struct sites *sites); // all of the Go heap
