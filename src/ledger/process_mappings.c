// SPDX-License-Identifier: Apache-2.0
// In: one mapping that is not Go's, and its neighbours. Out: where its resident bytes belong.
#include <string.h>

#include "ledger/process_ledger_priv.h"

enum {
	MALLOC_ARENA_BYTES = 64 << 20, // glibc malloc/arena.c: HEAP_MAX_SIZE
	GUARD_BYTES_MAX = 64 << 10,    // before a thread's stack: a page by default
	THREAD_STACK_BYTES_MIN = 16 << 10,
	LIBRARY_BSS_BYTES_MAX = 1 << 20,
};

#define KERNEL_PLACES_BYTES ((uint64_t)2 << 40)

static bool starts_with(const char *text, const char *start)
{
	return strncmp(text, start, strlen(start)) == 0;
}

static bool ends_with(const char *text, const char *end)
{
	size_t length = strlen(text), tail = strlen(end);
	return length >= tail && strcmp(text + length - tail, end) == 0;
}

static bool is_library(const char *name)
{
	return strstr(name, ".so.") || ends_with(name, ".so");
}

// What the kernel counts as shared memory: it has an inode, and no disk behind it.
static bool is_shared_memory(const struct mapping *mapping)
{
	static const char *const names[] = {"/dev/shm/", "/memfd:", "/SYSV", "/dev/zero"};
	if (mapping->perms[3] != 's')
		return false;
	if (!mapping->inode)
		return true;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (starts_with(mapping->name, names[i]))
			return true;
	return false;
}

static void account_shared(struct builder *builder, const struct mapping *mapping)
{
	const char *name = mapping->name;
	if (!name[0] || starts_with(name, "/dev/zero"))
		name = "anonymous";
	struct member member = {.account = ACCOUNT_SHMEM,
				.name = name,
				.start = mapping->start,
				.end = mapping->end,
				.bytes = resident_bytes_of(mapping),
				.of_file = true};
	builder_add_member(builder, &member);
}

// A page of a private mapping of a file that was written is anonymous memory.
static void account_file(struct builder *builder, const struct mapping *mapping,
			 const struct mapping *file)
{
	int64_t rss = resident_bytes_of(mapping);
	int64_t private_bytes =
		mapping == file ? min_bytes(known_or_zero(mapping->anonymous_bytes), rss) : rss;
	int64_t dirty = known_or_zero(mapping->shared_dirty_bytes) +
			known_or_zero(mapping->private_dirty_bytes) - private_bytes;
	struct member member = {
		.account = ACCOUNT_DATA,
		.name = file->name,
		.start = mapping->start,
		.end = mapping->end,
		.bytes = rss,
		.private_bytes = private_bytes,
		.dirty_bytes = dirty > 0 ? min_bytes(dirty, rss - private_bytes) : 0,
		.of_file = true,
	};
	if (builder->input->exe_path[0] && strcmp(file->name, builder->input->exe_path) == 0)
		member.account = ACCOUNT_BINARY;
	else if (is_library(file->name))
		member.account = ACCOUNT_LIBRARIES;
	builder_add_member(builder, &member);
}

static bool is_guard(const struct mapping *mapping)
{
	return is_private_anonymous(mapping) && mapping->perms[0] == '-' &&
	       mapping->perms[1] == '-';
}

static bool is_readable_writable(const struct mapping *mapping)
{
	return is_private_anonymous(mapping) && mapping->perms[0] == 'r' &&
	       mapping->perms[1] == 'w';
}

// Whether the kernel chose the address: at most 2^28 pages of chance below the stack.
static bool is_placed_by_kernel(const struct builder *builder, const struct mapping *mapping)
{
	return mapping->start < builder->stack_end &&
	       builder->stack_end - mapping->start < KERNEL_PLACES_BYTES;
}

// glibc reserves 64 MiB at a multiple of that and makes them accessible from the start on. So does
// a Go runtime that cannot be read, but it chooses the address.
static bool is_malloc_arena(const struct builder *builder, const struct mapping *mapping,
			    const struct mapping *next)
{
	if (starts_with(mapping->name, "[anon: glibc: malloc arena"))
		return true;
	if (mapping->name[0] || !is_readable_writable(mapping) ||
	    mapping->start % MALLOC_ARENA_BYTES || !is_placed_by_kernel(builder, mapping))
		return false;
	taddr_t end = mapping->start + MALLOC_ARENA_BYTES;
	return mapping->end == end || (mapping->end < end && next && next->start == mapping->end &&
				       is_guard(next) && next->end >= end);
}

