// SPDX-License-Identifier: Apache-2.0
/*
 * The mappings of a process, from /proc/PID/smaps (with what each holds) or /proc/PID/maps.
 *
 * Sorted by address, as the kernel writes them. The text is read in pieces, so that a process with
 * a hundred thousand mappings costs its table and no more. A process that runs changes while it is
 * read: the kernel keeps each mapping consistent, not the whole.
 *
 * Format: proc_pid_maps(5), proc_pid_smaps(5); Linux fs/proc/task_mmu.c.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/vec.h"
#include "system/known.h"

#define MAPS_TEXT_LIMIT_BYTES ((size_t)256 << 20) // 65530 mappings of smaps are about 90 MiB
#define MAPS_LINE_MAX         16384
#define MAPS_COUNT_LIMIT      1000000

struct mapping {
	uint64_t start, end; // end is exclusive
	char perms[5];       // "rwxp", or 's' for shared
	uint64_t offset, inode;
	uint32_t device_major, device_minor;
	const char *name; // "" for plain anonymous memory; without " (deleted)"; untrusted
	bool deleted;     // the file has no name any more
	// Only from smaps, and only what this kernel tells.
	struct known_u64 rss_bytes, pss_bytes, anonymous_bytes;
	struct known_u64 shared_clean_bytes, shared_dirty_bytes;
	struct known_u64 private_clean_bytes, private_dirty_bytes;
	struct known_u64 swap_bytes, lazy_free_bytes, anon_huge_bytes, locked_bytes;
	struct known_u64 shared_hugetlb_bytes, private_hugetlb_bytes; // no part of the Rss
};

struct maps {
	VEC(struct mapping) list;
	struct arena names;
};

void maps_deinit(struct maps *maps);
// The caller owns *maps after success.
bool maps_parse(const char *text, size_t size, struct maps *maps, struct error *error) must_check;
// `fd` is an open smaps or maps; `path` is for the message.
bool maps_read(int fd, const char *path, struct maps *maps, struct error *error) must_check;
// The mapping that holds `address`, or NULL. Borrowed.
const struct mapping *maps_find(const struct maps *maps, uint64_t address);
