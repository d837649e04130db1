// SPDX-License-Identifier: Apache-2.0
// In: a log's addresses and the program. Out: functions, files and lines.
#include "crash/exe_lines.h"

#include <inttypes.h>
#include <stdio.h>

#include "golang/buildinfo.h"
#include "golang/functab.h"
#include "golang/runtime.h"
#include "target/elf_image.h"
#include "target/target.h"

enum { MAPPINGS_MAX = 64, PAGE_MASK = 4095, NOTE_MAX = 1024 };

struct program {
	struct elf_image *image;
	struct target *target;
	struct go_buildinfo info;
	struct go_runtime runtime;
};

// The file as it is loaded: each segment at its address.
static struct target *make_target(const struct elf_image *image, int fd)
{
	struct target_mapping mappings[MAPPINGS_MAX];
	size_t count, used = 0;
	const struct elf_segment *segments = elf_image_segments(image, &count);
	for (size_t i = 0; i < count && used < MAPPINGS_MAX; i++) {
		const struct elf_segment *segment = &segments[i];
		uint64_t before = segment->address & PAGE_MASK;
		if (before > segment->file_offset || segment->memory_size > UINT64_MAX / 4 ||
		    segment->address > UINT64_MAX / 4 || !segment->memory_size)
			continue;
		taddr_t start = segment->address - before;
		if (used && start < mappings[used - 1].end)
			continue;
		mappings[used++] = (struct target_mapping){
			.start = start,
			.end = segment->address + segment->memory_size,
			.data_offset = segment->file_offset - before,
			.data_size = segment->file_size + before,
			.exe_offset = segment->file_offset - before,
			.readable = true,
			.writable = segment->writable,
			.of_exe = true,
		};
	}
	struct target_source source = {.memory_fd = fd,
				       .exe_fd = fd,
				       .mappings = mappings,
				       .mapping_count = used,
				       .memory_first = true};
	return target_new(&source);
}

static void close_program(struct program *program)
{
	go_runtime_deinit(&program->runtime);
	go_buildinfo_deinit(&program->info);
	target_free(program->target);
	elf_image_free(program->image);
}

static bool open_program(int fd, const char *path, struct program *program, struct error *error)
{
	if (!elf_image_open(fd, &program->image, error))
		return false;
	if (elf_image_is_relocatable(program->image)) {
		error_set(
			error, ERROR_UNSUPPORTED,
			"%s is position-independent: its addresses in a log are moved, and no log "
			"says by how much",
			path);
		return error_hint(error,
				  "leave --exe out: the rest of the report needs no program");
	}
	if (!go_buildinfo_read(fd, program->image, &program->info, error))
		return false;
	program->target = make_target(program->image, fd);
	return go_runtime_open(program->target, program->image, &program->info, &program->runtime,
			       error);
}

static const struct go_frame *look_up(struct program *program, uint64_t return_pc)
{
	const struct go_frame *frame = functab_frame(program->runtime.functab, return_pc);
	return frame->valid ? frame : NULL;
}

static void add_to_frame(struct crash_log *log, struct program *program, struct crash_frame *frame)
{
	const struct go_frame *found =
		frame->pc && !frame->function[0] ? look_up(program, frame->pc) : NULL;
	if (!found)
		return;
	frame->function = crash_text(log, span_of(found->function));
	frame->file = crash_text(log, span_of(found->file));
	frame->line = found->line;
}

// "[signal SIGSEGV: ... pc=0x680d4b]"
static const char *add_to_note(struct crash_log *log, struct program *program, const char *note)
{
	char text[NOTE_MAX];
	uint64_t pc;
	struct span all = span_of(note);
	size_t at = span_find(all, SPAN("pc=0x"));
	at = at == SPAN_NONE ? span_find(all, SPAN("PC=0x")) : at;
	struct span rest = span_from(all, at == SPAN_NONE ? all.length : at + 5);
	if (!span_take_hex(&rest, &pc) || pc == UINT64_MAX)
		return note;
	const struct go_frame *found = look_up(program, pc + 1);
	if (!found)
		return note;
	snprintf(text, sizeof text, "%.400s: %.300s at %.256s:%" PRId64, note, found->function,
		 found->file, found->line);
	return crash_text(log, span_of(text));
}

bool exe_lines_add(struct crash_log *log, int exe_fd, const char *path, struct error *error)
{
	struct program program = {0};
	bool ok = open_program(exe_fd, path, &program, error);
	VEC_FOREACH (crash, &log->crashes) {
		if (!ok)
			break;
		VEC_FOREACH (group, &crash->groups)
			for (size_t i = 0; i < group->depth; i++)
				add_to_frame(log, &program, &group->frames[i]);
		VEC_FOREACH (note, &crash->notes)
			*note = add_to_note(log, &program, *note);
	}
	if (ok)
		log->exe_version = crash_text(log, span_of(program.info.version_text));
	close_program(&program);
	return ok;
}
