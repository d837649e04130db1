// SPDX-License-Identifier: Apache-2.0
/*
 * A real Go program to test on: started, brought to rest, copied and ended. What the tests read is
 * the copy, a file that they may damage. Needs the programs of tests/targets/build below the
 * directory that $WHYOOM_TARGETS names; go_lab_start skips the test where they are not there.
 */
#pragma once

#include "system/lab.h"

#include "base/vec.h"
#include "golang/runtime.h"
#include "system/maps.h"

struct go_lab_change {
	size_t offset;
	uint64_t before;
};

struct go_lab {
	char exe_path[PATH_MAX];
	int exe_fd, memory_fd;
	struct maps maps; // as smaps had them
	VEC(struct target_mapping) mappings;
	uint8_t *memory; // the copy of everything writable, shared with memory_fd
	size_t memory_bytes;
	VEC(size_t) pages; // offsets of the pages that are not empty
	VEC(struct go_lab_change) changes;
	struct elf_image *image;
	struct go_buildinfo info;
};

// `version` as in "1.26.8"; every allocation is sampled.
void go_lab_start(struct go_lab *lab, const char *version, const char *program);
// The same, copied once it has answered `command`; go_lab_start says "rest".
void go_lab_start_after(struct go_lab *lab, const char *version, const char *program,
			const char *command);
void go_lab_stop(struct go_lab *lab);
// A target over the copy as it is now.
struct target *go_lab_target(const struct go_lab *lab);
// The place of an address of the program in `memory`, or NULL.
uint8_t *go_lab_at(const struct go_lab *lab, taddr_t address);
// Overwrites 8 bytes at `offset` of the copy; go_lab_undo puts everything back.
void go_lab_change(struct go_lab *lab, size_t offset, uint64_t value);
// Damages `count` words: flipped bits, other words of the same memory, extreme numbers.
void go_lab_damage(struct go_lab *lab, uint64_t *seed, size_t count);
void go_lab_undo(struct go_lab *lab);
