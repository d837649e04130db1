// SPDX-License-Identifier: Apache-2.0
// In: one layer's model. Out: another's.
#include "snapshot/convert.h"

#include <string.h>

#include "base/alloc.h"
#include "base/cleanup.h"

enum { PAGE_BYTES = 4096 };
#include "base/map.h"
#include "base/vec.h"

bool mapping_is_of(const struct mapping *mapping, const struct mapped_file *file)
{
	return mapping->inode && mapping->inode == file->inode &&
	       mapping->device_major == file->device_major &&
	       mapping->device_minor == file->device_minor;
}

static bool any_is_of(const struct maps *maps, const struct mapped_file *file)
{
	VEC_FOREACH (mapping, &maps->list)
		if (mapping_is_of(mapping, file))
			return true;
	return false;
}

struct target_mapping *convert_mappings(const struct maps *maps, const struct mapped_file *exe)
{
	bool by_number = any_is_of(maps, exe);
	struct target_mapping *mappings = alloc_array(maps->list.count, sizeof *mappings);
	for (size_t i = 0; i < maps->list.count; i++) {
		const struct mapping *mapping = &maps->list.items[i];
		mappings[i] = (struct target_mapping){
			.start = mapping->start,
			.end = mapping->end,
			.data_offset = mapping->start,
			.data_size = mapping->end - mapping->start,
			.exe_offset = mapping->offset,
			.readable = mapping->perms[0] == 'r',
			.writable = mapping->perms[1] == 'w',
			.of_exe = by_number ? mapping_is_of(mapping, exe)
					    : mapping->inode && exe->path[0] &&
						      strcmp(mapping->name, exe->path) == 0,
		};
	}
	return mappings;
}

static bool in_writable_segment(uint64_t offset, const struct elf_segment *segments, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (segments[i].writable &&
		    offset >= segments[i].file_offset / PAGE_BYTES * PAGE_BYTES &&
		    offset < segments[i].file_offset + segments[i].file_size)
			return true;
	return false;
}

void convert_relocated(struct target_mapping *mappings, size_t count, const struct elf_image *image)
{
	size_t segment_count = 0;
	const struct elf_segment *segments =
		image ? elf_image_segments(image, &segment_count) : NULL;
	for (size_t i = 0; i < count; i++)
		if (mappings[i].of_exe &&
		    in_writable_segment(mappings[i].exe_offset, segments, segment_count))
			mappings[i].writable = true;
}

static struct goroutine_frame frame_of(const struct go_frame *frame)
{
	return (struct goroutine_frame){frame->function, frame->file, frame->line};
}

// The go statement, as the runtime's dumps name it: the function as it was compiled.
static struct goroutine_frame place_of(const struct go_call *call)
{
	if (!call || !call->valid)
		return (struct goroutine_frame){"", "", 0};
	return (struct goroutine_frame){call->function.name, call->frames[0]->file,
					call->frames[0]->line};
}

struct frames {
	VEC(struct goroutine_frame) list;
	size_t elided_at;
};

// The frames that the runtime's own dumps show, or all where there are no such.
static void add_frames(const struct go_stack *stack, bool all, struct frames *frames)
{
	const struct go_frame *callee = NULL;
	for (size_t i = 0; i < stack->count; i++) {
		if (i == UNWIND_INNER)
			frames->elided_at = frames->list.count;
		for (size_t j = 0; j < stack->calls[i]->frame_count; j++) {
			const struct go_frame *frame = stack->calls[i]->frames[j];
			if (all || go_frame_is_shown(frame, !frames->list.count, callee))
				vec_push(&frames->list, frame_of(frame));
			callee = frame;
		}
	}
}

const char *convert_stack_state(enum go_stack_state state)
{
	static const char *const texts[] = {
		[GO_STACK_WHOLE] = NULL,
		[GO_STACK_RUNS] = "running; its stack needs --mode stop",
		[GO_STACK_MOVED] = "no stack: it moved each time that it was read",
		[GO_STACK_TORN] = "no stack: it cannot be followed to its end",
	};
	return texts[state];
}

// Goroutines that are the same in all that a group shows.
struct alike {
	const struct go_goroutine *first;
	uint64_t count, stack_bytes;
	int64_t waited_ns;
	VEC(int64_t) waits;
	VEC(struct goroutine_object) objects; // their texts are owned here
	uint64_t objects_left_out, unserved;
};

static void add_object(struct alike *alike, const struct block_texts *texts, size_t index,
		       struct strbuf *text)
{
	const struct go_block *block = texts->blocks ? texts->blocks->list.items[index] : NULL;
	if (!block)
		return;
	VEC_FOREACH (object, &alike->objects) {
		if (object->address == block->address && block->address) {
			object->count++;
			return;
		}
	}
	if (alike->objects.count == GOROUTINE_OBJECTS_KEPT) {
		alike->objects_left_out++;
		return;
	}
	strbuf_clear(text);
	block_describe(texts, block, text);
	if (text->length)
		vec_push(&alike->objects, {alloc_string(text->text), block->address, 1});
}

