// SPDX-License-Identifier: Apache-2.0
// In: the cgroup's statistics and its processes. Out: rows that sum to its charge.
#include "ledger/cgroup_ledger.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "ledger/headroom.h"

enum { PROCESSES_SHOWN = 5 }; // each in a row of its own

// The main heap and the arenas of threads together: which of them it is, the process's own account
// says.
static void add_malloc_parts(struct ledger *ledger, const struct ledger *process)
{
	static const struct {
		const char *key, *label, *of_main, *of_arenas;
	} parts[] = {
		{"anon.malloc.used", "in use", "anon.malloc.main.used", "anon.malloc.arenas.used"},
		{"anon.malloc.free", "free, not given back", "anon.malloc.main.free",
		 "anon.malloc.arenas.free"},
		{"anon.malloc.rest", "not told apart", "anon.malloc.main.rest",
		 "anon.malloc.arenas.rest"},
		{"anon.malloc.mmapped", "large chunks, each with a mapping of its own",
		 "anon.malloc.mmapped", ""},
	};
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
		ledger_add(ledger, 3, parts[i].key, parts[i].label,
			   ledger_bytes(process, parts[i].of_main) +
				   ledger_bytes(process, parts[i].of_arenas),
			   0, "");
}

// The rows of the process's own account that are anonymous memory, one level deeper.
static int64_t add_own_rows(struct ledger *ledger, const struct cgroup_process *process)
{
	int64_t sum = 0;
	VEC_FOREACH (row, &process->ledger->rows) {
		if (row->depth != 1 ||
		    (strncmp(row->key, "go.", 3) != 0 && strncmp(row->key, "anon.", 5) != 0))
			continue;
		ledger_add(ledger, 2, row->key, row->label, row->bytes, row->flags, row->note);
		if (strcmp(row->key, "anon.malloc") == 0 && row->bytes)
			add_malloc_parts(ledger, process->ledger);
		sum += row->bytes;
	}
	return sum;
}

static void add_process(struct ledger *ledger, const struct cgroup_process *process)
{
	char key[64], label[128];
	snprintf(key, sizeof key, "anon.process.%d", process->pid);
	snprintf(label, sizeof label, "process %d (%.64s)", process->pid, process->name);
	ledger_add(ledger, 1, key, label, process->anon_bytes, 0, "");
	if (!process->ledger || !process->anon_bytes) // a row of 0 is left out, with its parts
		return;
	int64_t own = add_own_rows(ledger, process);
	ledger_add(ledger, 2, "anon.data", "written pages of mapped files",
		   process->anon_bytes - own, process->anon_bytes < own ? LEDGER_UNEXPLAINED : 0,
		   "the program's data");
}

// The processes that are not worth a row each, in one.
static int64_t add_smaller(struct ledger *ledger, const struct cgroup_process *processes,
			   size_t count)
{
	char label[64];
	int64_t sum = 0;
	for (size_t i = 0; i < count; i++)
		sum += processes[i].anon_bytes;
	snprintf(label, sizeof label, "%zu smaller processes", count);
	ledger_add(ledger, 1, "anon.processes", label, sum, 0, "");
	return sum;
}

static void add_anonymous(struct ledger *ledger, const struct cgroup_ledger_input *input)
{
	int64_t anon = known_or_zero(input->stat->anon_bytes), left = anon;
	ledger_add(ledger, 0, "anon", "anonymous memory of processes", anon, 0, "");
	if (!anon)
		return;
	size_t count = input->process_count, shown = count;
	if (count > PROCESSES_SHOWN + 1)
		shown = PROCESSES_SHOWN;
	for (size_t i = 0; i < shown; i++) {
		add_process(ledger, &input->processes[i]);
		left -= input->processes[i].anon_bytes;
	}
	left -= add_smaller(ledger, input->processes + shown, count - shown);
	ledger_add(ledger, 1, "anon.rest",
		   input->unseen_count ? "of processes that are not seen, or shared"
				       : "shared, or moved while it was read",
		   left, LEDGER_UNEXPLAINED, "");
}

static void add_cache(struct ledger *ledger, const struct cgroup_stat *stat)
{
	int64_t shmem = known_or_zero(stat->shmem_bytes),
		cache = known_or_zero(stat->file_bytes) - shmem;
	int64_t active = known_or_zero(stat->active_file_bytes),
		inactive = known_or_zero(stat->inactive_file_bytes);
	ledger_add(ledger, 0, "cache", "page cache of files", cache, LEDGER_RECLAIMABLE,
		   "taken back before a kill");
	if (cache) {
		ledger_add(ledger, 1, "cache.active", "page cache, active", active,
			   LEDGER_RECLAIMABLE, "");
		ledger_add(ledger, 1, "cache.inactive", "page cache, inactive", inactive,
			   LEDGER_RECLAIMABLE, "");
		ledger_add(ledger, 1, "cache.rest", "on no list", cache - active - inactive, 0,
			   "locked in memory, or on the way to a list");
	}
	ledger_add(ledger, 0, "shmem", "shared memory and tmpfs", shmem, 0,
		   "stays until its files are deleted");
}

