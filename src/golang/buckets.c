// SPDX-License-Identifier: Apache-2.0
// In: runtime.mbuckets, mProfCycle (mProf up to Go 1.18), MemProfileRate. Out: stacks with counts.
// Source: runtime/mprof.go of Go 1.12 to 1.27.
#include "golang/buckets.h"

#include <inttypes.h>
#include <math.h>

#include "golang/bucket_list.h"
#include "golang/bucket_scan.h"

enum {
	CYCLES = 3,
	ATTEMPTS_MAX = 4,
};
static const uint64_t COUNT_MAX = (uint64_t)1 << 59; // more was never allocated anywhere

struct reading {
	const struct go_runtime *runtime;
	struct go_buckets *out;
};

void go_buckets_deinit(struct go_buckets *buckets)
{
	vec_deinit(&buckets->buckets);
	arena_deinit(&buckets->arena);
}

static int64_t saturate(double value)
{
	if (value >= 0x1p63)
		return INT64_MAX;
	return value > -0x1p63 ? (int64_t)value : INT64_MIN;
}

void go_scale_sample(int64_t rate, int64_t *count, int64_t *bytes)
{
	if (*count == 0 || *bytes == 0) {
		*count = *bytes = 0;
	} else if (rate > 1) {
		double average = (double)*bytes / (double)*count;
		double scale = 1 / (1 - exp(-average / (double)rate));
		*count = saturate((double)*count * scale);
		*bytes = saturate((double)*bytes * scale);
	}
}

// What counts is the rate: where the linker left the profiler out it is 0 from the start, until
// somebody sets it. It does so (cmd/link/internal/ld/lib.go, Go 1.17 and later, not for plugins)
// unless code that can be reached calls runtime.MemProfile: that of net/http/pprof by its import,
// that of runtime/pprof only where Lookup, NewProfile or WriteHeapProfile is called.
static bool profiler_is_on(const struct go_runtime *runtime, int64_t *rate, struct error *error)
{
	taddr_t disable = runtime->symbols[GO_SYMBOL_DISABLE_MEM_PROFILING], address;
	uint8_t linked_out = 0;
	if (!go_runtime_symbol(runtime, GO_SYMBOL_MEM_PROFILE_RATE, &address, error) ||
	    !target_read_u64(runtime->target, address, (uint64_t *)rate, error) ||
	    (disable && !target_read(runtime->target, disable, &linked_out, 1, error)))
		return false;
	if (*rate > 0)
		return true;
	if (linked_out == 1) {
		error_set(error, ERROR_UNSUPPORTED,
			  "the linker left the memory profiler out of this program: nothing in it "
			  "uses runtime.MemProfile, so it keeps no heap profile");
		return error_hint(
			error, "import _ \"net/http/pprof\" anywhere in the program (no port "
			       "needed), or call pprof.Lookup(\"heap\") in it: an import of "
			       "\"runtime/pprof\" alone does not keep the profiler; or, for what "
			       "is allocated from now on, `whyoom profiler on PID`; the ledger and "
			       "the goroutines are there without it");
	}
	error_set(error, ERROR_UNSUPPORTED,
		  "the program's memory profiler is off (runtime.MemProfileRate is %" PRId64 ")",
		  *rate);
	return error_hint(error, "start it without GODEBUG=memprofilerate=0 and without setting "
				 "runtime.MemProfileRate = 0; or, for what is allocated from now "
				 "on, `whyoom profiler on PID`");
}

// False, and nothing added, when no program can have counted so far.
static bool add_count(int64_t *sum, uint64_t count, uint64_t size)
{
	uint64_t value;
	if (__builtin_mul_overflow(count, size, &value) || value > COUNT_MAX)
		return false;
	*sum += (int64_t)value;
	return true;
}

static bool add_cycle(const struct go_layout *layout, const uint8_t *bytes, size_t size,
		      uint64_t object_size, struct go_counts *counts)
{
	struct go_record cycle = {layout, bytes, size};
	uint64_t allocs = record_u64(&cycle, GO_MEM_RECORD_CYCLE_ALLOCS);
	uint64_t frees = record_u64(&cycle, GO_MEM_RECORD_CYCLE_FREES);
	uint64_t alloc_bytes = allocs, free_bytes = frees;
	if (layout_has(layout, GO_MEM_RECORD_CYCLE_ALLOC_BYTES)) {
		alloc_bytes = record_u64(&cycle, GO_MEM_RECORD_CYCLE_ALLOC_BYTES);
		free_bytes = record_u64(&cycle, GO_MEM_RECORD_CYCLE_FREE_BYTES);
		object_size = 1;
	} // Go 1.27: every object of a bucket has its size
	bool ok = add_count(&counts->alloc_objects, allocs, 1);
	ok &= add_count(&counts->free_objects, frees, 1);
	ok &= add_count(&counts->alloc_bytes, alloc_bytes, object_size);
	return ok & add_count(&counts->free_bytes, free_bytes, object_size);
}

