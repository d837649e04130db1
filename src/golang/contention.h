// SPDX-License-Identifier: Apache-2.0
/*
 * The block profile (where goroutines waited) and the mutex profile (who made others wait), as the
 * program would write them, read from their buckets without stopping it.
 *
 * The runtime scales samples when it records them (the block profile since Go 1.17, the mutex
 * profile since 1.20); before, the writer of a mutex profile does: see `scale`.
 *
 * Source: runtime/mprof.go (saveblockevent, BlockProfile), runtime/pprof/pprof.go
 * (printCountCycleProfile, scaleMutexProfile, expandInlinedFrames), runtime/runtime.go
 * (ticksPerSecond), runtime/symtab.go (CallersFrames).
 */
#pragma once

#include "base/arena.h"
#include "base/vec.h"
#include "golang/runtime.h"

enum go_contention_kind { GO_CONTENTION_BLOCK, GO_CONTENTION_MUTEX };

struct go_contention_bucket {
	int64_t count, cycles; // of the processor's clock; see go_contention.cycles_per_second
	const taddr_t *stack;  // return addresses, innermost first, one a logical frame
	size_t depth;
};

struct go_contention {
	struct arena arena;
	VEC(struct go_contention_bucket) buckets; // the longest first
	// Block: nanoseconds for a sample, as cycles; mutex: one event in so many is sampled. 0:
	// switched off meanwhile, the buckets are of the time before.
	int64_t rate;
	int64_t scale;    // the counts and times are to be multiplied by this
	uint64_t damaged; // buckets with the wrong hash or counts that cannot be; left out

	int64_t cycles_per_second; // 0: the program has not computed it yet
	// When it started, by both of its clocks, to compute that; 0 before Go 1.21.
	int64_t start_cycles, start_monotonic_ns;
};

// ERROR_UNSUPPORTED when the program keeps no such profile: its rate is 0 and always was.
bool go_contention_read(const struct go_runtime *runtime, enum go_contention_kind kind,
			struct go_contention *contention, struct error *error) must_check;
void go_contention_deinit(struct go_contention *contention);
