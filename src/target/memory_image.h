// SPDX-License-Identifier: Apache-2.0
/*
 * An ELF program as it lies in a target's memory: its headers, which build it is, and, where all
 * of its pages are there, its file again. What is no part of memory (section headers, the symbol
 * table, debug information) is not in that file; what the program wrote since is.
 */
#pragma once

#include "target/build_id.h"
#include "target/elf_image.h"
#include "target/target.h"

enum { MEMORY_IMAGE_SEGMENTS_MAX = 64 };

struct memory_image {
	enum elf_machine machine;
	taddr_t base;  // of its ELF header
	uint64_t bias; // what its linked addresses are moved by
	taddr_t entry; // as linked
	struct build_ids build_ids;
	struct elf_segment segments[MEMORY_IMAGE_SEGMENTS_MAX]; // those to load
	size_t segment_count;
};

// The program whose ELF header lies at `base`; ERROR_NOT_FOUND or ERROR_FAULT where there is none.
bool memory_image_read(struct target *target, taddr_t base, struct memory_image *image,
		       struct error *error) must_check;
// Whether a file has just the same segments and entry.
bool memory_image_has_segments_of(const struct memory_image *image, const struct elf_image *file);
// Whether what the target holds of a read-only segment, at most its first megabyte, is what the
// file `fd` has. BUILD_UNKNOWN where it holds nothing of it.
enum build_match memory_image_compare(struct target *target, const struct elf_segment *segment,
				      uint64_t bias, int fd);
// Writes the program's file into `fd`, an empty one. Fails where not all of it is in memory.
bool memory_image_write(struct target *target, const struct memory_image *image, int fd,
			struct error *error) must_check;
