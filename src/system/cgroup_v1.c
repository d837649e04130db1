// SPDX-License-Identifier: Apache-2.0
// In: the files of a v1 memory cgroup. Out: the common account, and the two event descriptors that
// only v1 has. Linux mm/memcontrol-v1.c.
#include "system/cgroup_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"

#define STAT(field)  offsetof(struct cgroup_stat, field)
#define EVENT(field) offsetof(struct cgroup_sample, field)

// The total_* values, since usage and limit also cover the cgroups below.
static const struct text_row stat_rows[] = {
	{"total_rss", STAT(anon_bytes)},
	{"total_cache", STAT(file_bytes)},
	{"total_shmem", STAT(shmem_bytes)},
	{"total_mapped_file", STAT(file_mapped_bytes)},
	{"total_dirty", STAT(file_dirty_bytes)},
	{"total_writeback", STAT(file_writeback_bytes)},
	{"total_rss_huge", STAT(anon_huge_bytes)},
	{"total_swap", STAT(swap_bytes)},
	{"total_swapcached", STAT(swapcached_bytes)},
	{"total_active_anon", STAT(active_anon_bytes)},
	{"total_inactive_anon", STAT(inactive_anon_bytes)},
	{"total_active_file", STAT(active_file_bytes)},
	{"total_inactive_file", STAT(inactive_file_bytes)},
	{"total_unevictable", STAT(unevictable_bytes)},
	{"total_pgfault", STAT(page_faults)},
	{"total_pgmajfault", STAT(major_faults)},
	{"hierarchical_memory_limit", STAT(hierarchical_limit)},
};

static const struct text_row event_rows[] = {
	{"oom_kill_disable", EVENT(oom_kill_disabled)},
	{"under_oom", EVENT(under_oom)},
	{"oom_kill", EVENT(oom_kill_count)},
};

// How much of a v1 cgroup's slab memory is which, by the names of the caches that go when the
// kernel needs memory. What a page of slab is on: 4 KiB pages, as everywhere where v1 has this
// file.
static struct known_u64 *slab_kind(struct cgroup_stat *stat, const struct text *name)
{
	if (text_equals(name, "dentry"))
		return &stat->slab_dentries_bytes;
	return text_find(name, "inode_cache") ? &stat->slab_inodes_bytes : NULL;
}

static void add_slab(struct known_u64 *sum, uint64_t bytes)
{
	if (__builtin_add_overflow(sum->value, bytes, &sum->value))
		sum->value = UINT64_MAX;
	sum->known = true;
}

// "name active objs objsize objs/slab PAGES/SLAB : tunables a b c : slabdata ACTIVE SLABS shared"
static bool take_slab(struct text line, struct cgroup_stat *stat)
{
	struct text name = text_word(&line), word = {0};
	uint64_t pages_per_slab = 0, slabs = 0, bytes;
	for (int i = 1; i <= 15; i++) {
		word = text_word(&line);
		uint64_t *value = i == 5 ? &pages_per_slab : i == 14 ? &slabs : NULL;
		if (value && (!text_u64(&word, value) || !text_empty(&word)))
			return false;
	}
	if (__builtin_mul_overflow(pages_per_slab, slabs, &bytes) ||
	    __builtin_mul_overflow(bytes, (uint64_t)sysconf(_SC_PAGESIZE), &bytes))
		return false;
	struct known_u64 *kind = slab_kind(stat, &name);
	if (kind)
		add_slab(kind, bytes);
	add_slab(kind ? &stat->slab_reclaimable_bytes : &stat->slab_unreclaimable_bytes, bytes);
	return true;
}

bool cgroup_slabinfo_parse(const char *buffer, struct cgroup_stat *stat, struct error *error)
{
	struct cgroup_stat parsed = *stat;
	struct text all = text_over(buffer), line;
	while (text_line(&all, &line))
		if (!text_skip(&line, "#") && !text_skip(&line, "slabinfo") &&
		    !take_slab(line, &parsed))
			return error_set(error, ERROR_BAD_DATA,
					 "memory.kmem.slabinfo: not a line of slabinfo");
	if (!text_check_end(&all, "memory.kmem.slabinfo", error))
		return false;
	*stat = parsed;
	return true;
}

// Kernels that have the file but no longer fill it leave it empty. It is a detail: what cannot be
// read, or is longer than we read, is not known.
static void read_slabinfo(struct cgroup *cgroup, struct cgroup_stat *stat)
{
	char text[CGROUP_TEXT_MAX];
	if (cgroup_read_text(cgroup, FILE_SLABINFO, text, NULL))
		(void)!cgroup_slabinfo_parse(text, stat, NULL);
}

