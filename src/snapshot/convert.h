// SPDX-License-Identifier: Apache-2.0
// Between the layers' own models: mappings to a target, goroutines to groups.
#pragma once

#include "golang/functab.h"
#include "golang/goroutines.h"
#include "goroutine/groups.h"
#include "profile/profile.h"
#include "snapshot/block_text.h"
#include "system/maps.h"
#include "target/elf_image.h"
#include "target/target.h"

// A file, by what cannot be renamed; and its path, where the file system numbers files otherwise in
// /proc/PID/maps than in stat (overlayfs does).
struct mapped_file {
	uint64_t inode; // 0: only the path is known
	uint32_t device_major, device_minor;
	const char *path; // "" when not known; borrowed
};

// A live process's table of mappings, maps->list.count rows; the caller frees it. `exe` tells its
// executable's mappings from others.
struct target_mapping *convert_mappings(const struct maps *maps, const struct mapped_file *exe);
// Marks what lies in a writable segment of `image` (NULL: nothing) as writable, also where its
// pages are protected: the dynamic linker has written into them before, so they are not what the
// file has.
void convert_relocated(struct target_mapping *mappings, size_t count,
		       const struct elf_image *image);
bool mapping_is_of(const struct mapping *mapping, const struct mapped_file *file);
// `labels`: goroutines with other labels are other groups.
void convert_goroutines(const struct go_goroutines *goroutines, bool labels,
			const struct block_texts *texts, struct goroutine_set *set);
// Why a goroutine has no stack, as a sentence; NULL for one that has.
const char *convert_stack_state(enum go_stack_state state);
// The executable's code as a profile's mapping. Texts are borrowed.
struct profile_mapping convert_executable(const struct target *target, struct elf_image *image,
					  const char *exe_path);
