// SPDX-License-Identifier: Apache-2.0
// In: profiles. Out: their frames and stacks, each once.
#include "profile/stack_table.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/strbuf.h"
#include "profile/profile.h"

void stack_table_init(struct stack_table *table)
{
	*table = (struct stack_table){.arena = {.limit_bytes = PROFILE_MAX_ARENA_BYTES}};
	string_table_init(&table->strings);
}

void stack_table_deinit(struct stack_table *table)
{
	vec_deinit(&table->frames);
	vec_deinit(&table->stacks);
	map_deinit(&table->frame_map);
	map_deinit(&table->stack_map);
	string_table_deinit(&table->strings);
	arena_deinit(&table->arena);
}

void location_frames_deinit(struct location_frames *locations)
{
	vec_deinit(&locations->frames);
	free(locations->starts);
}

static bool table_full(struct error *error)
{
	return error_set(error, ERROR_LIMIT, "profile: stacks larger than %zu bytes of memory",
			 PROFILE_MAX_ARENA_BYTES);
}

const char *stack_table_add_text(struct stack_table *table, const char *text)
{
	return string_table_add(&table->strings, &table->arena, text, SIZE_MAX);
}

static bool frame_equal(const void *items, uint32_t index, const void *wanted)
{
	const struct profile_frame *a = ((const struct profile_frame *const *)items)[index];
	const struct profile_frame *b = wanted;
	return a->function == b->function && a->file == b->file && a->line == b->line &&
	       a->address == b->address;
}

// The texts of `frame` are the table's own.
static bool add_frame(struct stack_table *table, const struct profile_frame *frame, uint32_t *index,
		      struct error *error)
{
	uint64_t key = hash_mix(table->strings.seed, (uintptr_t)frame->function);
	key = hash_mix(hash_mix(key, (uintptr_t)frame->file), (uint64_t)frame->line);
	key = hash_mix(key, frame->address);
	uint32_t known =
		intern_find(&table->frame_map, &key, frame_equal, table->frames.items, frame);
	if (known == INTERN_NONE) {
		struct profile_frame *copy = arena_alloc(&table->arena, sizeof *copy);
		if (!copy)
			return table_full(error);
		*copy = *frame;
		known = (uint32_t)table->frames.count;
		vec_push(&table->frames, copy);
		map_put(&table->frame_map, key, known, NULL);
	}
	*index = known;
	return true;
}

static const char *module_name(struct stack_table *table, const struct profile_mapping *mapping)
{
	struct strbuf text = {0};
	if (!mapping || !mapping->file[0])
		return stack_table_add_text(table, "<unknown>");
	const char *slash = strrchr(mapping->file, '/');
	strbuf_addf(&text, "[%s]", slash ? slash + 1 : mapping->file);
	const char *name = stack_table_add_text(table, text.text);
	strbuf_deinit(&text);
	return name;
}

static void name_by_module(struct stack_table *table, const struct profile *profile,
			   const struct profile_location *location, struct profile_frame *frame)
{
	const struct profile_mapping *mapping = NULL;
	frame->address = location->address;
	if (location->mapping != PROFILE_NONE) {
		mapping = &profile->mappings.items[location->mapping];
		frame->address += mapping->offset - mapping->start;
	}
	frame->function = module_name(table, mapping);
}

static bool add_location_frame(struct stack_table *table, const struct profile *profile,
			       const struct profile_location *location,
			       const struct profile_line *line, uint32_t *index,
			       struct error *error)
{
	static const struct profile_function nameless = {.name = "", .file = ""};
	const struct profile_function *function =
		line ? &profile->functions.items[line->function] : &nameless;
	struct profile_frame frame = {
		.file = stack_table_add_text(table, function->file),
		.line = line ? line->line : 0,
	};
	if (function->name[0])
		frame.function = stack_table_add_text(table, function->name);
	else
		name_by_module(table, profile, location, &frame);
	if (!frame.file || !frame.function)
		return table_full(error);
	return add_frame(table, &frame, index, error);
}

static bool add_location(struct stack_table *table, const struct profile *profile,
			 const struct profile_location *location, struct location_frames *locations,
			 struct error *error)
{
	uint32_t index = 0;
	uint32_t count = location->line_count ? location->line_count : 1;
	for (uint32_t i = 0; i < count; i++) {
		const struct profile_line *line = location->line_count ? &location->lines[i] : NULL;
		if (!add_location_frame(table, profile, location, line, &index, error))
			return false;
		if (locations->frames.count == UINT32_MAX)
			return table_full(error);
		vec_push(&locations->frames, index);
	}
	return true;
}