static void alike_deinit(struct alike *alike)
{
	VEC_FOREACH (object, &alike->objects) {
		char *owned;
		memcpy(&owned, &object->text, sizeof owned);
		free(owned);
	}
	vec_deinit(&alike->objects);
	vec_deinit(&alike->waits);
}

static void format_labels(const struct go_labels *labels, struct strbuf *out)
{
	strbuf_clear(out);
	for (size_t i = 0; labels && i < labels->count; i++)
		strbuf_addf(out, "%s%s: %s", i ? ", " : "", labels->list[i].key,
			    labels->list[i].value);
}

static void add_alike(const struct alike *alike, struct goroutine_set *set, const char *labels)
{
	const struct go_goroutine *goroutine = alike->first;
	struct frames frames = {0};
	if (goroutine->stack)
		add_frames(goroutine->stack, false, &frames);
	if (goroutine->stack && !frames.list.count)
		add_frames(goroutine->stack, true, &frames);
	struct goroutine_group group = {
		.state = go_status_name(goroutine->status),
		.wait_reason = goroutine->wait_reason,
		.frames = frames.list.items,
		.depth = frames.list.count,
		.no_stack = convert_stack_state(goroutine->stack_state),
		.elided = goroutine->stack ? goroutine->stack->elided : 0,
		.elided_at = frames.elided_at,
		.created_by = place_of(goroutine->creation),
		.start = place_of(goroutine->start),
		.count = alike->count,
		.stack_bytes = alike->stack_bytes,
		.example_id = goroutine->id,
		.waited_ns = alike->waited_ns,
		.system = goroutine->system,
		.labels = labels,
	};
	group.waits.items = alike->waits.items; // borrowed
	group.waits.count = alike->waits.count;
	group.objects.items = alike->objects.items;
	group.objects.count = alike->objects.count;
	group.objects_left_out = alike->objects_left_out;
	group.unserved = alike->unserved;
	goroutine_set_add(set, &group);
	vec_deinit(&frames.list);
}

static uint64_t hash_goroutine(const struct go_goroutine *goroutine, bool labels)
{
	uint64_t hash = hash_mix(goroutine->status, goroutine->stack_state);
	hash = hash_mix(hash, goroutine->system);
	hash = hash_mix(hash, (uintptr_t)goroutine->wait_reason);
	hash = hash_mix(hash, (uintptr_t)goroutine->start);
	hash = hash_mix(hash, (uintptr_t)goroutine->creation);
	hash = hash_mix(hash, labels ? (uintptr_t)goroutine->labels : 0);
	return hash_mix(hash, (uintptr_t)goroutine->stack);
}

void convert_goroutines(const struct go_goroutines *goroutines, bool labels,
			const struct block_texts *texts, struct goroutine_set *set)
{
	struct map map = {0};
	VEC(struct alike) list = {0};
	struct strbuf text = {0};
	VEC_FOREACH (goroutine, &goroutines->list) {
		bool is_new;
		int64_t waited = go_goroutine_waited_ns(goroutines, goroutine);
		uint64_t *index =
			map_put(&map, hash_goroutine(goroutine, labels), list.count, &is_new);
		struct alike *alike =
			is_new ? vec_push(&list, {.first = goroutine}) : &list.items[*index];
		alike->count++;
		alike->stack_bytes += go_goroutine_stack_bytes(goroutine);
		alike->waited_ns = waited > alike->waited_ns ? waited : alike->waited_ns;
		if (waited)
			vec_push(&alike->waits, waited);
		size_t place = (size_t)(goroutine - goroutines->list.items);
		add_object(alike, texts, place, &text);
		alike->unserved +=
			texts->reach && texts->reach->states.items[place] == GO_REACH_UNSERVED;
	}
	VEC_FOREACH (alike, &list) {
		format_labels(labels ? alike->first->labels : NULL, &text);
		add_alike(alike, set, text.length ? text.text : NULL);
		alike_deinit(alike);
	}
	set->knows_states = set->knows_stack_bytes = true;
	goroutine_set_sort(set);
	strbuf_deinit(&text);
	vec_deinit(&list);
	map_deinit(&map);
}

struct profile_mapping convert_executable(const struct target *target, struct elf_image *image,
					  const char *exe_path)
{
	struct profile_mapping mapping = {.file = exe_path,
					  .build_id = elf_image_build_id(image),
					  .has_functions = true,
					  .has_filenames = true,
					  .has_line_numbers = true,
					  .has_inline_frames = true};
	size_t count;
	const struct elf_segment *segments = elf_image_segments(image, &count);
	taddr_t start = target_exe_start(target);
	for (size_t i = 0; i < count; i++) {
		if (!segments[i].executable)
			continue;
		uint64_t bias = elf_image_is_relocatable(image) ? start - segments[0].address : 0;
		mapping.start = segments[i].address + bias;
		mapping.limit = mapping.start + segments[i].memory_size;
		mapping.offset = segments[i].file_offset;
		return mapping;
	}
	return mapping;
}
