// SPDX-License-Identifier: Apache-2.0
/*
 * One process and its cgroup as each tool shows them, and what lies between two tools' numbers.
 *
 * Every number is a sum of the same few parts, so neighbours in the table differ by parts that have
 * names. The parts of a view sum to its bytes exactly; where the kernel's own counters disagree,
 * there is a part "unexplained".
 *
 * Formulas: runtime/mstats.go; proc_pid_status(5), proc_pid_smaps(5); cAdvisor's
 * container_memory_working_set_bytes and docker stats (usage less inactive_file).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct view_facts {
	bool has_go, has_sampled, has_process, has_cgroup;
	// Go: what the runtime says of itself, and what of it is resident.
	int64_t sampled_bytes; // the heap profile's inuse_space
	int64_t heap_alloc, heap_inuse, heap_idle, heap_released, stack_sys, sys;
	int64_t go_resident_bytes;
	// The process, from smaps.
	int64_t rss_bytes, pss_bytes, anon_bytes, shmem_bytes;
	// Its cgroup; `file` includes `shmem`, as the kernel counts.
	int64_t usage_bytes, cgroup_anon_bytes, file_bytes, inactive_file_bytes, cgroup_shmem_bytes;
	int64_t kernel_bytes, sock_bytes; // of the usage; sock 0 on v1, which charges it apart
};

enum view_part {
	VIEW_SAMPLED,
	VIEW_NOT_SAMPLED,
	VIEW_FREE_SLOTS,
	VIEW_IDLE,
	VIEW_RELEASED,
	VIEW_GO_STACKS,
	VIEW_GO_METADATA,
	VIEW_UNTOUCHED, // negative, as a rule
	VIEW_NOT_GO,
	VIEW_MAPPED_FILES,
	VIEW_PROCESS_SHMEM,
	VIEW_SHARED_AWAY, // negative
	VIEW_OTHER_PROCESSES,
	VIEW_KERNEL,
	VIEW_SOCKETS,
	VIEW_UNEXPLAINED,
	VIEW_CACHE_ACTIVE,
	VIEW_SHMEM,
	VIEW_CACHE_INACTIVE,
	VIEW_PART_COUNT
};

struct view {
	const char *key;     // "top_res"
	const char *tools;   // "top RES, ps RSS, VmRSS"
	const char *formula; // in the words of the kernel's and the runtime's own fields
	uint32_t parts;      // bits of enum view_part
	int64_t bytes;
};

enum { VIEWS_MAX = 16 };

struct views {
	struct view items[VIEWS_MAX]; // from the innermost number to the outermost
	size_t count;
	int64_t part_bytes[VIEW_PART_COUNT];
};

void views_build(const struct view_facts *facts, struct views *views);
const char *view_part_label(enum view_part part);
// The bytes that `part` adds (or takes away) on the way from view `index - 1` to view `index`.
int64_t view_step(const struct views *views, size_t index, enum view_part part);
