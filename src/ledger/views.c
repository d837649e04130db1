// SPDX-License-Identifier: Apache-2.0
// In: the figures of runtime, process and cgroup. Out: each tool's number as a sum of named parts.
#include "ledger/views.h"

#include "base/i18n.h"
#define PART(name) (1u << VIEW_##name)

enum view_needs { NEEDS_SAMPLED = 1, NEEDS_GO = 2, NEEDS_PROCESS = 4, NEEDS_CGROUP = 8 };

#define HEAP_ALLOC (PART(SAMPLED) | PART(NOT_SAMPLED))
#define HEAP_INUSE (HEAP_ALLOC | PART(FREE_SLOTS))
#define HEAP_SYS   (HEAP_INUSE | PART(IDLE) | PART(RELEASED))
#define GO_SYS     (HEAP_SYS | PART(GO_STACKS) | PART(GO_METADATA))
#define ANON       ((GO_SYS & ~PART(RELEASED)) | PART(UNTOUCHED) | PART(NOT_GO))
#define RSS        (ANON | PART(MAPPED_FILES) | PART(PROCESS_SHMEM))
#define GROUP_ANON (ANON | PART(OTHER_PROCESSES))
#define NO_CACHE   (GROUP_ANON | PART(KERNEL) | PART(SOCKETS) | PART(UNEXPLAINED))
#define WORKING    (NO_CACHE | PART(CACHE_ACTIVE) | PART(SHMEM))

static const struct {
	struct view view;
	unsigned int needs;
} table[] = {
	{{"pprof_inuse", N_("go tool pprof inuse_space"),
	  N_("sampled objects of the last collections, scaled up"), PART(SAMPLED), 0},
	 NEEDS_GO | NEEDS_SAMPLED},
	{{"heap_alloc", "MemStats.HeapAlloc", N_("objects, live or not yet swept"), HEAP_ALLOC, 0},
	 NEEDS_GO},
	{{"heap_inuse", "MemStats.HeapInuse", N_("spans with at least one object"), HEAP_INUSE, 0},
	 NEEDS_GO},
	{{"heap_sys", "MemStats.HeapSys",
	  N_("HeapInuse + HeapIdle, of it HeapReleased is not resident"), HEAP_SYS, 0},
	 NEEDS_GO},
	{{"sys", "MemStats.Sys", N_("HeapSys + StackSys + MSpan + MCache + BuckHash + GC + Other"),
	  GO_SYS, 0},
	 NEEDS_GO},
	{{"top_res", "top RES, ps RSS, VmRSS", N_("pages in memory: RssAnon + RssFile + RssShmem"),
	  RSS, 0},
	 NEEDS_PROCESS},
	{{"pss", "smaps PSS, smem", N_("RSS, shared pages divided by those who share"),
	  RSS | PART(SHARED_AWAY), 0},
	 NEEDS_PROCESS},
	{{"container_rss", "container_memory_rss", N_("memory.stat anon (v1 total_rss)"),
	  GROUP_ANON, 0},
	 NEEDS_PROCESS | NEEDS_CGROUP},
	{{"usage_less_cache", N_("graphs of usage - cache"),
	  N_("usage - memory.stat file (v1 total_cache)"), NO_CACHE, 0},
	 NEEDS_PROCESS | NEEDS_CGROUP},
	{{"working_set", N_("kubectl top, docker stats, cAdvisor working set"),
	  N_("usage - inactive_file (v1 total_inactive_file)"), WORKING, 0},
	 NEEDS_PROCESS | NEEDS_CGROUP},
	{{"usage", N_("the container's charge, graphs of usage"),
	  N_("memory.current (v1 memory.usage_in_bytes)"), WORKING | PART(CACHE_INACTIVE), 0},
	 NEEDS_PROCESS | NEEDS_CGROUP},
};

