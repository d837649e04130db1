// SPDX-License-Identifier: Apache-2.0
// Between the layers' own models: mappings to a target, goroutines to groups.
#pragma once

#include "golang/functab.h"
#include "golang/goroutines.h"
#include "goroutine/groups.h"
#include "profile/profile.h"
#include "system/maps.h"
#include "target/elf_image.h"
#include "target/target.h"

// A live process's table of mappings, maps->list.count rows; the caller frees it. `exe_path` tells
// its executable's mappings from others.
struct target_mapping *convert_mappings(const struct maps *maps, const char *exe_path);
void convert_goroutines(const struct go_goroutines *goroutines, struct goroutine_set *set);
// Why a goroutine has no stack, as a sentence; NULL for one that has.
const char *convert_stack_state(enum go_stack_state state);
// The executable's code as a profile's mapping. Texts are borrowed.
struct profile_mapping convert_executable(const struct target *target, struct elf_image *image,
					  const char *exe_path);
