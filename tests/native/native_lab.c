// SPDX-License-Identifier: Apache-2.0
// In: what malloc-program is to do. Out: its memory, in a file.
#include "native/native_lab.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PAGE = 4096, CHUNK = 256 << 10, STACK_BYTES = 256 << 10 };

struct program {
	pid_t pid;
	int to, from;
};

static void find_program(char *path, size_t size)
{
	char self[4096] = "";
	static const char *const places[] = {"", "../native/"};
	if (readlink("/proc/self/exe", self, sizeof self - 1) < 0)
		abort();
	const char *folder = dirname(self);
	for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
		snprintf(path, size, "%s/%smalloc-program", folder, places[i]);
		if (access(path, X_OK) == 0)
			return;
	}
	fprintf(stderr, "%s is not there\n", path);
	abort();
}

static struct program start_program(void)
{
	char path[8192];
	int to[2], from[2];
	find_program(path, sizeof path);
	if (pipe2(to, O_CLOEXEC) != 0 || pipe2(from, O_CLOEXEC) != 0)
		abort();
	struct program program = {fork(), to[1], from[0]};
	if (program.pid == 0) {
		char *arguments[] = {path, NULL}, *environment[] = {NULL};
		dup2(to[0], STDIN_FILENO);
		dup2(from[1], STDOUT_FILENO);
		personality(ADDR_NO_RANDOMIZE);
		setrlimit(RLIMIT_STACK, &(struct rlimit){STACK_BYTES, STACK_BYTES});
		execve(path, arguments, environment);
		_exit(127);
	}
	close(to[0]);
	close(from[1]);
	return program;
}

// Waits for a line that the program prints.
static void expect_line(const struct program *program, const char *start)
{
	char line[256];
	size_t length = 0;
	while (length < sizeof line - 1 && read(program->from, line + length, 1) == 1)
		if (line[length++] == '\n')
			break;
	line[length] = '\0';
	if (strncmp(line, start, strlen(start)) != 0) {
		fprintf(stderr, "malloc-program said \"%s\", not \"%s\"\n", line, start);
		abort();
	}
}

static void run_commands(const struct program *program, const char *const *commands, size_t count)
{
	expect_line(program, "ready ");
	for (size_t i = 0; i < count; i++) {
		dprintf(program->to, "%s\n", commands[i]);
		expect_line(program, "ok");
	}
}

// Returns when every thread has stopped: the copy is of one instant.
static void stop_program(const struct program *program)
{
	int status;
	kill(program->pid, SIGSTOP);
	while (waitpid(program->pid, &status, WUNTRACED) < 0 && errno == EINTR)
		;
}

static void end_program(const struct program *program)
{
	int status;
	kill(program->pid, SIGKILL);
	while (waitpid(program->pid, &status, 0) < 0 && errno == EINTR)
		;
	close(program->to);
	close(program->from);
}

static int open_of(pid_t pid, const char *name)
{
	char path[64];
	snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, name);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		abort();
	return fd;
}

// Copies what one mapping holds to `offset` of the copy; pages of zeros stay holes.
static void copy_mapping(struct native_lab *lab, int source, const struct mapping *mapping,
			 size_t offset)
{
	static char bytes[CHUNK];
	static const char zeros[PAGE];
	for (uint64_t at = mapping->start; at < mapping->end; at += CHUNK) {
		size_t left = mapping->end - at, size = left < CHUNK ? left : CHUNK;
		if (pread(source, bytes, size, (off_t)at) != (ssize_t)size)
			return;
		for (size_t page = 0; page < size; page += PAGE) {
			size_t to = offset + (at - mapping->start) + page;
			if (memcmp(bytes + page, zeros, PAGE) == 0)
				continue;
			if (pwrite(lab->memory_fd, bytes + page, PAGE, (off_t)to) != PAGE)
				abort();
			vec_push(&lab->pages, to);
		}
	}
}

static void copy_memory(struct native_lab *lab, pid_t pid)
{
	int source = open_of(pid, "mem");
	lab->memory_fd = memfd_create("copy", MFD_CLOEXEC);
	VEC_FOREACH (mapping, &lab->maps.list) {
		bool writable = mapping->perms[1] == 'w';
		uint64_t size = writable ? mapping->end - mapping->start : 0;
		vec_push(&lab->mappings, {
						 .start = mapping->start,
						 .end = mapping->end,
						 .data_offset = lab->memory_bytes,
						 .data_size = size,
						 .readable = writable,
						 .writable = writable,
					 });
		if (writable)
			copy_mapping(lab, source, mapping, lab->memory_bytes);
		lab->memory_bytes += size;
	}
	if (ftruncate(lab->memory_fd, (off_t)lab->memory_bytes) != 0)
		abort();
	lab->memory = mmap(NULL, lab->memory_bytes, PROT_READ | PROT_WRITE, MAP_SHARED,
			   lab->memory_fd, 0);
	if (lab->memory == MAP_FAILED)
		abort();
	close(source);
}

