// SPDX-License-Identifier: Apache-2.0
/*
 * Changing the limit of a memory cgroup: with privileges, and the kernel's own numbers only.
 *
 * v1 has two limits that depend on one another: memory.limit_in_bytes may never be above
 * memory.memsw.limit_in_bytes (memory and swap), so that raising begins with the latter and
 * lowering with the former. v2 has memory.max; its memory.high, which slows down instead of
 * killing, is left alone. Lowering memory.max below what cannot be reclaimed makes the kernel kill;
 * v1 refuses with EBUSY. Follows Linux mm/memcontrol-v1.c (mem_cgroup_resize_max), mm/memcontrol.c
 * (memory_max_write).
 */
#pragma once

#include "system/cgroup.h"

struct cgroup_limits {
	struct cgroup_limit memory;
	struct cgroup_limit with_swap; // v1, where the kernel counts swap; else not known
};

// The limits of the cgroup itself.
bool cgroup_limits_read(const struct cgroup *cgroup, struct cgroup_limits *limits,
			struct error *error) must_check;
// Writes what differs between the two and reads it back. Where the second write fails, what the
// first one did is undone. The kernel rounds down to whole pages: so does this, first.
bool cgroup_limits_write(const struct cgroup *cgroup, const struct cgroup_limits *from,
			 const struct cgroup_limits *to, struct error *error) must_check;
// The names of the two files; NULL for the second on v2.
const char *cgroup_limit_file(const struct cgroup *cgroup);
const char *cgroup_swap_limit_file(const struct cgroup *cgroup);
bool cgroup_limit_equal(struct cgroup_limit a, struct cgroup_limit b);
