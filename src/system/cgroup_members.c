// SPDX-License-Identifier: Apache-2.0
// In: pids. Out: the memory of each, the largest first.
#include "system/cgroup_members.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/file.h"

static int64_t bytes_of(struct known_u64 number)
{
	return number.known && number.value <= INT64_MAX ? (int64_t)number.value : 0;
}

static void add_to(struct known_u64 *sum, struct known_u64 number)
{
	uint64_t value;
	if (number.known && !__builtin_add_overflow(sum->value, number.value, &value))
		*sum = known(value);
}

static bool read_status(const char *proc_root, pid_t pid, struct process_status *status)
{
	char path[PATH_MAX], text[8192];
	_cleanup_close_ int fd = -1;
	snprintf(path, sizeof path, "%s/%d/status", proc_root, (int)pid);
	return file_open(AT_FDCWD, path, &fd, NULL) &&
	       file_read_into(fd, path, text, sizeof text, NULL) &&
	       process_status_parse(text, status, NULL);
}

static void add_member(struct cgroup_members *members, pid_t pid,
		       const struct process_status *status)
{
	struct cgroup_member member = {
		.pid = pid,
		.anon_bytes = bytes_of(status->rss_anon_bytes),
		.shmem_bytes = bytes_of(status->rss_shmem_bytes),
		.file_bytes = bytes_of(status->rss_file_bytes),
		.swap_bytes = bytes_of(status->vm_swap_bytes),
		.page_table_bytes = bytes_of(status->vm_pte_bytes),
		.threads = bytes_of(status->threads),
	};
	snprintf(member.name, sizeof member.name, "%s", status->name);
	add_to(&members->threads, status->threads);
	add_to(&members->page_table_bytes, status->vm_pte_bytes);
	add_to(&members->swap_bytes, status->vm_swap_bytes);
	vec_push(&members->list, member);
}

static int by_anon(const void *a, const void *b)
{
	const struct cgroup_member *left = a, *right = b;
	if (left->anon_bytes != right->anon_bytes)
		return left->anon_bytes < right->anon_bytes ? 1 : -1;
	return (left->pid > right->pid) - (left->pid < right->pid);
}

void cgroup_members_read(const char *proc_root, const struct cgroup_pids *pids,
			 struct cgroup_members *out)
{
	struct cgroup_members members = {0};
	VEC_FOREACH (pid, &pids->list) {
		struct process_status status;
		if (*pid > 0 && members.list.count < CGROUP_MEMBERS_MAX &&
		    read_status(proc_root, *pid, &status))
			add_member(&members, *pid, &status);
		else
			members.unseen++;
	}
	if (members.list.count)
		qsort(members.list.items, members.list.count, sizeof *members.list.items, by_anon);
	*out = members;
}

void cgroup_members_deinit(struct cgroup_members *members)
{
	vec_deinit(&members->list);
}