void native_lab_start(struct native_lab *lab, const char *const *commands, size_t count)
{
	*lab = (struct native_lab){.memory_fd = -1};
	struct program program = start_program();
	run_commands(&program, commands, count);
	stop_program(&program);
	int smaps = open_of(program.pid, "smaps");
	if (!maps_read(smaps, "smaps", &lab->maps, NULL))
		abort();
	close(smaps);
	copy_memory(lab, program.pid);
	end_program(&program);
}

void native_lab_stop(struct native_lab *lab)
{
	maps_deinit(&lab->maps);
	munmap(lab->memory, lab->memory_bytes);
	vec_deinit(&lab->mappings);
	vec_deinit(&lab->pages);
	vec_deinit(&lab->changes);
	close(lab->memory_fd);
}

struct target *native_lab_target(const struct native_lab *lab)
{
	struct target_source source = {lab->memory_fd, -1, lab->mappings.items,
				       lab->mappings.count};
	return target_new(&source);
}

uint8_t *native_lab_at(const struct native_lab *lab, taddr_t address)
{
	VEC_FOREACH (mapping, &lab->mappings)
		if (mapping->writable && address >= mapping->start && address < mapping->end &&
		    mapping->end - address >= 8)
			return lab->memory + mapping->data_offset + (address - mapping->start);
	return NULL;
}

void native_lab_change(struct native_lab *lab, uint8_t *place, uint64_t value)
{
	struct native_lab_change *change =
		vec_push(&lab->changes, {.offset = (size_t)(place - lab->memory)});
	memcpy(&change->before, place, 8);
	memcpy(place, &value, 8);
}

void native_lab_undo(struct native_lab *lab)
{
	while (lab->changes.count) {
		const struct native_lab_change *last = &lab->changes.items[--lab->changes.count];
		memcpy(lab->memory + last->offset, &last->before, 8);
	}
}

static void require(bool condition)
{
	if (!condition)
		abort();
}

static void require_sane_arena(const struct glibc_malloc *malloc, const struct glibc_arena *arena)
{
	size_t number = (size_t)(arena - malloc->arenas.items);
	require(arena->complete || arena->why_not.message[0]);
	require(!arena->complete || !arena->unwalked_bytes);
	require(arena->unwalked_bytes <= arena->system_bytes);
	require(arena->used_bytes <= arena->system_bytes);
	require(arena->first_heap + arena->heap_count <= malloc->heaps.count);
	require(arena->first_free + arena->free_count <= malloc->free_ranges.count);
	for (size_t i = 0; i < arena->heap_count; i++)
		require(malloc->heaps.items[arena->first_heap + i].arena == number);
	for (size_t i = 0; i < arena->free_count; i++) {
		struct glibc_range range = malloc->free_ranges.items[arena->first_free + i];
		require(range.start < range.end && (range.start | range.end) % PAGE == 0);
		require(i == 0 ||
			range.start >= (&malloc->free_ranges.items[arena->first_free + i])[-1].end);
	}
}

void native_lab_require_sane(const struct native_memory *memory)
{
	const struct glibc_malloc *malloc = &memory->malloc;
	const struct thread_stacks *stacks = &memory->stacks;
	require(memory->has_malloc || memory->malloc_absent.message[0]);
	require(memory->has_stacks || memory->stacks_absent.message[0]);
	VEC_FOREACH (arena, &malloc->arenas)
		require_sane_arena(malloc, arena);
	require(!malloc->arenas.count || malloc->arenas.items[0].is_main);
	for (size_t i = 0; i < malloc->mmapped.count; i++)
		require(malloc->mmapped.items[i].start < malloc->mmapped.items[i].end);
	for (size_t i = 0; i < stacks->list.count; i++) {
		require(stacks->list.items[i].start < stacks->list.items[i].end);
		require(!i || stacks->list.items[i - 1].end <= stacks->list.items[i].start);
	}
	require(stacks->live_count + stacks->cached_count == stacks->list.count);
}
