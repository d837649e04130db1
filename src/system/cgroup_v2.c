// SPDX-License-Identifier: Apache-2.0
// In: the files of a v2 cgroup with the memory controller. Out: the common account.
// Linux mm/memcontrol.c.
#include "system/cgroup_priv.h"

#define STAT(field)  offsetof(struct cgroup_stat, field)
#define EVENT(field) offsetof(struct cgroup_sample, field)

static const struct text_row stat_rows[] = {
	{"anon", STAT(anon_bytes)},
	{"file", STAT(file_bytes)},
	{"shmem", STAT(shmem_bytes)},
	{"file_mapped", STAT(file_mapped_bytes)},
	{"file_dirty", STAT(file_dirty_bytes)},
	{"file_writeback", STAT(file_writeback_bytes)},
	{"anon_thp", STAT(anon_huge_bytes)},
	{"file_thp", STAT(file_huge_bytes)},
	{"shmem_thp", STAT(shmem_huge_bytes)},
	{"swapcached", STAT(swapcached_bytes)},
	{"active_anon", STAT(active_anon_bytes)},
	{"inactive_anon", STAT(inactive_anon_bytes)},
	{"active_file", STAT(active_file_bytes)},
	{"inactive_file", STAT(inactive_file_bytes)},
	{"unevictable", STAT(unevictable_bytes)},
	{"kernel", STAT(kernel_bytes)},
	{"kernel_stack", STAT(kernel_stack_bytes)},
	{"pagetables", STAT(pagetables_bytes)},
	{"sec_pagetables", STAT(secondary_pagetables_bytes)},
	{"zswap", STAT(zswap_bytes)},
	{"hugetlb", STAT(hugetlb_bytes)},
	{"percpu", STAT(percpu_bytes)},
	{"vmalloc", STAT(vmalloc_bytes)},
	{"slab_reclaimable", STAT(slab_reclaimable_bytes)},
	{"slab_unreclaimable", STAT(slab_unreclaimable_bytes)},
	{"sock", STAT(sock_bytes)},
	{"pgfault", STAT(page_faults)},
	{"pgmajfault", STAT(major_faults)},
};

static const struct text_row event_rows[] = {
	{"high", EVENT(high_hits)},
	{"max", EVENT(limit_hits)},
	{"oom", EVENT(oom_count)},
	{"oom_kill", EVENT(oom_kill_count)},
	{"oom_group_kill", EVENT(oom_group_kill_count)},
};

static bool stat_more(struct cgroup *cgroup, struct cgroup_stat *stat, struct error *error)
{
	char text[CGROUP_TEXT_MAX];
	struct cgroup_sample local = {0};
	if (!cgroup_read_limit(cgroup, FILE_HIGH, &stat->high, error) ||
	    !cgroup_read_limit(cgroup, FILE_SWAP_LIMIT, &stat->swap_limit, error) ||
	    !cgroup_read_number(cgroup, FILE_SWAP, &stat->swap_bytes, error) ||
	    !cgroup_read_number(cgroup, FILE_OOM_GROUP, &stat->oom_group, error) ||
	    !cgroup_read_text(cgroup, FILE_LOCAL_EVENTS, text, error) ||
	    !cgroup_events_parse(CGROUP_V2, text, &local, error))
		return false;
	stat->local_oom_kill_count = local.oom_kill_count;
	return true;
}

const struct cgroup_kind cgroup_kind_v2 = {
	.version = CGROUP_V2,
	.files =
		{
			[FILE_USAGE] = "memory.current",
			[FILE_STAT] = "memory.stat",
			[FILE_LIMIT] = "memory.max",
			[FILE_PEAK] = "memory.peak",
			[FILE_EVENTS] = "memory.events",
			[FILE_HIGH] = "memory.high",
			[FILE_SWAP] = "memory.swap.current",
			[FILE_SWAP_LIMIT] = "memory.swap.max",
			[FILE_LOCAL_EVENTS] = "memory.events.local",
			[FILE_OOM_GROUP] = "memory.oom.group",
		},
	.stat_rows = stat_rows,
	.stat_row_count = sizeof stat_rows / sizeof stat_rows[0],
	.event_rows = event_rows,
	.event_row_count = sizeof event_rows / sizeof event_rows[0],
	.stat_more = stat_more,
};