bool stack_table_add_frames(struct stack_table *table, const struct profile *profile,
			    struct location_frames *locations, struct error *error)
{
	size_t count = profile->locations.count;
	locations->starts = alloc_try_array(count + 1, sizeof *locations->starts);
	if (!locations->starts)
		return table_full(error);
	for (size_t i = 0; i < count; i++) {
		if (!add_location(table, profile, &profile->locations.items[i], locations, error))
			return false;
		locations->starts[i + 1] = (uint32_t)locations->frames.count;
	}
	return true;
}

static bool stack_equal(const void *items, uint32_t index, const void *wanted)
{
	const struct profile_stack *a = (const struct profile_stack *)items + index;
	const struct profile_stack *b = wanted;
	return a->count == b->count &&
	       (!a->count || !memcmp(a->frames, b->frames, a->count * sizeof(*a->frames)));
}

static bool append_stack(struct stack_table *table, const struct profile_stack *stack,
			 struct error *error)
{
	size_t bytes = stack->count * sizeof(*stack->frames);
	const struct profile_frame **copy = arena_alloc(&table->arena, bytes);
	if (!copy)
		return table_full(error);
	if (bytes)
		memcpy(copy, stack->frames, bytes);
	vec_push(&table->stacks, {copy, stack->count});
	return true;
}

static bool add_stack(struct stack_table *table, const struct profile_stack *stack, uint32_t *index,
		      struct error *error)
{
	uint64_t key = hash_mix(table->strings.seed, stack->count);
	for (uint32_t i = 0; i < stack->count; i++)
		key = hash_mix(key, (uintptr_t)stack->frames[i]);
	uint32_t known =
		intern_find(&table->stack_map, &key, stack_equal, table->stacks.items, stack);
	if (known == INTERN_NONE) {
		known = (uint32_t)table->stacks.count;
		if (!append_stack(table, stack, error))
			return false;
		map_put(&table->stack_map, key, known, NULL);
	}
	*index = known;
	return true;
}

struct frame_list {
	VEC(const struct profile_frame *) frames;
};

static void frame_list_deinit(struct frame_list *list)
{
	vec_deinit(&list->frames);
}

static void collect_frames(const struct stack_table *table, const struct profile_sample *sample,
			   const struct location_frames *locations, struct frame_list *list)
{
	list->frames.count = 0;
	for (uint32_t i = 0; i < sample->location_count; i++) {
		uint32_t location = sample->locations[i];
		for (uint32_t j = locations->starts[location]; j < locations->starts[location + 1];
		     j++)
			vec_push(&list->frames, table->frames.items[locations->frames.items[j]]);
	}
}

bool stack_table_add_stacks(struct stack_table *table, const struct profile *profile,
			    uint32_t *stack_of_sample, struct error *error)
{
	_cleanup_(location_frames_deinit) struct location_frames locations = {0};
	_cleanup_(frame_list_deinit) struct frame_list list = {0};
	if (!stack_table_add_frames(table, profile, &locations, error))
		return false;
	for (size_t i = 0; i < profile->samples.count; i++) {
		collect_frames(table, &profile->samples.items[i], &locations, &list);
		struct profile_stack stack = {list.frames.items, (uint32_t)list.frames.count};
		if (!add_stack(table, &stack, &stack_of_sample[i], error))
			return false;
	}
	return true;
}

static int compare_frames(const struct profile_frame *a, const struct profile_frame *b)
{
	if (a == b)
		return 0;
	int order = strcmp(a->function, b->function);
	if (!order)
		order = strcmp(a->file, b->file);
	if (!order)
		order = (a->line > b->line) - (a->line < b->line);
	if (!order)
		order = (a->address > b->address) - (a->address < b->address);
	return order;
}

int profile_stack_compare(const struct profile_stack *left, const struct profile_stack *right)
{
	for (uint32_t i = 0; i < left->count && i < right->count; i++) {
		int order = compare_frames(left->frames[i], right->frames[i]);
		if (order)
			return order;
	}
	return (left->count > right->count) - (left->count < right->count);
}
