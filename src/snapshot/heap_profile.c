// SPDX-License-Identifier: Apache-2.0
// In: buckets of raw samples. Out: a scaled profile with symbolized, inline-aware locations.
#include "snapshot/heap_profile.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/map.h"
#include "base/vec.h"

enum { STACK_MAX = 8192 };

// One location that was made for a run of program counters: the first and those inlined into it.
struct made_location {
	uint32_t index;
	size_t pc_count;
};

struct builder {
	const struct heap_profile_source *source;
	struct profile *profile;
	uint32_t mapping;
	struct map by_pc; // first pc -> index in `made`
	VEC(struct made_location) made;
	// The deck: logical frames of one physical frame, innermost first, not made a location yet.
	const struct go_frame *deck[PROFILE_MAX_INLINE_DEPTH];
	taddr_t deck_pc;
	size_t deck_count;
	// The sample at hand.
	uint32_t locations[STACK_MAX];
	size_t location_count;
	struct error *error;
};

static bool is_runtime(const char *name)
{
	return name &&
	       (strncmp(name, "runtime.", 8) == 0 || strncmp(name, "internal/runtime/", 17) == 0);
}

// False when `frame` is not what the last frame of the deck is inlined into.
static bool deck_add(struct builder *builder, taddr_t pc, const struct go_frame *frame)
{
	if (builder->deck_count) {
		const struct go_frame *last = builder->deck[builder->deck_count - 1];
		if (!last->inlined || !last->entry || last->entry != frame->entry ||
		    strcmp(last->function, frame->function) == 0 ||
		    builder->deck_count == PROFILE_MAX_INLINE_DEPTH)
			return false;
	} else {
		builder->deck_pc = pc;
	}
	builder->deck[builder->deck_count++] = frame;
	return true;
}

static bool deck_lines(struct builder *builder, struct profile_line *lines)
{
	for (size_t i = 0; i < builder->deck_count; i++) {
		const struct go_frame *frame = builder->deck[i];
		lines[i] = (struct profile_line){.line = frame->line};
		if (!profile_add_function(builder->profile, frame->function, frame->file,
					  frame->start_line, &lines[i].function, builder->error))
			return false;
	}
	return true;
}

// Makes the deck one location of the sample.
static bool deck_flush(struct builder *builder)
{
	if (!builder->deck_count)
		return true;
	struct profile_line lines[PROFILE_MAX_INLINE_DEPTH];
	uint32_t count = builder->deck[0]->valid ? (uint32_t)builder->deck_count : 0, index;
	if ((count && !deck_lines(builder, lines)) ||
	    !profile_add_location(builder->profile, builder->mapping, builder->deck[0]->pc, lines,
				  count, &index, builder->error))
		return false;
	map_put(&builder->by_pc, builder->deck_pc, builder->made.count, NULL);
	vec_push(&builder->made, {index, builder->deck_count});
	builder->locations[builder->location_count++] = index;
	builder->deck_count = 0;
	return true;
}

static bool add_stack(struct builder *builder, const taddr_t *stack, size_t depth)
{
	builder->location_count = 0;
	for (size_t i = 0; i < depth;) {
		const struct go_frame *frame = functab_frame(builder->source->functab, stack[i]);
		if (builder->deck_count && frame->valid && deck_add(builder, stack[i], frame)) {
			i++;
			continue;
		}
		if (!deck_flush(builder))
			return false;
		const uint64_t *known = map_find(&builder->by_pc, stack[i]);
		if (known) {
			const struct made_location *made = &builder->made.items[*known];
			builder->locations[builder->location_count++] = made->index;
			i += made->pc_count;
			continue;
		}
		if (strcmp(frame->function, "runtime.goexit") != 0)
			deck_add(builder, stack[i], frame);
		i++;
	}
	return deck_flush(builder);
}

// The runtime's frames at the leaf are hidden, unless there are no others.
static bool add_bucket_stack(struct builder *builder, const struct go_bucket *bucket)
{
	taddr_t stack[STACK_MAX];
	size_t depth = bucket->depth < STACK_MAX / 2 ? bucket->depth : STACK_MAX / 2, skip = 0;
	struct functab *functab = builder->source->functab;
	if (depth)
		memcpy(stack, bucket->stack, depth * sizeof *stack);
	depth = functab_expand_last(functab, stack, depth, STACK_MAX);
	while (skip < bucket->depth && is_runtime(functab_name(functab, stack[skip])))
		skip++;
	if (skip == bucket->depth)
		skip = 0;
	if (!add_stack(builder, stack + skip, depth - skip))
		return false;
	return builder->location_count || !skip || add_stack(builder, stack, depth);
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
	if (!add_bucket_stack(builder, bucket))
		return false;
	for (size_t i = 0; i < sizeof values / sizeof *values; i += 2)
		go_scale_sample(builder->source->buckets->rate, &values[i], &values[i + 1]);
	struct profile_label label = {
		.key = "bytes", .number = (int64_t)bucket->object_size, .unit = ""};
	bool labelled = now->alloc_objects != 0;
	return profile_add_sample(builder->profile, builder->locations,
				  (uint32_t)builder->location_count, values, &label, labelled,
				  builder->error);
}

static bool add_header(struct builder *builder)
{
	static const struct profile_value_type types[] = {
		{"alloc_objects", "count"},  {"alloc_space", "bytes"},
		{"inuse_objects", "count"},  {HEAP_INUSE_SPACE, "bytes"},
		{HEAP_NOW_OBJECTS, "count"}, {HEAP_NOW_SPACE, "bytes"},
	};
	struct profile *profile = builder->profile;
	const struct heap_profile_source *source = builder->source;
	for (size_t i = 0; i < sizeof types / sizeof *types; i++)
		if (!profile_add_sample_type(profile, types[i].type, types[i].unit, builder->error))
			return false;
	profile->time_ns = source->taken_unix_ns;
	builder->mapping = PROFILE_NONE;
	if (source->executable.file[0] &&
	    !profile_add_mapping(profile, &source->executable, &builder->mapping, builder->error))
		return false;
	return profile_set_default_sample_type(profile, source->default_sample_type,
					       builder->error) &&
	       profile_set_period(profile, "space", "bytes", source->buckets->rate, builder->error);
}

bool heap_profile_build(const struct heap_profile_source *source, struct profile **out,
			struct error *error)
{
	struct builder *builder = alloc_zero(sizeof *builder);
	builder->source = source;
	builder->error = error;
	builder->profile = profile_new();
	bool ok = add_header(builder);
	for (size_t i = 0; ok && i < source->buckets->buckets.count; i++)
		ok = add_bucket(builder, &source->buckets->buckets.items[i]);
	if (ok)
		*out = take_ptr(builder->profile);
	profile_free(builder->profile);
	map_deinit(&builder->by_pc);
	vec_deinit(&builder->made);
	free(builder);
	return ok;
}
