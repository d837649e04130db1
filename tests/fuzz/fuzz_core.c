// SPDX-License-Identifier: Apache-2.0
// A core file, its mappings and the programs in it.
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "fuzz.h"
#include "target/core.h"
#include "target/memory_image.h"

enum { PROGRAM_BYTES_MAX = 16 << 20 };

static void require(bool condition)
{
	if (!condition)
		abort();
}

static void check_mappings(const struct target_mapping *mappings, size_t count, size_t size)
{
	for (size_t i = 0; i < count; i++) {
		const struct target_mapping *mapping = &mappings[i];
		require(mapping->start < mapping->end);
		require(i == 0 || mappings[i - 1].end <= mapping->start);
		require(mapping->data_size <= mapping->end - mapping->start);
		require(!mapping->data_size || (mapping->data_offset <= size &&
						mapping->data_size <= size - mapping->data_offset));
	}
}

// The program at `base` once more as a file, and the core with that file.
static void check_program(const struct core *core, struct target *target, taddr_t base, size_t size)
{
	struct memory_image program;
	struct elf_image *image;
	uint64_t total = 0;
	if (!memory_image_read(target, base, &program, NULL))
		return;
	for (size_t i = 0; i < program.segment_count; i++)
		total |= program.segments[i].file_offset | program.segments[i].file_size;
	_cleanup_close_ int fd = memfd_create("program", MFD_CLOEXEC);
	if (total > PROGRAM_BYTES_MAX || !memory_image_write(target, &program, fd, NULL) ||
	    !elf_image_open(fd, &image, NULL))
		return;
	size_t count;
	_cleanup_free_ struct target_mapping *mappings =
		core_mappings(core, image, program.bias, &count);
	check_mappings(mappings, count, size);
	elf_image_free(image);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct core core;
	struct error error = {0};
	_cleanup_close_ int fd = memfd_create("core", MFD_CLOEXEC);
	require(pwrite(fd, data, size, 0) == (ssize_t)size);
	if (!core_open(fd, &core, &error)) {
		require(error.code != ERROR_NONE && error.message[0]);
		return 0;
	}
	struct target_source source = {.memory_fd = fd, .exe_fd = -1, .memory_first = true};
	_cleanup_free_ struct target_mapping *mappings =
		core_mappings(&core, NULL, 0, &source.mapping_count);
	source.mappings = mappings;
	check_mappings(mappings, source.mapping_count, size);
	struct target *target = target_new(&source);
	VEC_FOREACH (load, &core.loads)
		check_program(&core, target, load->start, size);
	VEC_FOREACH (file, &core.files)
		require(file->path);
	target_free(target);
	core_deinit(&core);
	return 0;
}
