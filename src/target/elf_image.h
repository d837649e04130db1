// SPDX-License-Identifier: Apache-2.0
/*
 * An ELF file on disk, read by elfutils' libelf through pread (not mmap: a file that shrinks under
 * us must be an error, not a signal). 64-bit little-endian only.
 *
 * Ownership: borrows the descriptor.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "target/build_id.h"

struct elf_image;

enum elf_machine { ELF_MACHINE_AMD64 = 62, ELF_MACHINE_ARM64 = 183 };

struct elf_segment {
	uint64_t address, file_offset, file_size, memory_size;
	bool writable, executable;
};

struct elf_symbol_query {
	const char *name;
	bool found;
	uint64_t address; // as linked; add the image's load bias for a live address
};

bool elf_image_open(int fd, struct elf_image **image, struct error *error) must_check;
void elf_image_free(struct elf_image *image);

int elf_image_fd(const struct elf_image *image); // borrowed
unsigned int elf_image_machine(const struct elf_image *image);
// Linked addresses are relative: a load bias applies.
bool elf_image_is_relocatable(const struct elf_image *image);
// The PT_LOAD segments. Borrowed.
const struct elf_segment *elf_image_segments(const struct elf_image *image, size_t *count);
// False when there is no such section; offset and size are within the file.
bool elf_image_section(const struct elf_image *image, const char *name, uint64_t *file_offset,
		       uint64_t *size);
// Looks all names up in one pass over .symtab. ERROR_UNSUPPORTED when the file has none (stripped).
bool elf_image_symbols(struct elf_image *image, struct elf_symbol_query *queries, size_t count,
		       struct error *error) must_check;
// The GNU build ID as hex, else "" (a Go build ID is not one).
const char *elf_image_build_id(struct elf_image *image);
const struct build_ids *elf_image_build_ids(const struct elf_image *image);
// Where the program starts, as linked.
uint64_t elf_image_entry(const struct elf_image *image);
