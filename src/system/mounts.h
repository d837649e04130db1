// SPDX-License-Identifier: Apache-2.0
/*
 * The mounts that a process sees, from /proc/PID/mountinfo: which file system a file is on, without
 * asking that file system. A file system of the network, or one that another program serves (FUSE),
 * may not answer for ever: nothing on it is opened.
 *
 * Format: proc_pid_mountinfo(5).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/vec.h"

#define MOUNTS_TEXT_LIMIT_BYTES ((size_t)16 << 20)
#define MOUNTS_COUNT_LIMIT      100000

enum mount_kind {
	MOUNT_LOCAL,  // has pages of files in memory
	MOUNT_TMPFS,  // its files are shared memory
	MOUNT_REMOTE, // may block, or make another program work
	MOUNT_KERNEL, // proc, sysfs and the like: no files in memory, and opening may do something
};

struct mount_entry {
	uint64_t id;
	uint32_t device_major, device_minor;
	enum mount_kind kind;
	const char *type, *root, *point; // unescaped; untrusted
};

struct mounts {
	VEC(struct mount_entry) list;
	struct arena texts;
};

void mounts_deinit(struct mounts *mounts);
bool mounts_parse(const char *text, size_t size, struct mounts *mounts,
		  struct error *error) must_check;
// `dir` is a directory of /proc.
bool mounts_read(int dir, struct mounts *mounts, struct error *error) must_check;
const struct mount_entry *mounts_find_id(const struct mounts *mounts, uint64_t id);
const struct mount_entry *mounts_find_device(const struct mounts *mounts, uint32_t device_major,
					     uint32_t device_minor);
enum mount_kind mount_kind_of(const char *type);
