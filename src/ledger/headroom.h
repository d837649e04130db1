// SPDX-License-Identifier: Apache-2.0
/*
 * How far the kill is: which limit will bite, and how many bytes may still be allocated before.
 *
 * A limit does not bite when the usage reaches it, but when what cannot be reclaimed does: the
 * kernel takes back page cache before it kills. So each cgroup on the way up is looked at with its
 * own usage, its own reclaimable part and its own limit, and the one with the least room left is
 * the one that bites. That may be an ancestor with a larger limit, filled by others.
 *
 * Everything comes from descriptors that cgroup_open opened: no privileges are needed.
 */
#pragma once

#include "base/error.h"
#include "system/cgroup.h"

// What the kernel takes back before it kills: page cache that is on its lists, and slab memory that
// is made of caches. Dirty pages count: they are written first. Shared memory and what is locked in
// memory do not. Where v1 does not tell the parts of the kernel's memory, none of them counts.
int64_t headroom_reclaimable_bytes(const struct cgroup_stat *stat);

struct headroom_level {
	const char *path; // borrowed until cgroup_close; NULL: above what is mounted here
	int64_t limit_bytes;
	struct known_u64 usage_bytes; // not known above what is mounted here
	int64_t reclaimable_bytes;
	int64_t unreclaimable_bytes; // usage - reclaimable, never below 0
	int64_t headroom_bytes;      // limit - unreclaimable; below 0 once it is passed
};

struct headroom {
	bool limited;                // some limit was found; else only the machine's memory ends
	struct headroom_level bites; // what kills: the level with the least room
	// memory.high with the least room: allocation is slowed down there, nothing is killed.
	bool throttled;
	struct headroom_level throttles;
	// What may still be swapped out of the cgroup, before the machine's own swap is full; not
	// part of the headroom above. Not known where the kernel sets no bound to it, or says none.
	struct known_u64 swap_left_bytes;
	size_t level_count;  // cgroups looked at
	bool partial;        // some of them could not be read
	struct error reason; // why
};

// False only where the cgroup itself cannot be read.
bool headroom_read(struct cgroup *cgroup, struct headroom *headroom,
		   struct error *error) must_check;
