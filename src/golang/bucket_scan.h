// SPDX-License-Identifier: Apache-2.0
/*
 * The heap profile's buckets without any code or name: a variable that points to a bucket whose
 * stored hash is that of its own stack is runtime.mbuckets. The second way to it, independent of
 * the rules in symbol_rules.c. Source: runtime/mprof.go (bucket, stkbucket).
 */
#pragma once

#include "golang/moduledata.h"
#include "golang/runtime.h"

enum go_bucket_type { GO_BUCKET_MEMORY = 1, GO_BUCKET_BLOCK = 2, GO_BUCKET_MUTEX = 3 };

// Whether a bucket of that type is at `address`, with the right hash.
bool bucket_is_sound(const struct go_runtime *runtime, taddr_t address, enum go_bucket_type type);
// ERROR_NOT_FOUND when no variable, or more than one, points to a bucket of the heap profile.
bool bucket_scan(const struct go_moduledata *module, const struct go_runtime *runtime,
		 taddr_t *mbuckets, struct error *error) must_check;
