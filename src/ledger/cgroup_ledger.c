// SPDX-License-Identifier: Apache-2.0
// In: the cgroup's statistics and its processes. Out: rows that sum to its charge.
#include "ledger/cgroup_ledger.h"

#include <stdio.h>
#include <string.h>

enum { PROCESSES_SHOWN = 5 }; // each in a row of its own

static int64_t value(struct known_u64 number)
{
	return number.known ? (int64_t)number.value : 0;
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
	int64_t anon = value(input->stat->anon_bytes), left = anon;
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
	ledger_add(ledger, 1, "anon.rest", "shared, or moved while it was read", left,
		   LEDGER_UNEXPLAINED, "");
}

static void add_cache(struct ledger *ledger, const struct cgroup_stat *stat)
{
	int64_t shmem = value(stat->shmem_bytes), cache = value(stat->file_bytes) - shmem;
	int64_t active = value(stat->active_file_bytes),
		inactive = value(stat->inactive_file_bytes);
	ledger_add(ledger, 0, "cache", "page cache of files", cache, LEDGER_RECLAIMABLE,
		   "taken back before a kill");
	if (cache) {
		ledger_add(ledger, 1, "cache.active", "active", active, LEDGER_RECLAIMABLE, "");
		ledger_add(ledger, 1, "cache.inactive", "inactive", inactive, LEDGER_RECLAIMABLE,
			   "");
		ledger_add(ledger, 1, "cache.rest", "on no list yet", cache - active - inactive, 0,
			   "");
	}
	ledger_add(ledger, 0, "shmem", "shared memory and tmpfs", shmem, 0, "");
}

static void add_kernel(struct ledger *ledger, const struct cgroup_stat *stat)
{
	int64_t kernel = value(stat->kernel_bytes);
	int64_t stacks = value(stat->kernel_stack_bytes), tables = value(stat->pagetables_bytes);
	int64_t percpu = value(stat->percpu_bytes), vmalloc = value(stat->vmalloc_bytes);
	int64_t reclaimable = value(stat->slab_reclaimable_bytes);
	int64_t unreclaimable = value(stat->slab_unreclaimable_bytes);
	int64_t told = stacks + tables + percpu + vmalloc + reclaimable + unreclaimable;
	ledger_add(ledger, 0, "kernel", "kernel memory", kernel, 0, "page tables, stacks, slab");
	if (!told || !kernel)
		return;
	ledger_add(ledger, 1, "kernel.pagetables", "page tables", tables, 0, "");
	ledger_add(ledger, 1, "kernel.stacks", "kernel stacks", stacks, 0, "");
	ledger_add(ledger, 1, "kernel.slab.reclaimable", "slab, reclaimable", reclaimable,
		   LEDGER_RECLAIMABLE, "dentries and inodes");
	ledger_add(ledger, 1, "kernel.slab.other", "slab, other", unreclaimable, 0, "");
	ledger_add(ledger, 1, "kernel.percpu", "per-CPU", percpu, 0, "");
	ledger_add(ledger, 1, "kernel.vmalloc", "vmalloc", vmalloc, 0, "");
	ledger_add(ledger, 1, "kernel.rest", "other", kernel - told, 0, "");
}

void cgroup_ledger_build(const struct cgroup_ledger_input *input, struct ledger *out)
{
	struct ledger ledger = {.total_key = "usage", .total_label = "charged to the cgroup"};
	const struct cgroup_stat *stat = input->stat;
	ledger.total_bytes = value(stat->counts.usage_bytes);
	add_anonymous(&ledger, input);
	add_cache(&ledger, stat);
	add_kernel(&ledger, stat);
	int64_t explained =
		value(stat->anon_bytes) + value(stat->file_bytes) + value(stat->kernel_bytes);
	if (input->version == CGROUP_V2) { // v1 charges sockets apart
		ledger_add(&ledger, 0, "sock", "socket buffers", value(stat->sock_bytes), 0, "");
		explained += value(stat->sock_bytes);
	}
	ledger_add(&ledger, 0, "unexplained", "unexplained", ledger.total_bytes - explained,
		   LEDGER_UNEXPLAINED, "charged ahead by the CPUs, or moved while it was read");
	*out = ledger;
}
