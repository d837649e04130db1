// SPDX-License-Identifier: Apache-2.0
// In: a target and its mappings. Out: its allocator, what malloc holds, its threads' stacks.
#include "native/native.h"

static bool has_writable(const struct maps *maps)
{
	VEC_FOREACH (mapping, &maps->list)
		if (mapping->perms[1] == 'w')
			return true;
	return false;
}

bool native_memory_read(struct target *target, const struct maps *maps, struct native_memory *out,
			struct error *error)
{
	struct native_memory memory = {0};
	if (!has_writable(maps))
		return error_set(error, ERROR_NOT_FOUND, "the target has no writable memory");
	memory.allocator = allocator_find(target, maps);
	memory.has_malloc = glibc_malloc_read(target, maps, &memory.malloc, &memory.malloc_absent);
	if (memory.has_malloc && memory.allocator.kind == ALLOCATOR_NONE) // a static program
		memory.allocator = (struct allocator){ALLOCATOR_GLIBC, "glibc", true};
	memory.has_stacks = thread_stacks_read(target, maps, &memory.stacks, &memory.stacks_absent);
	*out = memory;
	return true;
}

void native_memory_deinit(struct native_memory *memory)
{
	if (memory->has_malloc)
		glibc_malloc_deinit(&memory->malloc);
	if (memory->has_stacks)
		thread_stacks_deinit(&memory->stacks);
	*memory = (struct native_memory){0};
}
