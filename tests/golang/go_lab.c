// SPDX-License-Identifier: Apache-2.0
// In: the name of a Go program. Out: its memory, in a file.
#include "golang/go_lab.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/random.h"

enum { PAGE = 4096, CHUNK = 256 << 10 };

struct program {
	pid_t pid;
	int to, from;
};

static struct program start_program(const char *path)
{
	int to[2], from[2];
	assert_int_equal(0, pipe2(to, O_CLOEXEC));
	assert_int_equal(0, pipe2(from, O_CLOEXEC));
	struct program program = {fork(), to[1], from[0]};
	assert_true(program.pid >= 0);
	if (program.pid == 0) {
		dup2(to[0], STDIN_FILENO);
		dup2(from[1], STDOUT_FILENO);
		setenv("GODEBUG", "memprofilerate=1", 0);
		execl(path, path, (char *)NULL);
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
	if (strncmp(line, start, strlen(start)) != 0)
		fail_msg("the target said \"%s\", not \"%s\"", line, start);
}

// Returns when every thread has stopped: the copy is of one instant.
static void stop_program(const struct program *program)
{
	int status;
	kill(program->pid, SIGSTOP);
	while (waitpid(program->pid, &status, WUNTRACED) < 0 && errno == EINTR)
		;
	assert_true(WIFSTOPPED(status));
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
		fail_msg("%s: %s", path, strerror(errno));
	return fd;
}

// Copies what one mapping holds to `offset` of the copy; pages of zeros stay holes.
static void copy_mapping(struct go_lab *lab, int source, const struct mapping *mapping,
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
			assert_int_equal(PAGE,
					 pwrite(lab->memory_fd, bytes + page, PAGE, (off_t)to));
			vec_push(&lab->pages, to);
		}
	}
}

static void copy_memory(struct go_lab *lab, pid_t pid)
{
	int source = open_of(pid, "mem");
	lab->memory_fd = memfd_create("copy", MFD_CLOEXEC);
	VEC_FOREACH (mapping, &lab->maps.list) {
		bool writable = mapping->perms[1] == 'w';
		vec_push(&lab->mappings,
			 {
				 .start = mapping->start,
				 .end = mapping->end,
				 .data_offset = lab->memory_bytes,
				 .data_size = writable ? mapping->end - mapping->start : 0,
				 .exe_offset = mapping->offset,
				 .readable = writable,
				 .writable = writable,
				 .of_exe = strcmp(mapping->name, lab->exe_path) == 0,
			 });
		if (!writable)
			continue;
		copy_mapping(lab, source, mapping, lab->memory_bytes);
		lab->memory_bytes += mapping->end - mapping->start;
	}
	assert_int_equal(0, ftruncate(lab->memory_fd, (off_t)lab->memory_bytes));
	lab->memory = mmap(NULL, lab->memory_bytes, PROT_READ | PROT_WRITE, MAP_SHARED,
			   lab->memory_fd, 0);
	assert_ptr_not_equal(MAP_FAILED, lab->memory);
	close(source);
}

static void tell(const struct program *program, const char *command)
{
	assert_int_equal(strlen(command), write(program->to, command, strlen(command)));
	assert_int_equal(1, write(program->to, "\n", 1));
	expect_line(program, "ok");
}

void go_lab_start(struct go_lab *lab, const char *version, const char *name)
{
	go_lab_start_after(lab, version, name, "rest");
}

void go_lab_start_after(struct go_lab *lab, const char *version, const char *name,
			const char *command)
{
	*lab = (struct go_lab){.exe_fd = -1, .memory_fd = -1};
	const char *targets = getenv("WHYOOM_TARGETS");
	char path[PATH_MAX];
	snprintf(path, sizeof path, "%s/go%s/%s", targets ? targets : "", version, name);
	// As the mappings name it.
	if (!targets || !realpath(path, lab->exe_path) || access(lab->exe_path, X_OK) != 0) {
		print_message("%s is not there: run tests/targets/build\n", path);
		skip();
	}
	struct program program = start_program(lab->exe_path);
	expect_line(&program, "ready ");
	tell(&program, command);
	stop_program(&program);
	int smaps = open_of(program.pid, "smaps");
	assert_ok(maps_read(smaps, "smaps", &lab->maps, &error));
	close(smaps);
	copy_memory(lab, program.pid);
	end_program(&program);
	lab->exe_fd = open(lab->exe_path, O_RDONLY | O_CLOEXEC);
	assert_ok(elf_image_open(lab->exe_fd, &lab->image, &error));
	assert_ok(go_buildinfo_read(lab->exe_fd, lab->image, &lab->info, &error));
}

void go_lab_stop(struct go_lab *lab)
{
	go_buildinfo_deinit(&lab->info);
	elf_image_free(lab->image);
	maps_deinit(&lab->maps);
	munmap(lab->memory, lab->memory_bytes);
	vec_deinit(&lab->mappings);
	vec_deinit(&lab->pages);
	vec_deinit(&lab->changes);
	close(lab->exe_fd);
	close(lab->memory_fd);
}

struct target *go_lab_target(const struct go_lab *lab)
{
	struct target_source source = {lab->memory_fd, lab->exe_fd, lab->mappings.items,
				       lab->mappings.count};
	return target_new(&source);
}

uint8_t *go_lab_at(const struct go_lab *lab, taddr_t address)
{
	VEC_FOREACH (mapping, &lab->mappings)
		if (mapping->writable && address >= mapping->start && address < mapping->end)
			return lab->memory + mapping->data_offset + (address - mapping->start);
	return NULL;
}

void go_lab_change(struct go_lab *lab, size_t offset, uint64_t value)
{
	struct go_lab_change *change = vec_push(&lab->changes, {.offset = offset});
	memcpy(&change->before, lab->memory + offset, 8);
	memcpy(lab->memory + offset, &value, 8);
}

void go_lab_undo(struct go_lab *lab)
{
	while (lab->changes.count) {
		const struct go_lab_change *last = &lab->changes.items[--lab->changes.count];
		memcpy(lab->memory + last->offset, &last->before, 8);
	}
}

static size_t random_word(const struct go_lab *lab, uint64_t *seed)
{
	return lab->pages.items[random_next(seed) % lab->pages.count] +
	       random_next(seed) % (PAGE / 8) * 8;
}

void go_lab_damage(struct go_lab *lab, uint64_t *seed, size_t count)
{
	static const uint64_t extremes[] = {
		0,   1, UINT64_MAX, INT64_MAX, (uint64_t)INT64_MIN, UINT32_MAX, (uint64_t)1 << 47,
		4096};
	for (size_t i = 0; i < count; i++) {
		size_t offset = random_word(lab, seed);
		uint64_t dice = random_next(seed), value;
		memcpy(&value, lab->memory + offset, 8);
		if (dice % 4 == 0)
			value = extremes[(dice >> 8) % (sizeof extremes / sizeof *extremes)];
		else if (dice % 4 == 1)
			memcpy(&value, lab->memory + random_word(lab, seed), 8);
		else
			value ^= (uint64_t)1 << (dice >> 8) % 64;
		go_lab_change(lab, offset, value);
	}
}
