// SPDX-License-Identifier: Apache-2.0
// In: one layer's model. Out: another's.
#include "snapshot/convert.h"

#include <string.h>

#include "base/alloc.h"
#include "base/cleanup.h"

struct target_mapping *convert_mappings(const struct maps *maps, const char *exe_path)
{
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
			.of_exe = mapping->inode && exe_path[0] &&
				  strcmp(mapping->name, exe_path) == 0,
		};
	}
	return mappings;
}

static struct goroutine_frame frame_of(struct functab *functab, taddr_t return_pc)
{
	const struct go_frame *frame = functab_frame(functab, return_pc);
	return (struct goroutine_frame){frame->function, frame->file, frame->line};
}

static void add_goroutine(const struct go_goroutine *goroutine, struct functab *functab,
			  struct goroutine_set *set)
{
	struct goroutine_frame frames[256];
	size_t depth = 0;
	for (size_t i = 0; i < goroutine->depth && depth < sizeof frames / sizeof *frames; i++)
		if (!functab_frame(functab, goroutine->stack[i])->wrapper)
			frames[depth++] = frame_of(functab, goroutine->stack[i]);
	struct goroutine_group group = {
		.state = go_status_name(goroutine->status),
		.wait_reason = goroutine->wait_reason,
		.frames = frames,
		.depth = depth,
		.start = frame_of(functab, goroutine->start_pc),
		.count = 1,
		.stack_bytes = goroutine->stack_bytes,
		.example_id = goroutine->id,
		.system = goroutine->system,
	};
	// The main goroutine is made by the runtime's own start-up code: nobody's creation.
	if (goroutine->created_by_pc && goroutine->id != 1)
		group.created_by = frame_of(functab, goroutine->created_by_pc);
	else
		group.created_by = (struct goroutine_frame){"", "", 0};
	goroutine_set_add(set, &group);
}

void convert_goroutines(const struct go_goroutines *goroutines, struct functab *functab,
			struct goroutine_set *set)
{
	VEC_FOREACH (goroutine, &goroutines->list)
		add_goroutine(goroutine, functab, set);
	goroutine_set_sort(set);
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
