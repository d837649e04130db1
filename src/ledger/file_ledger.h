// SPDX-License-Identifier: Apache-2.0
/*
 * The page cache of a cgroup by file, and its shared memory by mount and file.
 *
 * Each sums to what the kernel charges the cgroup for it (struct cgroup_stat), which tells no
 * names; the names come from struct file_cache. What is left over is a row of its own. Where the
 * kernel does not tell whose a page is, a file counts with all that it has in memory, marked as
 * estimated; should that be more than the cgroup has, the files stand beside the sum.
 *
 * Plain data in and out: runs anywhere, after the sandbox too.
 */
#pragma once

#include "ledger/ledger.h"
#include "system/cgroup.h"
#include "system/file_cache.h"

// total_key "cache". Rows: "cache.file.N" (label: the path), "cache.files" (the others that have a
// name), "cache.unnamed". Beside: "cache.logs" and "cache.logs.rotated", parts of the rows.
void cache_ledger_build(const struct file_cache *files, const struct cgroup_stat *stat,
			struct ledger *ledger);
// total_key "shmem". Rows: "shmem.mount.N" (label: the mount point) with "shmem.mount.N.file.M" and
// "shmem.mount.N.files", "shmem.unnamed".
void shmem_ledger_build(const struct file_cache *files, const struct cgroup_stat *stat,
			struct ledger *ledger);