// Whether a thread is known to run on that memory.
static bool holds_thread(const struct builder *builder, const struct mapping *mapping)
{
	const struct go_own_memory *own = builder->input->own;
	size_t low = 0, high = own ? own->thread_stacks.count : 0, count = high;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (own->thread_stacks.items[middle] < mapping->start)
			low = middle + 1;
		else
			high = middle;
	}
	return low < count && own->thread_stacks.items[low] < mapping->end;
}

// Stacks of C threads have a guard before them; that is what tells them, where the Go runtime does
// not know the thread and the C library gives no name.
static bool is_thread_stack(const struct builder *builder, const struct mapping *mapping,
			    const struct mapping *before)
{
	if (starts_with(mapping->name, "[stack:") ||
	    starts_with(mapping->name, "[anon: glibc: pthread stack"))
		return true;
	if (mapping->name[0] || !is_readable_writable(mapping))
		return false;
	if (holds_thread(builder, mapping))
		return true;
	return before && before->end == mapping->start && is_guard(before) &&
	       before->end - before->start <= GUARD_BYTES_MAX &&
	       mapping->end - mapping->start >= THREAD_STACK_BYTES_MIN;
}

static void account_other(struct builder *builder, const struct mapping *mapping, int64_t rss)
{
	struct member member = {.account = ACCOUNT_OTHER,
				.name = mapping->name,
				.start = mapping->start,
				.end = mapping->end,
				.bytes = rss};
	builder_add_member(builder, &member);
}

// What native/ did not know of the mapping, `rss` of its bytes.
static void account_anonymous_rest(struct builder *builder, const struct mapping *mapping,
				   const struct mapping *before, const struct mapping *next,
				   int64_t rss)
{
	const char *name = mapping->name;
	if (strcmp(name, "[heap]") == 0 || strcmp(name, "[anon: glibc: malloc]") == 0) {
		builder_add(builder, ACCOUNT_MALLOC_MAIN, rss);
	} else if (strcmp(name, "[stack]") == 0) {
		builder_add(builder, ACCOUNT_STACK, rss);
	} else if (starts_with(name, "[vdso") || starts_with(name, "[vvar") ||
		   starts_with(name, "[vsyscall")) {
		builder_add(builder, ACCOUNT_VDSO, rss);
	} else if (is_malloc_arena(builder, mapping, next)) {
		builder_add(builder, ACCOUNT_MALLOC_ARENAS, rss);
	} else if (is_thread_stack(builder, mapping, before)) {
		builder_add(builder, ACCOUNT_THREADS, rss);
		builder->threads++;
	} else {
		account_other(builder, mapping, rss);
	}
}

static void account_anonymous(struct builder *builder, const struct mapping *mapping,
			      const struct mapping *before, const struct mapping *next)
{
	int64_t rss = resident_bytes_of(mapping), told = account_native(builder, mapping, rss);
	if (!told)
		account_anonymous_rest(builder, mapping, before, next, rss);
	else if (told < rss) // by what lies there, not by its neighbours
		account_other(builder, mapping, rss - told);
}

// The zeroed data behind the mapping of a program or library; NULL where it is something else.
static const struct mapping *file_of_bss(const struct builder *builder,
					 const struct mapping *mapping,
					 const struct mapping *before)
{
	if (!before || !before->inode || before->end != mapping->start || mapping->name[0] ||
	    !is_private_anonymous(mapping))
		return NULL;
	if (builder->input->exe_path[0] && strcmp(before->name, builder->input->exe_path) == 0)
		return before;
	return is_library(before->name) && before->perms[1] == 'w' &&
			       mapping->end - mapping->start <= LIBRARY_BSS_BYTES_MAX
		       ? before
		       : NULL;
}

void account_mapping(struct builder *builder, size_t index)
{
	const struct maps *maps = builder->input->maps;
	const struct mapping *mapping = &maps->list.items[index];
	const struct mapping *before = index ? mapping - 1 : NULL;
	const struct mapping *next = index + 1 < maps->list.count ? mapping + 1 : NULL;
	const struct mapping *file =
		mapping->inode ? mapping : file_of_bss(builder, mapping, before);
	if (is_shared_memory(mapping))
		account_shared(builder, mapping);
	else if (file)
		account_file(builder, mapping, file);
	else if (is_go_own(builder, mapping))
		account_go_own(builder, mapping);
	else
		account_anonymous(builder, mapping, before, next);
}
