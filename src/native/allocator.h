// SPDX-License-Identifier: Apache-2.0
/*
 * Which C allocator a program has: by the libraries that are mapped, and by what the executable
 * itself exports where it has one inside. Only the name; nothing of it is read.
 */
#pragma once

#include "system/maps.h"
#include "target/target.h"

enum allocator_kind {
	ALLOCATOR_NONE, // no C library and no allocator that is known by name
	ALLOCATOR_GLIBC,
	ALLOCATOR_MUSL,
	ALLOCATOR_JEMALLOC,
	ALLOCATOR_TCMALLOC,
	ALLOCATOR_MIMALLOC,
	ALLOCATOR_OTHER, // another one that is known by name
};

struct allocator {
	enum allocator_kind kind;
	const char *name;   // "glibc", "jemalloc", "scudo", ...; "" for ALLOCATOR_NONE. Static
	bool in_executable; // its symbols are the executable's own
};

// One that replaces the C library's comes before it. `target` may be NULL: then only the libraries
// are looked at.
struct allocator allocator_find(struct target *target, const struct maps *maps);
