// SPDX-License-Identifier: Apache-2.0
// In: one or two heap profiles. Out: their stacks as one compact JSON.
#include "report/page_graph.h"

#include <string.h>

#include "base/map.h"
#include "profile/top.h"
#include "report/json_build.h"
#include "snapshot/heap_profile.h"
#include "report/owner.h"

// What the page can show and a few hundred KB can hold; the rest is one stack that says so.
enum { STACKS_MAX = 1500, FRAMES_MAX = 200, VALUES = 3 };

struct graph {
	struct snapshot_identity identity;
	struct map function_map, frame_map; // hash of a content to its index
	json_t *functions, *frames, *stacks;
	int64_t rest[VALUES];
	int64_t rest_count;
};

static const char *text_at(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));
	return text ? text : "";
}

static void read_identity(const json_t *identity, struct snapshot_identity *out)
{
	const json_t *modules = json_object_get(identity, "replaced_modules");
	*out = (struct snapshot_identity){.module_path = text_at(identity, "module")};
	for (size_t i = 0; i < json_array_size(modules); i++) {
		const char *path = json_string_value(json_array_get(modules, i));
		if (path)
			vec_push(&out->replaced_modules, path);
	}
}

static uint64_t add_function(struct graph *graph, const struct profile_frame *frame)
{
	bool is_new;
	uint64_t hash = hash_mix(hash_bytes(frame->function, strlen(frame->function)),
				 hash_bytes(frame->file, strlen(frame->file)));
	uint64_t *index =
		map_put(&graph->function_map, hash, json_array_size(graph->functions), &is_new);
	uint64_t found = *index;
	if (!is_new)
		return found;
	json_t *item = json_object();
	set_text(item, "name", frame->function);
	set_text(item, "file", frame->file);
	set_text(item, "owner", owner_name(&graph->identity, frame->function));
	json_array_append_new(graph->functions, item);
	return found;
}

static uint64_t add_frame(struct graph *graph, const struct profile_frame *frame)
{
	bool is_new;
	uint64_t function = add_function(graph, frame);
	uint64_t hash = hash_mix(hash_u64(function), (uint64_t)frame->line);
	uint64_t *index = map_put(&graph->frame_map, hash, json_array_size(graph->frames), &is_new);
	uint64_t found = *index;
	if (is_new)
		json_array_append_new(graph->frames, json_pack("[I,I]", (json_int_t)function,
							       (json_int_t)frame->line));
	return found;
}

static void add_stack(struct graph *graph, const struct profile_stack *stack,
		      const int64_t values[VALUES])
{
	json_t *row = json_array();
	for (int i = 0; i < VALUES; i++)
		json_array_append_new(row, json_integer(values[i]));
	for (uint32_t i = 0; i < stack->count && i < FRAMES_MAX; i++)
		json_array_append_new(row,
				      json_integer((json_int_t)add_frame(graph, stack->frames[i])));
	json_array_append_new(graph->stacks, row);
}

static void add_rest(struct graph *graph, const int64_t values[VALUES])
{
	graph->rest_count++;
	for (int i = 0; i < VALUES; i++)
		if (__builtin_add_overflow(graph->rest[i], values[i], &graph->rest[i]))
			graph->rest[i] = INT64_MAX;
}

// Our own profiles have what is held now; other tools' only what was published.
static uint32_t main_type(const struct profile *profile)
{
	uint32_t type = profile_find_sample_type(profile, HEAP_NOW_SPACE);
	return type != PROFILE_NONE ? type : profile_find_sample_type(profile, HEAP_INUSE_SPACE);
}

static void add_profile(struct graph *graph, const struct profile *profile, bool is_before)
{
	struct profile_top_stacks *stacks = NULL;
	uint32_t type = main_type(profile);
	uint32_t published = profile_find_sample_type(profile, HEAP_INUSE_SPACE);
	if (type == PROFILE_NONE || !profile_top_stacks_new(profile, type, &stacks, NULL))
		return;
	size_t added = 0;
	VEC_FOREACH (row, &stacks->rows) {
		int64_t values[VALUES] = {0};
		values[is_before ? 2 : 0] = row->value;
		if (!is_before && published != PROFILE_NONE)
			values[1] = row->values[published];
		if (!values[0] && !values[1] && !values[2])
			continue;
		if (added++ < STACKS_MAX)
			add_stack(graph, &row->stack, values);
		else
			add_rest(graph, values);
	}
	profile_top_stacks_free(stacks);
}

json_t *page_graph_to_json(const json_t *identity, const struct profile *heap,
			   const struct profile *before)
{
	if (!heap)
		return json_null();
	struct graph graph = {
		.functions = json_array(), .frames = json_array(), .stacks = json_array()};
	read_identity(identity, &graph.identity);
	add_profile(&graph, heap, false);
	if (before)
		add_profile(&graph, before, true);
	vec_deinit(&graph.identity.replaced_modules);
	map_deinit(&graph.function_map);
	map_deinit(&graph.frame_map);
	json_t *object = json_object();
	json_object_set_new(object, "before", json_boolean(before));
	json_object_set_new(object, "functions", graph.functions);
	json_object_set_new(object, "frames", graph.frames);
	json_object_set_new(object, "stacks", graph.stacks);
	json_object_set_new(object, "left_out",
			    json_pack("[I,I,I,I]", (json_int_t)graph.rest_count,
				      (json_int_t)graph.rest[0], (json_int_t)graph.rest[1],
				      (json_int_t)graph.rest[2]));
	return object;
}