const char *view_part_label(enum view_part part)
{
	static const char *const labels[VIEW_PART_COUNT] = {
		[VIEW_SAMPLED] = N_("objects that the profile knows"),
		[VIEW_NOT_SAMPLED] =
			N_("garbage, what was allocated since, and the sampling's error"),
		[VIEW_FREE_SLOTS] = N_("free slots inside spans"),
		[VIEW_IDLE] = N_("heap idle, kept for later"),
		[VIEW_RELEASED] = N_("heap returned to the kernel: addresses without memory"),
		[VIEW_GO_STACKS] = N_("goroutine stacks"),
		[VIEW_GO_METADATA] = N_("runtime metadata"),
		[VIEW_UNTOUCHED] = N_("taken by Go and never touched: not resident"),
		[VIEW_NOT_GO] = N_("anonymous memory that is not Go's (C, mmap, written data)"),
		[VIEW_MAPPED_FILES] = N_("mapped files: binary, libraries, data"),
		[VIEW_PROCESS_SHMEM] = N_("shared memory that the process maps"),
		[VIEW_SHARED_AWAY] = N_("the part that others share"),
		[VIEW_OTHER_PROCESSES] = N_("other processes of the cgroup, less what they share"),
		[VIEW_KERNEL] = N_("kernel memory: page tables, stacks, slab"),
		[VIEW_SOCKETS] = N_("socket buffers"),
		[VIEW_UNEXPLAINED] = N_("unexplained: charged ahead, or moved while it was read"),
		[VIEW_CACHE_ACTIVE] = N_("page cache, active"),
		[VIEW_SHMEM] = N_("shared memory and tmpfs"),
		[VIEW_CACHE_INACTIVE] = N_("page cache, inactive: taken back before a kill"),
	};
	return part < VIEW_PART_COUNT ? labels[part] : "";
}

// Without Go, all of the anonymous memory is "not Go's".
static void fill_process(const struct view_facts *facts, int64_t *parts)
{
	int64_t go = 0;
	if (facts->has_go) {
		int64_t kept = facts->sys - facts->heap_released;
		go = facts->go_resident_bytes;
		parts[VIEW_SAMPLED] = facts->has_sampled ? facts->sampled_bytes : 0;
		parts[VIEW_NOT_SAMPLED] = facts->heap_alloc - parts[VIEW_SAMPLED];
		parts[VIEW_FREE_SLOTS] = facts->heap_inuse - facts->heap_alloc;
		parts[VIEW_IDLE] = facts->heap_idle - facts->heap_released;
		parts[VIEW_RELEASED] = facts->heap_released;
		parts[VIEW_GO_STACKS] = facts->stack_sys;
		parts[VIEW_GO_METADATA] =
			facts->sys - facts->heap_inuse - facts->heap_idle - facts->stack_sys;
		parts[VIEW_UNTOUCHED] = facts->has_process ? go - kept : 0;
	}
	if (!facts->has_process)
		return;
	parts[VIEW_NOT_GO] = facts->anon_bytes - go;
	parts[VIEW_MAPPED_FILES] = facts->rss_bytes - facts->anon_bytes - facts->shmem_bytes;
	parts[VIEW_PROCESS_SHMEM] = facts->shmem_bytes;
	parts[VIEW_SHARED_AWAY] = facts->pss_bytes - facts->rss_bytes;
}

static void fill_cgroup(const struct view_facts *facts, int64_t *parts)
{
	parts[VIEW_OTHER_PROCESSES] = facts->cgroup_anon_bytes - facts->anon_bytes;
	parts[VIEW_KERNEL] = facts->kernel_bytes;
	parts[VIEW_SOCKETS] = facts->sock_bytes;
	parts[VIEW_SHMEM] = facts->cgroup_shmem_bytes;
	parts[VIEW_CACHE_INACTIVE] = facts->inactive_file_bytes;
	parts[VIEW_CACHE_ACTIVE] =
		facts->file_bytes - facts->cgroup_shmem_bytes - facts->inactive_file_bytes;
	parts[VIEW_UNEXPLAINED] = facts->usage_bytes - facts->cgroup_anon_bytes -
				  facts->file_bytes - facts->kernel_bytes - facts->sock_bytes;
}

static bool has(uint32_t parts, enum view_part part)
{
	return parts >> part & 1;
}

void views_build(const struct view_facts *facts, struct views *out)
{
	unsigned int known =
		(facts->has_sampled ? NEEDS_SAMPLED : 0) | (facts->has_go ? NEEDS_GO : 0) |
		(facts->has_process ? NEEDS_PROCESS : 0) | (facts->has_cgroup ? NEEDS_CGROUP : 0);
	struct views views = {0};
	fill_process(facts, views.part_bytes);
	if (facts->has_cgroup)
		fill_cgroup(facts, views.part_bytes);
	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		struct view view = table[i].view;
		if (table[i].needs & ~known)
			continue;
		for (enum view_part part = 0; part < VIEW_PART_COUNT; part++)
			view.bytes += has(view.parts, part) ? views.part_bytes[part] : 0;
		views.items[views.count++] = view;
	}
	*out = views;
}

int64_t view_step(const struct views *views, size_t index, enum view_part part)
{
	bool before = index && has(views->items[index - 1].parts, part);
	bool now = has(views->items[index].parts, part);
	return (now - before) * views->part_bytes[part];
}
