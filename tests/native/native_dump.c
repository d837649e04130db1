// SPDX-License-Identifier: Apache-2.0
// Prints what native/ reads of a running process, as JSON: `native-dump PID`. For test_native.py.
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "native/native.h"
#include "system/pagemap.h"

struct process {
	int memory_fd, pagemap_fd;
	char exe_path[4096];
	struct maps maps;
	struct target *target;
};

static void stop(const struct error *error)
{
	fprintf(stderr, "native-dump: %s\n", error->message);
	exit(1);
}

static int open_file(const char *folder, const char *name)
{
	char path[4096];
	snprintf(path, sizeof path, "%s%s", folder, name);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		perror(path);
		exit(1);
	}
	return fd;
}

static void open_process(struct process *process, const char *pid)
{
	char folder[64], link[96];
	struct error error;
	snprintf(folder, sizeof folder, "/proc/%s/", pid);
	snprintf(link, sizeof link, "%sexe", folder);
	ssize_t length = readlink(link, process->exe_path, sizeof process->exe_path - 1);
	process->exe_path[length > 0 ? length : 0] = '\0';
	process->memory_fd = open_file(folder, "mem");
	process->pagemap_fd = open_file(folder, "pagemap");
	_cleanup_close_ int maps_fd = open_file(folder, "smaps");
	if (!maps_read(maps_fd, "smaps", &process->maps, &error))
		stop(&error);
	VEC(struct target_mapping) mappings = {0};
	VEC_FOREACH (mapping, &process->maps.list)
		vec_push(&mappings, {
					    .start = mapping->start,
					    .end = mapping->end,
					    .data_offset = mapping->start,
					    .data_size = mapping->end - mapping->start,
					    .exe_offset = mapping->offset,
					    .readable = mapping->perms[0] == 'r',
					    .writable = mapping->perms[1] == 'w',
					    .of_exe = strcmp(mapping->name, process->exe_path) == 0,
				    });
	struct target_source source = {process->memory_fd, -1, mappings.items, mappings.count};
	process->target = target_new(&source);
	vec_deinit(&mappings);
}

static uint64_t resident(const struct process *process, taddr_t start, taddr_t end)
{
	struct pagemap_counts counts;
	start = (start + pagemap_page_bytes() - 1) / pagemap_page_bytes() * pagemap_page_bytes();
	end = end / pagemap_page_bytes() * pagemap_page_bytes();
	if (start >= end || !pagemap_count(process->pagemap_fd, start, end, &counts, NULL))
		return 0;
	return counts.present_count * pagemap_page_bytes();
}

static void print_known(const char *name, struct known_u64 value)
{
	if (value.known)
		printf(",\"%s\":%" PRIu64, name, value.value);
	else
		printf(",\"%s\":null", name);
}

static void print_text(const char *name, const char *text)
{
	printf(",\"%s\":\"", name);
	for (; *text; text++)
		putchar(*text == '"' || *text == '\\' || (unsigned char)*text < ' ' ? '?' : *text);
	putchar('"');
}

