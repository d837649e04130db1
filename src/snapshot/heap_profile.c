// SPDX-License-Identifier: Apache-2.0
// In: buckets of raw samples. Out: a scaled profile with symbolized, inline-aware locations.
#include "snapshot/heap_profile.h"

#include <string.h>

#include "base/cleanup.h"
#include "snapshot/locations.h"

enum { STACK_MAX = 8192 };

struct builder {
	const struct heap_profile_source *source;
	struct profile *profile;
	struct locations *locations;
	struct error *error;
};

static const struct {
	const char *prefix;
	enum alloc_kind kind;
} kind_names[] = {
	{"runtime.mapassign", ALLOC_MAP},       {"internal/runtime/maps.", ALLOC_MAP},
	{"runtime.makemap", ALLOC_MAP},         {"runtime.hashGrow", ALLOC_MAP},
	{"runtime.growWork", ALLOC_MAP},        {"runtime.makeBucketArray", ALLOC_MAP},
	{"runtime.(*hmap)", ALLOC_MAP},         {"runtime.growslice", ALLOC_APPEND},
	{"runtime.concatstring", ALLOC_STRING}, {"runtime.slicebytetostring", ALLOC_STRING},
	{"runtime.rawstring", ALLOC_STRING},    {"runtime.stringtoslice", ALLOC_STRING},
	{"runtime.makechan", ALLOC_CHANNEL},    {"runtime.deferproc", ALLOC_DEFER},
	{"runtime.newdefer", ALLOC_DEFER},      {"runtime.malg", ALLOC_GOROUTINE},
};

static enum alloc_kind kind_of(const char *name)
{
	for (size_t i = 0; i < sizeof kind_names / sizeof *kind_names; i++)
		if (strncmp(name, kind_names[i].prefix, strlen(kind_names[i].prefix)) == 0)
			return kind_names[i].kind;
	return ALLOC_OTHER;
}

static bool is_runtime(const char *name)
{
	return name &&
	       (strncmp(name, "runtime.", 8) == 0 || strncmp(name, "internal/runtime/", 17) == 0);
}

// The runtime's frames at the leaf are hidden, unless there are no others.
static bool add_bucket_stack(struct builder *builder, const struct go_bucket *bucket,
			     enum alloc_kind *kind)
{
	taddr_t stack[STACK_MAX];
	size_t depth = bucket->depth < STACK_MAX / 2 ? bucket->depth : STACK_MAX / 2, skip = 0;
	struct functab *functab = builder->source->functab;
	if (depth)
		memcpy(stack, bucket->stack, depth * sizeof *stack);
	depth = functab_expand_last(functab, stack, depth, STACK_MAX);
	for (; skip < bucket->depth && is_runtime(functab_name(functab, stack[skip])); skip++)
		if (kind_of(functab_name(functab, stack[skip])))
			*kind = kind_of(functab_name(functab, stack[skip]));
	if (skip == bucket->depth)
		skip = 0;
	if (!locations_of_stack(builder->locations, stack + skip, depth - skip, builder->error))
		return false;
	return builder->locations->count || !skip ||
	       locations_of_stack(builder->locations, stack, depth, builder->error);
}

static bool add_bucket(struct builder *builder, const struct go_bucket *bucket)
{
	const struct go_counts *published = &bucket->published, *now = &bucket->now;
	int64_t values[] = {
		published->alloc_objects,
		published->alloc_bytes,
		published->alloc_objects - published->free_objects,
		published->alloc_bytes - published->free_bytes,
		now->alloc_objects - now->free_objects,
		now->alloc_bytes - now->free_bytes,
	};
	enum alloc_kind kind = ALLOC_OTHER;
	if (!add_bucket_stack(builder, bucket, &kind))
		return false;
	if (builder->source->kinds)
		builder->source->kinds[builder->profile->samples.count] = (uint8_t)kind;
	for (size_t i = 0; i < sizeof values / sizeof *values; i += 2)
		go_scale_sample(builder->source->buckets->rate, &values[i], &values[i + 1]);
	struct profile_label label = {
		.key = "bytes", .number = (int64_t)bucket->object_size, .unit = ""};
	bool labelled = now->alloc_objects != 0;
	return profile_add_sample(builder->profile, builder->locations->list,
				  builder->locations->count, values, &label, labelled,
				  builder->error);
}

static bool add_header(struct builder *builder)
{
	static const struct profile_value_type types[] = {
		{"alloc_objects", "count"},  {HEAP_ALLOC_SPACE, "bytes"},
		{"inuse_objects", "count"},  {HEAP_INUSE_SPACE, "bytes"},
		{HEAP_NOW_OBJECTS, "count"}, {HEAP_NOW_SPACE, "bytes"},
	};
	struct profile *profile = builder->profile;
	const struct heap_profile_source *source = builder->source;
	for (size_t i = 0; i < sizeof types / sizeof *types; i++)
		if (!profile_add_sample_type(profile, types[i].type, types[i].unit, builder->error))
			return false;
	profile->time_ns = source->taken_unix_ns;
	builder->locations =
		locations_new(profile, source->functab, &source->executable, builder->error);
	if (!builder->locations)
		return false;
	return profile_set_default_sample_type(profile, source->default_sample_type,
					       builder->error) &&
	       profile_set_period(profile, "space", "bytes", source->buckets->rate, builder->error);
}

bool heap_profile_build(const struct heap_profile_source *source, struct profile **out,
			struct error *error)
{
	struct builder builder = {.source = source, .profile = profile_new(), .error = error};
	bool ok = add_header(&builder);
	for (size_t i = 0; ok && i < source->buckets->buckets.count; i++)
		ok = add_bucket(&builder, &source->buckets->buckets.items[i]);
	if (ok)
		*out = take_ptr(builder.profile);
	profile_free(builder.profile);
	locations_free(builder.locations);
	return ok;
}
