// SPDX-License-Identifier: Apache-2.0
/*
 * Memory of a process that is not Go's: what C allocators hold and the stacks of C threads. One
 * call for all of it; each part is optional and says why where it is absent.
 *
 * Reading memory that a program never touched maps the kernel's page of zeros there: no memory is
 * taken, and no RSS counts it, but pagemap shows the page as present. Little of that happens here
 * (nothing behind the last chunk of a heap is read), but whoever wants to split by residency reads
 * pagemap first.
 */
#pragma once

#include "native/allocator.h"
#include "native/glibc_malloc.h"
#include "native/thread_stacks.h"

struct native_memory {
	struct allocator allocator;
	bool has_malloc;
	struct glibc_malloc malloc;
	struct error malloc_absent; // if not has_malloc
	bool has_stacks;
	struct thread_stacks stacks;
	struct error stacks_absent; // if not has_stacks
};

// `maps` are those that `target` was made of; from smaps, so that what is swapped out is left where
// it is. Fails only where nothing could be read at all: then no mapping of the target is writable.
// The caller owns *out after success.
bool native_memory_read(struct target *target, const struct maps *maps, struct native_memory *out,
			struct error *error) must_check;
void native_memory_deinit(struct native_memory *memory);
