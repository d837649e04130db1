// SPDX-License-Identifier: Apache-2.0
// In: goroutines with their stacks and labels. Out: a profile that counts them.
#include "snapshot/goroutine_profile.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/map.h"

enum { LINES_MAX = PROFILE_MAX_INLINE_DEPTH };

// Goroutines with one stack and the same labels.
struct alike {
	const struct go_goroutine *first;
	int64_t count;
};

struct builder {
	const struct goroutine_profile_source *source;
	struct profile *profile;
	uint32_t mapping;
	struct map alike_map;
	VEC(struct alike) alike;
	VEC(uint32_t) locations; // of the sample at hand
	struct error *error;
};

// The logical frames of a call as one location; wrappers are left out, and may leave nothing.
static bool add_call(struct builder *builder, const struct go_call *call,
		     const struct go_frame **callee)
{
	struct profile_line lines[LINES_MAX];
	uint32_t count = 0, index;
	taddr_t address = 0;
	for (size_t i = 0; i < call->frame_count && count < LINES_MAX; i++) {
		const struct go_frame *frame = call->frames[i];
		bool elided = go_frame_is_elided(frame, *callee);
		*callee = frame;
		if (elided)
			continue;
		lines[count] = (struct profile_line){.line = frame->line};
		if (!profile_add_function(builder->profile, frame->function, frame->file,
					  frame->start_line, &lines[count].function,
					  builder->error))
			return false;
		address = count++ ? address : frame->pc;
	}
	if (!count)
		return true;
	if (!profile_add_location(builder->profile, builder->mapping, address, lines, count, &index,
				  builder->error))
		return false;
	vec_push(&builder->locations, index);
	return true;
}

static bool add_sample(struct builder *builder, const struct alike *alike)
{
	const struct go_stack *stack = alike->first->stack;
	const struct go_labels *own = alike->first->labels;
	const struct go_frame *callee = NULL;
	struct profile_label labels[GO_LABELS_MAX];
	uint32_t label_count = own ? (uint32_t)own->count : 0;
	builder->locations.count = 0;
	for (size_t i = 0; i < stack->count; i++)
		if (!add_call(builder, stack->calls[i], &callee))
			return false;
	for (uint32_t i = 0; i < label_count; i++)
		labels[i] = (struct profile_label){
			.key = own->list[i].key, .text = own->list[i].value, .unit = ""};
	return profile_add_sample(builder->profile, builder->locations.items,
				  (uint32_t)builder->locations.count, &alike->count, labels,
				  label_count, builder->error);
}

static uint64_t hash_text(const char *text)
{
	return hash_bytes(text, strlen(text));
}

static void count_goroutine(struct builder *builder, const struct go_goroutine *goroutine)
{
	bool is_new;
	uint64_t hash = hash_u64((uintptr_t)goroutine->stack);
	const struct go_labels *labels = goroutine->labels;
	for (size_t i = 0; labels && i < labels->count; i++)
		hash = hash_mix(hash_mix(hash, hash_text(labels->list[i].key)),
				hash_text(labels->list[i].value));
	uint64_t *index = map_put(&builder->alike_map, hash, builder->alike.count, &is_new);
	struct alike *alike = is_new ? vec_push(&builder->alike, {.first = goroutine})
				     : &builder->alike.items[*index];
	alike->count++;
}

static int by_count(const void *a, const void *b)
{
	const struct alike *left = a, *right = b;
	if (left->count != right->count)
		return left->count < right->count ? 1 : -1;
	return (left->first->order > right->first->order) -
	       (left->first->order < right->first->order);
}

static bool build(struct builder *builder)
{
	const struct goroutine_profile_source *source = builder->source;
	struct profile *profile = builder->profile;
	profile->time_ns = source->taken_unix_ns;
	builder->mapping = PROFILE_NONE;
	const char *type = source->leaked ? "goroutineleak" : "goroutine";
	if (!profile_add_sample_type(profile, type, "count", builder->error) ||
	    !profile_set_period(profile, type, "count", 1, builder->error) ||
	    (source->executable.file[0] &&
	     !profile_add_mapping(profile, &source->executable, &builder->mapping, builder->error)))
		return false;
	VEC_FOREACH (goroutine, &source->goroutines->list)
		if (!goroutine->system && goroutine->stack &&
		    (!source->leaked || goroutine->status == GO_STATUS_LEAKED))
			count_goroutine(builder, goroutine);
	if (builder->alike.count)
		qsort(builder->alike.items, builder->alike.count, sizeof *builder->alike.items,
		      by_count);
	VEC_FOREACH (alike, &builder->alike)
		if (!add_sample(builder, alike))
			return false;
	return true;
}

bool goroutine_profile_build(const struct goroutine_profile_source *source, struct profile **out,
			     struct error *error)
{
	struct builder builder = {.source = source, .profile = profile_new(), .error = error};
	bool ok = build(&builder);
	if (ok)
		*out = take_ptr(builder.profile);
	profile_free(builder.profile);
	map_deinit(&builder.alike_map);
	vec_deinit(&builder.alike);
	vec_deinit(&builder.locations);
	return ok;
}
