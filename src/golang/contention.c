// SPDX-License-Identifier: Apache-2.0
// In: runtime.bbuckets or xbuckets, the rates, ticks. Out: stacks with counts and cycles.
#include "golang/contention.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "golang/bucket_list.h"
#include "golang/bucket_scan.h"
#include "golang/calls.h"
#include "golang/structs.h"

enum {
	EXPANDED_MAX = 8192,
	// What changed without a field that would show it.
	COUNTS_ARE_FLOATS_SINCE = 17,
	MUTEX_IS_SCALED_SINCE = 20,
	STACKS_ARE_PHYSICAL_SINCE = 23,
	OLD_TICKS_VALUE = 16, // struct { lock mutex; pad uint32; val uint64 }, up to Go 1.19
};
static const double COUNT_MAX = 0x1p62;

struct kind {
	const char *name, *setter;
	enum go_symbol buckets, rate;
	enum go_bucket_type type;
};

static const struct kind kinds[] = {
	[GO_CONTENTION_BLOCK] = {"block", "runtime.SetBlockProfileRate", GO_SYMBOL_BBUCKETS,
				 GO_SYMBOL_BLOCK_PROFILE_RATE, GO_BUCKET_BLOCK},
	[GO_CONTENTION_MUTEX] = {"mutex", "runtime.SetMutexProfileFraction", GO_SYMBOL_XBUCKETS,
				 GO_SYMBOL_MUTEX_PROFILE_RATE, GO_BUCKET_MUTEX},
};

struct reading {
	const struct go_runtime *runtime;
	const struct kind *kind;
	struct go_calls *calls;
	struct go_contention *out;
};

void go_contention_deinit(struct go_contention *contention)
{
	vec_deinit(&contention->buckets);
	arena_deinit(&contention->arena);
}

// What CallersFrames puts between `pc` and the next one of a stack: the callers into which the code
// there is inlined, unless they follow already.
static size_t add_inlined(struct go_calls *calls, taddr_t pc, taddr_t next_pc, taddr_t *out,
			  size_t capacity)
{
	const struct go_call *call = go_calls_find(calls, pc, false);
	size_t count = 0;
	const struct go_frame *callee = call->frame_count ? call->frames[0] : NULL;
	for (size_t i = 1; i < call->frame_count && count < capacity; i++) {
		const struct go_frame *frame = call->frames[i];
		if (frame->pc + 1 == next_pc)
			break;
		if (go_frame_is_elided(frame, callee))
			continue;
		out[count++] = frame->pc + 1;
		callee = frame;
	}
	return count;
}

// Since Go 1.23 frame pointers are followed: the stack has one program counter for each physical
// frame, but for its innermost ones. The last is left as it is, as CallersFrames does.
static bool expand(struct reading *reading, struct go_contention_bucket *bucket)
{
	taddr_t stack[EXPANDED_MAX];
	size_t depth = 0;
	if (reading->runtime->layout.minor < STACKS_ARE_PHYSICAL_SINCE)
		return true;
	for (size_t i = 0; i < bucket->depth && depth < EXPANDED_MAX; i++) {
		if (!functab_entry(reading->runtime->functab, bucket->stack[i]))
			continue; // C code
		stack[depth++] = bucket->stack[i];
		if (i + 1 < bucket->depth)
			depth += add_inlined(reading->calls, bucket->stack[i], bucket->stack[i + 1],
					     stack + depth, EXPANDED_MAX - depth);
	}
	taddr_t *copy = arena_array(&reading->out->arena, depth, sizeof *copy);
	if (copy && depth)
		memcpy(copy, stack, depth * sizeof *copy);
	bucket->stack = copy;
	bucket->depth = depth;
	return copy || !depth;
}

// False when the count makes no sense.
static bool decode_count(const struct reading *reading, const struct go_record *record,
			 int64_t *count)
{
	bool is_float = reading->runtime->layout.minor >= COUNTS_ARE_FLOATS_SINCE;
	double value = is_float ? record_f64(record, GO_BLOCK_RECORD_COUNT)
				: (double)(int64_t)record_u64(record, GO_BLOCK_RECORD_COUNT);
	if (!(value >= 0 && value < COUNT_MAX)) // NaN as well
		return false;
	*count = (int64_t)value;
	// The runtime makes it 1 so that nobody divides by zero.
	if (*count == 0 && reading->kind->type == GO_BUCKET_BLOCK && is_float)
		*count = 1;
	return true;
}