struct part {
	const char *key, *label;
	size_t offset; // of the struct known_u64 in struct cgroup_stat
	unsigned int flags;
	const char *note;
};

#define STAT(field) offsetof(struct cgroup_stat, field)

static struct known_u64 part_value(const struct cgroup_stat *stat, const struct part *part)
{
	return *(const struct known_u64 *)((const char *)stat + part->offset);
}

static const struct part kernel_parts[] = {
	{"kernel.pagetables", "page tables", STAT(pagetables_bytes), 0, ""},
	{"kernel.pagetables.secondary", "page tables of virtual machines",
	 STAT(secondary_pagetables_bytes), 0, ""},
	{"kernel.stacks", "kernel stacks", STAT(kernel_stack_bytes), 0, "one a thread"},
	{"kernel.slab.reclaimable", "slab, reclaimable", STAT(slab_reclaimable_bytes),
	 LEDGER_RECLAIMABLE, "dentries and inodes"},
	{"kernel.slab.other", "slab, other", STAT(slab_unreclaimable_bytes), 0, ""},
	{"kernel.percpu", "per-CPU", STAT(percpu_bytes), 0, ""},
	{"kernel.vmalloc", "vmalloc", STAT(vmalloc_bytes), 0, ""},
	{"kernel.zswap", "compressed swap", STAT(zswap_bytes), 0, ""},
};

enum { KERNEL_PARTS = sizeof kernel_parts / sizeof kernel_parts[0] };

static int64_t told_kernel_bytes(const struct cgroup_stat *stat)
{
	int64_t told = 0;
	for (int i = 0; i < KERNEL_PARTS; i++)
		told += known_or_zero(part_value(stat, &kernel_parts[i]));
	return told;
}

// The sum is told by v1 always, by v2 since Linux 5.18.
static int64_t kernel_bytes(const struct cgroup_stat *stat)
{
	return stat->kernel_bytes.known ? known_or_zero(stat->kernel_bytes)
					: told_kernel_bytes(stat);
}

static void add_slab_parts(struct ledger *ledger, const struct cgroup_stat *stat)
{
	int64_t dentries = known_or_zero(stat->slab_dentries_bytes);
	int64_t inodes = known_or_zero(stat->slab_inodes_bytes);
	if (!dentries && !inodes)
		return;
	ledger_add(ledger, 2, "kernel.slab.dentries", "names of files (dentries)", dentries,
		   LEDGER_RECLAIMABLE, "");
	ledger_add(ledger, 2, "kernel.slab.inodes", "inodes", inodes, LEDGER_RECLAIMABLE, "");
}

static int64_t add_told_parts(struct ledger *ledger, const struct cgroup_stat *stat)
{
	for (int i = 0; i < KERNEL_PARTS; i++) {
		const struct part *part = &kernel_parts[i];
		ledger_add(ledger, 1, part->key, part->label, known_or_zero(part_value(stat, part)),
			   part->flags, part->note);
		if (part->offset == STAT(slab_reclaimable_bytes))
			add_slab_parts(ledger, stat);
	}
	return told_kernel_bytes(stat);
}

// v1 tells the sum alone: what its processes must have of it, by their own account.
static int64_t add_estimated_parts(struct ledger *ledger, const struct cgroup_ledger_input *input)
{
	enum { STACK_BYTES = 16384 }; // THREAD_SIZE of amd64
	int64_t tables = known_or_zero(input->page_table_bytes);
	int64_t threads = known_or_zero(input->thread_count);
	int64_t stacks = threads < INT64_MAX / STACK_BYTES ? threads * STACK_BYTES : 0;
	if (!input->stat->pagetables_bytes.known)
		ledger_add(ledger, 1, "kernel.pagetables", "page tables", tables, LEDGER_ESTIMATED,
			   "as its processes state them");
	if (!input->stat->kernel_stack_bytes.known)
		ledger_add(ledger, 1, "kernel.stacks", "kernel stacks", stacks, LEDGER_ESTIMATED,
			   "16 KiB a thread");
	return tables + stacks;
}

static void add_kernel(struct ledger *ledger, const struct cgroup_ledger_input *input)
{
	const struct cgroup_stat *stat = input->stat;
	bool v1 = input->version == CGROUP_V1;
	int64_t kernel = kernel_bytes(stat), told = 0;
	ledger_add(ledger, 0, "kernel", "kernel memory", kernel, 0,
		   stat->kernel_bytes.known ? "page tables, stacks, slab"
					    : "the sum of what this kernel tells");
	if (!kernel)
		return;
	if (v1)
		told = add_estimated_parts(ledger, input);
	told += add_told_parts(ledger, stat);
	if (told)
		ledger_add(ledger, 1, "kernel.rest", v1 ? "slab and other" : "other", kernel - told,
			   kernel < told ? LEDGER_UNEXPLAINED : 0,
			   v1 ? "not told apart by cgroup v1" : "");
}

