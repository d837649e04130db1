// SPDX-License-Identifier: Apache-2.0
/*
 * The runtime's buckets as a profile: the four sample types that Go's own heap profile has, with
 * the same stacks, inlining and scaling, so that `go tool pprof` shows the same; and two more for
 * what is not published yet ("now_objects", "now_space"; see golang/buckets.h).
 *
 * Source: runtime/pprof/protomem.go (writeHeapProto), proto.go (appendLocsForStack).
 */
#pragma once

#include "base/error.h"
#include "golang/buckets.h"
#include "golang/functab.h"
#include "profile/profile.h"

#define HEAP_INUSE_SPACE "inuse_space"
#define HEAP_ALLOC_SPACE "alloc_space"
#define HEAP_NOW_SPACE   "now_space"
#define HEAP_NOW_OBJECTS "now_objects"

// What the program did to allocate, by the runtime's functions that the profile hides.
enum alloc_kind {
	ALLOC_OTHER,
	ALLOC_MAP,    // a map that was made or grew
	ALLOC_APPEND, // a slice that grew
	ALLOC_STRING, // a string or a copy of one
	ALLOC_CHANNEL,
	ALLOC_DEFER,
	ALLOC_GOROUTINE,
	ALLOC_KINDS
};

struct heap_profile_source {
	const struct go_buckets *buckets;
	struct functab *functab;
	const char *default_sample_type;
	int64_t taken_unix_ns;
	struct profile_mapping executable; // file "" when not known
	// NULL, or room for as many as there are buckets: the enum alloc_kind of each sample.
	uint8_t *kinds;
};

bool heap_profile_build(const struct heap_profile_source *source, struct profile **profile,
			struct error *error) must_check;