// The kernel counts a cgroup's sockets only once they were given a limit, and says 0 otherwise.
static bool read_sockets(struct cgroup *cgroup, struct cgroup_stat *stat, struct error *error)
{
	struct known_u64 bytes = {0};
	struct cgroup_limit limit = {0};
	if (!cgroup_read_number(cgroup, FILE_SOCK, &bytes, error) ||
	    !cgroup_read_limit(cgroup, FILE_SOCK_LIMIT, &limit, error))
		return false;
	if (bytes.known && (bytes.value || (limit.known && !limit.unlimited)))
		stat->sock_bytes = bytes;
	return true;
}

static bool stat_more(struct cgroup *cgroup, struct cgroup_stat *stat, struct error *error)
{
	read_slabinfo(cgroup, stat);
	return cgroup_read_number(cgroup, FILE_KERNEL, &stat->kernel_bytes, error) &&
	       read_sockets(cgroup, stat, error) &&
	       cgroup_read_number(cgroup, FILE_MEMSW_USAGE, &stat->memsw_usage_bytes, error) &&
	       cgroup_read_limit(cgroup, FILE_MEMSW_LIMIT, &stat->memsw_limit, error) &&
	       cgroup_read_limit(cgroup, FILE_SOFT_LIMIT, &stat->soft_limit, error);
}

const struct cgroup_kind cgroup_kind_v1 = {
	.version = CGROUP_V1,
	.files =
		{
			[FILE_USAGE] = "memory.usage_in_bytes",
			[FILE_STAT] = "memory.stat",
			[FILE_LIMIT] = "memory.limit_in_bytes",
			[FILE_PEAK] = "memory.max_usage_in_bytes",
			[FILE_EVENTS] = "memory.oom_control",
			[FILE_LIMIT_HITS] = "memory.failcnt",
			[FILE_KERNEL] = "memory.kmem.usage_in_bytes",
			[FILE_SOCK] = "memory.kmem.tcp.usage_in_bytes",
			[FILE_SOCK_LIMIT] = "memory.kmem.tcp.limit_in_bytes",
			[FILE_SOFT_LIMIT] = "memory.soft_limit_in_bytes",
			[FILE_MEMSW_USAGE] = "memory.memsw.usage_in_bytes",
			[FILE_MEMSW_LIMIT] = "memory.memsw.limit_in_bytes",
			[FILE_SLABINFO] = "memory.kmem.slabinfo",
		},
	.stat_rows = stat_rows,
	.stat_row_count = sizeof stat_rows / sizeof stat_rows[0],
	.event_rows = event_rows,
	.event_row_count = sizeof event_rows / sizeof event_rows[0],
	.stat_more = stat_more,
};

// "EVENTFD FILE [ARGUMENT]" into cgroup.event_control; the kernel keeps its own reference to the
// file, so ours can go.
static bool register_event(struct cgroup *cgroup, enum cgroup_file file, const char *argument,
			   int *event_fd, struct error *error)
{
	const char *name = cgroup->kind->files[file];
	if (cgroup->kind->version != CGROUP_V1)
		return error_set(error, ERROR_UNSUPPORTED, "cgroup v2 has no eventfd for %s", name);
	_cleanup_close_ int event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	_cleanup_close_ int control =
		openat(cgroup->dir, "cgroup.event_control", O_WRONLY | O_CLOEXEC);
	if (event < 0 || control < 0)
		return error_set_os(error, errno, "cannot watch %s of cgroup %s", name,
				    cgroup->path);
	char line[96];
	int length = snprintf(line, sizeof line, "%d %d %s", event, cgroup->fds[file], argument);
	if (write(control, line, (size_t)length) != length)
		return error_set_os(error, errno, "cannot watch %s of cgroup %s", name,
				    cgroup->path);
	*event_fd = take_fd(&event);
	return true;
}

bool cgroup_watch_oom(struct cgroup *cgroup, int *event_fd, struct error *error)
{
	return register_event(cgroup, FILE_EVENTS, "", event_fd, error);
}

bool cgroup_watch_usage(struct cgroup *cgroup, uint64_t bytes, int *event_fd, struct error *error)
{
	char argument[24];
	snprintf(argument, sizeof argument, "%" PRIu64, bytes);
	return register_event(cgroup, FILE_USAGE, argument, event_fd, error);
}