static int64_t add_sockets(struct ledger *ledger, const struct cgroup_ledger_input *input)
{
	int64_t sock = known_or_zero(input->stat->sock_bytes);
	if (input->version == CGROUP_V2) {
		ledger_add(ledger, 0, "sock", "socket buffers", sock, 0, "");
		return sock;
	}
	ledger_add_beside(ledger, "sock", "socket buffers (TCP)", sock, 0,
			  "charged apart on cgroup v1, not to this limit");
	return 0;
}

// Pages that are in swap and in memory, and that no process has mapped: charged, but not anonymous
// memory. How many of the cached ones are mapped is not told.
static int64_t add_swapcache(struct ledger *ledger, const struct cgroup_stat *stat, int64_t left)
{
	int64_t cached = known_or_zero(stat->swapcached_bytes);
	int64_t bytes = left < cached ? left : cached;
	if (bytes <= 0)
		return 0;
	ledger_add(ledger, 0, "swapcache", "swap cache, mapped by nobody", bytes,
		   LEDGER_RECLAIMABLE | LEDGER_ESTIMATED, "has its copy in swap");
	return bytes;
}

static void add_limit(struct ledger *ledger, const char *key, const char *label,
		      struct cgroup_limit limit, const char *note)
{
	if (limit.known && !limit.unlimited)
		ledger_add_beside(ledger, key, label, known_or_zero(known(limit.bytes)), 0, note);
}

static const struct part beside_parts[] = {
	{"peak", "highest charge so far", STAT(peak_bytes), 0, ""},
	{"swap", "in swap", STAT(swap_bytes), 0, ""},
	{"swapcached", "in memory and in swap", STAT(swapcached_bytes), 0, ""},
	{"cache.dirty", "to be written", STAT(file_dirty_bytes), LEDGER_RECLAIMABLE,
	 "can be reclaimed once it is written"},
	{"cache.writeback", "being written", STAT(file_writeback_bytes), LEDGER_RECLAIMABLE, ""},
	{"cache.mapped", "mapped by processes", STAT(file_mapped_bytes), 0,
	 "files and shared memory"},
	{"unevictable", "locked in memory", STAT(unevictable_bytes), 0, "never reclaimed"},
	{"anon.huge", "huge pages of processes", STAT(anon_huge_bytes), 0, ""},
	{"cache.huge", "huge pages of files", STAT(file_huge_bytes), 0, ""},
	{"shmem.huge", "huge pages of shared memory", STAT(shmem_huge_bytes), 0, ""},
};

static void add_beside(struct ledger *ledger, const struct cgroup_stat *stat)
{
	add_limit(ledger, "limit", "its own limit", stat->limit, "");
	add_limit(ledger, "limit.effective", "the smallest limit, its own or above it",
		  stat->effective_limit,
		  stat->effective_limit_path ? stat->effective_limit_path : "");
	add_limit(ledger, "limit.high", "memory.high", stat->high,
		  "allocation is slowed down there");
	add_limit(ledger, "limit.soft", "soft limit", stat->soft_limit, "");
	add_limit(ledger, "limit.swap", "limit of swap", stat->swap_limit, "");
	add_limit(ledger, "limit.memory_and_swap", "limit of memory and swap", stat->memsw_limit,
		  "");
	ledger_add_beside(ledger, "reclaimable", "what the kernel takes back before it kills",
			  headroom_reclaimable_bytes(stat), LEDGER_RECLAIMABLE, "");
	for (size_t i = 0; i < sizeof beside_parts / sizeof beside_parts[0]; i++)
		ledger_add_beside(ledger, beside_parts[i].key, beside_parts[i].label,
				  known_or_zero(part_value(stat, &beside_parts[i])),
				  beside_parts[i].flags, beside_parts[i].note);
}

void cgroup_ledger_build(const struct cgroup_ledger_input *input, struct ledger *out)
{
	struct ledger ledger = {.total_key = "usage", .total_label = "charged to the cgroup"};
	const struct cgroup_stat *stat = input->stat;
	add_anonymous(&ledger, input);
	add_cache(&ledger, stat);
	add_kernel(&ledger, input);
	int64_t explained = known_or_zero(stat->anon_bytes) + known_or_zero(stat->file_bytes) +
			    kernel_bytes(stat) + known_or_zero(stat->hugetlb_bytes);
	explained += add_sockets(&ledger, input);
	ledger_add(&ledger, 0, "hugetlb", "huge pages of hugetlbfs",
		   known_or_zero(stat->hugetlb_bytes), 0, "");
	ledger.total_bytes = stat->counts.usage_bytes.known
				     ? known_or_zero(stat->counts.usage_bytes)
				     : explained;
	explained += add_swapcache(&ledger, stat, ledger.total_bytes - explained);
	ledger_add(&ledger, 0, "unexplained", "unexplained", ledger.total_bytes - explained,
		   LEDGER_UNEXPLAINED, "charged ahead by the CPUs, or moved while it was read");
	add_beside(&ledger, stat);
	*out = ledger;
}
