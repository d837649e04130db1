// SPDX-License-Identifier: Apache-2.0
/*
 * The memory cgroup of a container: one interface for v1 and v2.
 *
 * cgroup_open opens every file once; after that sampling needs no privileges and no paths. What
 * this kernel or this version does not tell is not known, which is not zero.
 *
 * Two things differ between the versions. On v1 `sock_bytes` is charged apart, so it is no part
 * of the usage, and counted only where memory.kmem.tcp.limit_in_bytes was set; and the parts of the
 * kernel's memory (slab, stacks, page tables) are not told, only their sum in `kernel_bytes`.
 * `file_bytes` includes `shmem_bytes` on both.
 *
 * Follows Linux Documentation/admin-guide/cgroup-v1/memory.rst and cgroup-v2.rst.
 */
#pragma once

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/vec.h"
#include "system/known.h"

#define CGROUP_DEPTH_MAX  64
#define CGROUP_PIDS_LIMIT 1000000

enum cgroup_version { CGROUP_V1 = 1, CGROUP_V2 = 2 };

struct cgroup_place {
	enum cgroup_version version;
	char path[PATH_MAX]; // the directory
	char name[PATH_MAX]; // within the hierarchy, as the kernel's log names it; "/" is the root
};

// Where the memory of `pid` is charged: /proc/PID/cgroup below `proc_root`, and `mountinfo_path`
// ("/proc/self/mountinfo") for where this process sees the hierarchy. Where the memory controller
// is mounted on v1, v1 is what counts. ERROR_NOT_FOUND where there is no memory controller or it
// is not mounted here.
bool cgroup_find(const char *proc_root, const char *mountinfo_path, pid_t pid,
		 struct cgroup_place *place, struct error *error) must_check;

// The top of the hierarchy that carries the memory controller, as far as it is mounted here.
bool cgroup_find_top(const char *proc_root, const char *mountinfo_path, struct cgroup_place *place,
		     struct error *error) must_check;

struct cgroup;

bool cgroup_open(const char *path, struct cgroup **cgroup, struct error *error) must_check;
void cgroup_close(struct cgroup *cgroup); // NULL is allowed
enum cgroup_version cgroup_get_version(const struct cgroup *cgroup);
const char *cgroup_get_path(const struct cgroup *cgroup);
int cgroup_get_dir(const struct cgroup *cgroup); // borrowed descriptor of the directory
// True once the cgroup was removed. Reading it then fails with ENODEV or ENOENT.
bool cgroup_gone(const struct cgroup *cgroup);

// The cheapest there is. False once the cgroup was removed.
bool cgroup_usage(struct cgroup *cgroup, int64_t *bytes);

// Cheap: for polling many times a second.
struct cgroup_sample {
	struct known_u64 usage_bytes;
	struct known_u64 limit_hits; // v1 failcnt; v2 events.max
	struct known_u64 high_hits;  // v2 events.high
	struct known_u64 oom_count, oom_kill_count, oom_group_kill_count;
	struct known_u64 under_oom, oom_kill_disabled; // v1: 0 or 1
};

bool cgroup_sample(struct cgroup *cgroup, struct cgroup_sample *sample,
		   struct error *error) must_check;

struct cgroup_limit {
	bool known;
	bool unlimited; // explicit; `bytes` is then 0
	uint64_t bytes;
};

struct cgroup_stat {
	struct cgroup_sample counts;
	struct cgroup_limit limit, high, swap_limit; // its own
	struct cgroup_limit soft_limit;              // v1
	struct cgroup_limit memsw_limit;             // v1: of memory and swap together
	struct known_u64 memsw_usage_bytes;          // v1
	// The smallest limit of this cgroup and those above it. The path is that of the cgroup that
	// has it, borrowed until cgroup_close; NULL when it lies above what is mounted here.
	struct cgroup_limit effective_limit;
	const char *effective_limit_path;
	struct known_u64 peak_bytes;
	struct known_u64 swap_bytes;
	struct known_u64 oom_group;            // v2: 0 or 1
	struct known_u64 local_oom_kill_count; // v2: without the cgroups below
	struct known_u64 anon_bytes, file_bytes, shmem_bytes;
	struct known_u64 file_mapped_bytes, file_dirty_bytes, file_writeback_bytes;
	struct known_u64 anon_huge_bytes, file_huge_bytes, shmem_huge_bytes;
	struct known_u64 swapcached_bytes; // in memory and in swap; mapped (then anon too) or not
	struct known_u64 active_anon_bytes, inactive_anon_bytes;
	struct known_u64 active_file_bytes, inactive_file_bytes, unevictable_bytes;
	struct known_u64 kernel_bytes; // the sum: v1 kmem, v2 kernel
	struct known_u64 kernel_stack_bytes, pagetables_bytes, percpu_bytes, vmalloc_bytes;
	struct known_u64 secondary_pagetables_bytes; // of virtual machines
	struct known_u64 zswap_bytes;                // compressed swap, part of the kernel's
	// v1: only where memory.kmem.slabinfo still says it (before Linux 5.9), without the cgroups
	// below.
	struct known_u64 slab_reclaimable_bytes, slab_unreclaimable_bytes;
	struct known_u64 slab_dentries_bytes, slab_inodes_bytes; // v1 likewise; of the reclaimable
	struct known_u64 hugetlb_bytes; // v2, where huge pages are charged to the memory controller
	struct known_u64 sock_bytes;
	struct known_u64 page_faults, major_faults;
	struct known_u64 hierarchical_limit; // v1, raw; used for effective_limit
};

bool cgroup_stat(struct cgroup *cgroup, struct cgroup_stat *stat, struct error *error) must_check;

// The cgroup itself is level 0, its parent level 1, up to where limits end or the mount does. Their
// statistics have the usage, memory.stat, memory.high, swap and the limit; nothing else is known.
size_t cgroup_count_levels(const struct cgroup *cgroup);
const char *cgroup_get_level_path(struct cgroup *cgroup, size_t level); // borrowed
bool cgroup_stat_level(struct cgroup *cgroup, size_t level, struct cgroup_stat *stat,
		       struct error *error) must_check;

struct cgroup_pids {
	VEC(pid_t) list; // 0 stands for a process of another pid namespace
};

// The processes of this cgroup and of those below it. Opens files: before privileges go.
bool cgroup_read_pids(struct cgroup *cgroup, struct cgroup_pids *pids,
		      struct error *error) must_check;
void cgroup_pids_deinit(struct cgroup_pids *pids);

// v1 only: an eventfd that fires when the cgroup runs out of memory, and when it is removed.
bool cgroup_watch_oom(struct cgroup *cgroup, int *event_fd, struct error *error) must_check;
// v1 only: an eventfd that fires when the usage crosses `bytes`, up or down.
bool cgroup_watch_usage(struct cgroup *cgroup, uint64_t bytes, int *event_fd,
			struct error *error) must_check;

// The parsers, for text alone.
bool cgroup_stat_parse(enum cgroup_version version, const char *text, struct cgroup_stat *stat,
		       struct error *error) must_check;
bool cgroup_events_parse(enum cgroup_version version, const char *text,
			 struct cgroup_sample *sample, struct error *error) must_check;
// memory.kmem.slabinfo: "" and a text without tables leave everything unknown.
bool cgroup_slabinfo_parse(const char *text, struct cgroup_stat *stat,
			   struct error *error) must_check;
bool cgroup_limit_parse(const char *text, struct cgroup_limit *limit,
			struct error *error) must_check;