static void print_arena(const struct process *process, const struct glibc_malloc *malloc,
			const struct glibc_arena *arena)
{
	uint64_t heaps_resident = 0, free_resident = 0, free_pages = 0;
	for (size_t i = 0; i < arena->heap_count; i++) {
		const struct glibc_heap *heap = &malloc->heaps.items[arena->first_heap + i];
		heaps_resident += resident(process, heap->start, heap->end);
	}
	for (size_t i = 0; i < arena->free_count; i++) {
		struct glibc_range range = malloc->free_ranges.items[arena->first_free + i];
		free_resident += resident(process, range.start, range.end);
		free_pages += range.end - range.start;
	}
	printf("%s\n  {\"address\":%" PRIu64 ",\"main\":%s,\"heaps\":%zu,\"threads\":%" PRIu64
	       ",\"system\":%" PRIu64 ",\"max_system\":%" PRIu64 ",\"top\":%" PRIu64
	       ",\"bins\":%" PRIu64 ",\"bins_count\":%" PRIu64 ",\"largest_free\":%" PRIu64
	       ",\"free\":%" PRIu64 ",\"used\":%" PRIu64 ",\"unwalked\":%" PRIu64
	       ",\"chunks\":%" PRIu64 ",\"resident\":%" PRIu64 ",\"free_resident\":%" PRIu64
	       ",\"free_pages\":%" PRIu64 ",\"by_bins\":%s,\"complete\":%s",
	       arena == malloc->arenas.items ? "" : ",", arena->address,
	       arena->is_main ? "true" : "false", arena->heap_count, arena->thread_count,
	       arena->system_bytes, arena->max_system_bytes, arena->top_bytes, arena->bins_bytes,
	       arena->bins_count, arena->largest_free_bytes, arena->free_bytes, arena->used_bytes,
	       arena->unwalked_bytes, arena->chunk_count, heaps_resident, free_resident, free_pages,
	       arena->by_bins ? "true" : "false", arena->complete ? "true" : "false");
	print_known("fast", arena->fast_bytes);
	print_known("fast_count", arena->fast_count);
	print_known("tcache", arena->tcache_bytes);
	print_known("tcache_count", arena->tcache_count);
	if (!arena->complete)
		print_text("why_not", arena->why_not.message);
	putchar('}');
}

static void print_malloc(const struct process *process, const struct glibc_malloc *malloc)
{
	printf(",\n\"malloc\":{\"shape\":\"%s\",\"tcache_threads\":%zu,\"mmapped_found\":%zu,"
	       "\"mmapped_found_bytes\":%" PRIu64 ",\"mmapped_estimated\":%s",
	       malloc->shape, malloc->tcache_threads, malloc->mmapped.count,
	       malloc->mmapped_found_bytes, malloc->mmapped_estimated ? "true" : "false");
	print_known("mmapped_count", malloc->mmapped_count);
	print_known("mmapped_bytes", malloc->mmapped_bytes);
	printf(",\n \"arenas\":[");
	VEC_FOREACH (arena, &malloc->arenas)
		print_arena(process, malloc, arena);
	printf("]}");
}

static void print_stacks(const struct thread_stacks *stacks)
{
	printf(",\n\"stacks\":{\"live\":%zu,\"cached\":%zu,\"live_bytes\":%" PRIu64
	       ",\"cached_bytes\":%" PRIu64 ",\"complete\":%s",
	       stacks->live_count, stacks->cached_count, stacks->live_bytes, stacks->cached_bytes,
	       stacks->complete ? "true" : "false");
	if (!stacks->complete)
		print_text("why_not", stacks->why_not.message);
	printf(",\n \"list\":[");
	VEC_FOREACH (stack, &stacks->list)
		printf("%s[%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu32 "]",
		       stack == stacks->list.items ? "" : ",", stack->start, stack->end,
		       stack->guard_bytes, stack->thread_id);
	printf("]}");
}

// Of this process: the machine may have other things to do.
static double cpu_ms(void)
{
	struct timespec time;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
	return (double)time.tv_sec * 1e3 + (double)time.tv_nsec / 1e6;
}

int main(int argc, char **argv)
{
	struct process process = {0};
	struct native_memory memory;
	struct error error;
	if (argc != 2)
		return 2;
	open_process(&process, argv[1]);
	double start = cpu_ms();
	if (!native_memory_read(process.target, &process.maps, &memory, &error))
		stop(&error);
	printf("{\"cpu_ms\":%.2f,\"read_bytes\":%" PRIu64, cpu_ms() - start,
	       target_get_counters(process.target).bytes);
	print_text("allocator", memory.allocator.name);
	printf(",\"in_executable\":%s", memory.allocator.in_executable ? "true" : "false");
	if (memory.has_malloc)
		print_malloc(&process, &memory.malloc);
	else
		print_text("malloc_absent", memory.malloc_absent.message);
	if (memory.has_stacks)
		print_stacks(&memory.stacks);
	printf("}\n");
	native_memory_deinit(&memory);
	target_free(process.target);
	maps_deinit(&process.maps);
	close(process.memory_fd);
	close(process.pagemap_fd);
	return 0;
}
