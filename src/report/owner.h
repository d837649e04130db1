// SPDX-License-Identifier: Apache-2.0
// Whose code a function is, as reports say it: "own", "dep" (a dependency), "std" (the standard
// library), "runtime".
#pragma once

#include "verdict/verdict.h"

static inline const char *owner_name(const struct snapshot_identity *identity, const char *function)
{
	static const char *const names[] = {[CODE_OWN] = "own",
					    [CODE_STANDARD_LIBRARY] = "std",
					    [CODE_THIRD_PARTY] = "dep",
					    [CODE_RUNTIME] = "runtime"};
	return names[code_owner_of(identity, function)];
}
