// SPDX-License-Identifier: Apache-2.0
// In: stacks with counts and cycles. Out: a profile of them.
#include "snapshot/contention_profile.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "snapshot/locations.h"

enum { MEASURE_NS = 100 * 1000 * 1000 }; // as the runtime does where it has no earlier pair

struct builder {
	const struct contention_profile_source *source;
	struct profile *profile;
	struct locations *locations;
	double cycles_per_ns;
	struct error *error;
};

// The runtime compares its clocks when first asked for such a profile. Nobody asked yet: compare
// them for it, from its start on where it noted that, else over a while.
static bool measure(const struct go_contention *contention, double *cycles_per_ns)
{
	int64_t cycles = contention->start_cycles, ns = contention->start_monotonic_ns;
	if (!cycles || !ns) {
		cycles = clock_cycles();
		ns = clock_monotonic_ns();
		clock_sleep_ns(MEASURE_NS);
	}
	int64_t cycles_now = clock_cycles(), ns_now = clock_monotonic_ns();
	if (!cycles_now || cycles_now <= cycles || ns_now <= ns)
		return false;
	*cycles_per_ns = (double)(cycles_now - cycles) / (double)(ns_now - ns);
	return true;
}

static bool find_speed(struct builder *builder)
{
	const struct go_contention *contention = builder->source->contention;
	builder->cycles_per_ns = (double)contention->cycles_per_second / 1e9;
	if (contention->cycles_per_second > 0 ||
	    (builder->source->live && measure(contention, &builder->cycles_per_ns)))
		return true;
	error_set(builder->error, ERROR_UNSUPPORTED,
		  "the program never compared its clocks: how long a cycle is, is not known");
	return error_hint(builder->error, "it does when it is asked for such a profile once");
}

static int64_t saturate(double value)
{
	return value < 0x1p63 ? (int64_t)value : INT64_MAX;
}

static bool add_bucket(struct builder *builder, const struct go_contention_bucket *bucket)
{
	int64_t scale = builder->source->contention->scale;
	double delay_ns = (double)bucket->cycles / builder->cycles_per_ns;
	int64_t values[] = {
		saturate((double)bucket->count * (double)scale),
		saturate(delay_ns * (double)scale),
	};
	taddr_t stack[LOCATIONS_STACK_MAX];
	size_t depth = bucket->depth < LOCATIONS_STACK_MAX ? bucket->depth : LOCATIONS_STACK_MAX;
	if (depth)
		memcpy(stack, bucket->stack, depth * sizeof *stack);
	depth = functab_expand_last(builder->source->functab, stack, depth, LOCATIONS_STACK_MAX);
	return locations_of_stack(builder->locations, stack, depth, builder->error) &&
	       profile_add_sample(builder->profile, builder->locations->list,
				  builder->locations->count, values, NULL, 0, builder->error);
}

static bool build(struct builder *builder)
{
	const struct contention_profile_source *source = builder->source;
	struct profile *profile = builder->profile;
	profile->time_ns = source->taken_unix_ns;
	if (!find_speed(builder) ||
	    !profile_add_sample_type(profile, CONTENTION_COUNT, "count", builder->error) ||
	    !profile_add_sample_type(profile, CONTENTION_DELAY, "nanoseconds", builder->error) ||
	    !profile_set_period(profile, CONTENTION_COUNT, "count", 1, builder->error))
		return false;
	builder->locations =
		locations_new(profile, source->functab, &source->executable, builder->error);
	if (!builder->locations)
		return false;
	VEC_FOREACH (bucket, &source->contention->buckets)
		if (!add_bucket(builder, bucket))
			return false;
	return true;
}

bool contention_profile_build(const struct contention_profile_source *source, struct profile **out,
			      struct error *error)
{
	struct builder builder = {.source = source, .profile = profile_new(), .error = error};
	bool ok = build(&builder);
	if (ok)
		*out = take_ptr(builder.profile);
	profile_free(builder.profile);
	locations_free(builder.locations);
	return ok;
}