static bool add_bucket(void *context, const struct go_list_bucket *found, struct error *error)
{
	struct reading *reading = context;
	const struct go_layout *layout = &reading->runtime->layout;
	struct go_record record = {layout, found->record,
				   (size_t)layout->offset[GO_SIZEOF_BLOCK_RECORD]};
	struct go_contention_bucket bucket = {.stack = found->stack, .depth = found->depth};
	bucket.cycles = (int64_t)record_u64(&record, GO_BLOCK_RECORD_CYCLES);
	if (!found->hash_fits || !decode_count(reading, &record, &bucket.count) ||
	    bucket.cycles < 0) {
		reading->out->damaged++;
		return true;
	}
	if (!expand(reading, &bucket))
		return error_set(error, ERROR_LIMIT, "the profile's stacks need too much memory");
	vec_push(&reading->out->buckets, bucket);
	return true;
}

static bool read_ticks(const struct go_runtime *runtime, struct go_contention *out,
		       struct error *error)
{
	const struct go_layout *layout = &runtime->layout;
	bool old = !layout_has(layout, GO_TICKS_TYPE_VAL);
	taddr_t ticks;
	if (!go_runtime_symbol(runtime, GO_SYMBOL_TICKS, &ticks, error) ||
	    !target_read_u64(
		    runtime->target,
		    ticks + (uint64_t)(old ? OLD_TICKS_VALUE : layout->offset[GO_TICKS_TYPE_VAL]),
		    (uint64_t *)&out->cycles_per_second, error))
		return false;
	if (!layout_has(layout, GO_TICKS_TYPE_START_TICKS))
		return true;
	return target_read_u64(runtime->target,
			       ticks + (uint64_t)layout->offset[GO_TICKS_TYPE_START_TICKS],
			       (uint64_t *)&out->start_cycles, error) &&
	       target_read_u64(runtime->target,
			       ticks + (uint64_t)layout->offset[GO_TICKS_TYPE_START_TIME],
			       (uint64_t *)&out->start_monotonic_ns, error);
}

static int by_cycles(const void *a, const void *b)
{
	int64_t left = ((const struct go_contention_bucket *)a)->cycles,
		right = ((const struct go_contention_bucket *)b)->cycles;
	return (left < right) - (left > right);
}

// By what the writer of the profile multiplies.
static bool find_scale(const struct reading *reading, struct error *error)
{
	struct go_contention *out = reading->out;
	out->scale = 1;
	if (reading->kind->type != GO_BUCKET_MUTEX ||
	    reading->runtime->layout.minor >= MUTEX_IS_SCALED_SINCE)
		return true;
	out->scale = out->rate;
	return out->rate > 0 ||
	       error_set(error, ERROR_UNSUPPORTED,
			 "the mutex profile was switched off: how its samples were taken is lost");
}

static bool no_profile(const struct kind *kind, struct error *error)
{
	error_set(error, ERROR_UNSUPPORTED,
		  "the program keeps no %s profile: its rate is 0 and nothing was recorded",
		  kind->name);
	return error_hint(error, "%s(N) in the program switches it on", kind->setter);
}

static bool read_all(struct reading *reading, struct error *error)
{
	const struct go_runtime *runtime = reading->runtime;
	struct go_contention *out = reading->out;
	taddr_t rate;
	struct go_bucket_list list = {
		.head = reading->kind->buckets,
		.type = reading->kind->type,
		.record_size = GO_SIZEOF_BLOCK_RECORD,
		.arena = &out->arena,
		.visit = add_bucket,
		.context = reading,
	};
	target_forget(runtime->target);
	if (!go_runtime_symbol(runtime, reading->kind->rate, &rate, error) ||
	    !target_read_u64(runtime->target, rate, (uint64_t *)&out->rate, error) ||
	    !go_bucket_list_walk(runtime, &list, error) || !read_ticks(runtime, out, error))
		return error_wrap(error, "%s profile", reading->kind->name);
	if (!out->rate && !out->buckets.count && !out->damaged)
		return no_profile(reading->kind, error);
	if (!find_scale(reading, error))
		return false;
	if (out->cycles_per_second < 0)
		return error_set(error, ERROR_BAD_DATA, "a second of %" PRId64 " cycles",
				 out->cycles_per_second);
	if (out->buckets.count)
		qsort(out->buckets.items, out->buckets.count, sizeof *out->buckets.items,
		      by_cycles);
	return true;
}

bool go_contention_read(const struct go_runtime *runtime, enum go_contention_kind kind,
			struct go_contention *out, struct error *error)
{
	struct go_contention contention = {0};
	struct reading reading = {.runtime = runtime,
				  .kind = &kinds[kind],
				  .calls = go_calls_new(runtime->functab),
				  .out = &contention};
	bool ok = read_all(&reading, error);
	go_calls_free(reading.calls);
	if (ok)
		*out = contention;
	else
		go_contention_deinit(&contention);
	return ok;
}
