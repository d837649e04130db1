// SPDX-License-Identifier: Apache-2.0
/*
 * The runtime's heap profile, read from its buckets without stopping the target.
 *
 * *published* is what runtime.MemProfile would return at this moment, number for number: two
 * garbage collections behind. *now* adds the cycles that are not published yet: it holds the last
 * second before a kill, and garbage that is not swept yet.
 *
 * Values are raw samples; scale them with go_scale_sample. Source: runtime/mprof.go
 * (memProfileInternal, bucket, memRecord), runtime/pprof/protomem.go.
 */
#pragma once

#include "base/arena.h"
#include "base/vec.h"
#include "golang/runtime.h"

struct go_counts {
	int64_t alloc_objects, alloc_bytes, free_objects, free_bytes;
};

struct go_bucket {
	uint64_t object_size;
	const taddr_t *stack; // return addresses, innermost first, one a logical frame
	size_t depth;
	struct go_counts published, now;
};

struct go_buckets {
	struct arena arena;
	VEC(struct go_bucket) buckets;
	int64_t rate;     // MemProfileRate: one sample for about so many bytes
	uint32_t cycle;   // of the profile
	int attempts;     // 1, or more where a collection came in between
	bool consistent;  // the cycle did not change while reading
	uint64_t damaged; // buckets whose stored hash does not match their stack, or with a count
			  // that cannot be (it is left out)
};

// ERROR_UNSUPPORTED when the program has no memory profiler (linked out, or its rate is 0): never
// an empty profile.
bool go_buckets_read(const struct go_runtime *runtime, struct go_buckets *buckets,
		     struct error *error) must_check;
void go_buckets_deinit(struct go_buckets *buckets);

// Estimates the unsampled values from `count` samples of together `bytes` bytes, in place.
void go_scale_sample(int64_t rate, int64_t *count, int64_t *bytes);