// False when a count makes no sense; it is left out.
static bool decode_record(const struct go_layout *layout, const uint8_t *record, uint32_t cycle,
			  struct go_bucket *bucket)
{
	size_t size = (size_t)layout->offset[GO_SIZEOF_MEM_RECORD_CYCLE];
	size_t future = (size_t)layout->offset[GO_MEM_RECORD_FUTURE];
	bool ok = add_cycle(layout, record + layout->offset[GO_MEM_RECORD_ACTIVE], size,
			    bucket->object_size, &bucket->published);
	bucket->now = bucket->published;
	for (size_t i = 0; i < CYCLES; i++)
		ok &= add_cycle(layout, record + future + i * size, size, bucket->object_size,
				&bucket->now);
	// The runtime folds this one in whenever it is asked for the profile.
	return ok & add_cycle(layout, record + future + cycle % CYCLES * size, size,
			      bucket->object_size, &bucket->published);
}

static bool add_bucket(void *context, const struct go_list_bucket *found, struct error *error)
{
	struct reading *reading = context;
	struct go_buckets *out = reading->out;
	struct go_bucket bucket = {found->size, found->stack, found->depth, {0}, {0}};
	(void)error;
	bool counted = decode_record(&reading->runtime->layout, found->record, out->cycle, &bucket);
	out->damaged += !found->hash_fits || !counted;
	vec_push(&out->buckets, bucket);
	return true;
}

// Before the first collection nothing is published: then the runtime shows all it has.
static void publish_all_if_none_is(struct go_buckets *out)
{
	VEC_FOREACH (bucket, &out->buckets)
		if (bucket->published.alloc_objects || bucket->published.free_objects)
			return;
	VEC_FOREACH (bucket, &out->buckets)
		bucket->published = bucket->now;
}

static bool read_cycle(const struct go_runtime *runtime, uint32_t *cycle, struct error *error)
{
	taddr_t address;
	uint32_t value;
	// Go 1.18 and earlier: mProf struct { cycle uint32; flushed bool }.
	bool packed = !runtime->symbols[GO_SYMBOL_MPROF];
	if (!go_runtime_symbol(runtime, packed ? GO_SYMBOL_MPROF_CYCLE : GO_SYMBOL_MPROF, &address,
			       error) ||
	    !target_read_u32(runtime->target, address, &value, error))
		return false;
	*cycle = packed ? value >> 1 : value; // the lowest bit: whether it was flushed
	return true;
}

static bool read_once(const struct go_runtime *runtime, struct go_buckets *out, struct error *error)
{
	struct reading reading = {runtime, out};
	struct go_bucket_list list = {
		.head = GO_SYMBOL_MBUCKETS,
		.type = GO_BUCKET_MEMORY,
		.record_size = GO_SIZEOF_MEM_RECORD,
		.arena = &out->arena,
		.visit = add_bucket,
		.context = &reading,
	};
	uint32_t cycle_after;
	target_forget(runtime->target);
	if (!read_cycle(runtime, &out->cycle, error))
		return false;
	if (!go_bucket_list_walk(runtime, &list, error))
		return error_wrap(error, "heap profile");
	publish_all_if_none_is(out);
	target_forget(runtime->target);
	if (!read_cycle(runtime, &cycle_after, error))
		return false;
	out->consistent = cycle_after == out->cycle;
	return true;
}

bool go_buckets_read(const struct go_runtime *runtime, struct go_buckets *out, struct error *error)
{
	int64_t rate;
	if (!profiler_is_on(runtime, &rate, error))
		return false;
	for (int attempt = 1;; attempt++) {
		struct go_buckets buckets = {.rate = rate, .attempts = attempt};
		bool ok = read_once(runtime, &buckets, error);
		if (ok && (buckets.consistent || attempt == ATTEMPTS_MAX)) {
			*out = buckets;
			return true;
		}
		go_buckets_deinit(&buckets);
		if (!ok)
			return false;
	}
}
