// SPDX-License-Identifier: Apache-2.0
// Which goroutines are in what a rule is about right now. It can be seen where allocations do not
// tell: who reads from a decompressor, who serves.
#pragma once

#include "verdict/rules.h"
#include "verdict/sites.h"

const char *group_frame_function(const void *stack, size_t index); // of a struct goroutine_group

// Goroutines in what the rule's `during` says, called from `function` ("": from anywhere); where
// there are none now, at the baseline.
uint64_t inside_count(const struct evidence *evidence, const struct rule *rule,
		      const char *function);
// Of a group's kind, how many there are for each goroutine that makes more of them, or waits until
// all are done: in the function that made them, or in the Wait of what it made them with
// (errgroup). False: none.
bool inside_fan(const struct evidence *evidence, const struct wait_group *group, double *value);
// Where no own code allocates: who most goroutines are in that were called by what the rule blames.
void inside_name_called(const struct evidence *evidence, const struct rule *rule,
			struct site *site);
// Who is in the function that makes such goroutines: main, in http.Serve.
bool inside_find_starter(const struct evidence *evidence, const struct rule *rule,
			 const struct wait_group *group, struct site *out);
