// SPDX-License-Identifier: Apache-2.0
// In: an open cgroup and its processes. Out: its figures and the ledger that sums to its charge.
#include "snapshot/cgroup_part.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "ledger/cgroup_ledger.h"

enum { MEMBERS_MAX = 4096, STATUS_TEXT_MAX = 4096 };

static int by_anon(const void *a, const void *b)
{
	const struct cgroup_member *left = a, *right = b;
	return (left->anon_bytes < right->anon_bytes) - (left->anon_bytes > right->anon_bytes);
}

static bool read_member(const char *proc_root, pid_t pid, struct cgroup_member *member)
{
	char path[64], text[STATUS_TEXT_MAX];
	struct process_status status;
	_cleanup_close_ int fd = -1;
	snprintf(path, sizeof path, "%s/%d/status", proc_root, pid);
	if (!file_open(AT_FDCWD, path, &fd, NULL) ||
	    !file_read_into(fd, path, text, sizeof text, NULL) ||
	    !process_status_parse(text, &status, NULL))
		return false;
	*member = (struct cgroup_member){.pid = pid};
	snprintf(member->name, sizeof member->name, "%s", status.name);
	member->anon_bytes = status.rss_anon_bytes.known ? (int64_t)status.rss_anon_bytes.value : 0;
	return true;
}

void cgroup_members_read(struct cgroup *cgroup, const char *proc_root, pid_t except,
			 cgroup_members *members)
{
	struct cgroup_pids pids = {0};
	struct cgroup_member member;
	if (!cgroup_read_pids(cgroup, &pids, NULL))
		return;
	for (size_t i = 0; i < pids.list.count && members->count < MEMBERS_MAX; i++)
		if (pids.list.items[i] > 0 && pids.list.items[i] != except &&
		    read_member(proc_root, pids.list.items[i], &member))
			vec_push(members, member);
	if (members->count)
		qsort(members->items, members->count, sizeof *members->items, by_anon);
	cgroup_pids_deinit(&pids);
}

static const char *keep(struct arena *arena, const char *text)
{
	const char *copy = arena_string(arena, text, strlen(text));
	return copy ? copy : "";
}

static void fill(struct cgroup *cgroup, const struct cgroup_stat *stat, struct arena *arena,
		 struct snapshot_cgroup *facts)
{
	bool limited = stat->effective_limit.known && !stat->effective_limit.unlimited;
	facts->version = (int)cgroup_get_version(cgroup);
	facts->path = keep(arena, cgroup_get_path(cgroup));
	facts->usage_bytes = (int64_t)stat->counts.usage_bytes.value;
	facts->limit_bytes = limited ? (int64_t)stat->effective_limit.bytes : -1;
	facts->limit_path =
		keep(arena, stat->effective_limit_path ? stat->effective_limit_path : "");
	facts->anon_bytes = (int64_t)stat->anon_bytes.value;
	facts->file_bytes = (int64_t)stat->file_bytes.value;
	facts->shmem_bytes = (int64_t)stat->shmem_bytes.value;
	facts->inactive_file_bytes = (int64_t)stat->inactive_file_bytes.value;
	facts->kernel_bytes = (int64_t)stat->kernel_bytes.value;
	if (facts->version == CGROUP_V2)
		facts->sock_bytes = (int64_t)stat->sock_bytes.value;
	facts->oom_kills =
		stat->counts.oom_kill_count.known ? (int64_t)stat->counts.oom_kill_count.value : -1;
}

bool cgroup_part_take(struct cgroup *cgroup, const struct cgroup_member *members, size_t count,
		      struct arena *arena, struct snapshot_cgroup *facts, struct ledger *ledger,
		      struct error *error)
{
	struct cgroup_stat stat;
	if (!cgroup_stat(cgroup, &stat, error))
		return false;
	fill(cgroup, &stat, arena, facts);
	facts->processes = (int)count;
	_cleanup_free_ struct cgroup_process *processes = alloc_array(count + 1, sizeof *processes);
	for (size_t i = 0; i < count; i++)
		processes[i] = (struct cgroup_process){
			.pid = members[i].pid,
			.name = members[i].name,
			.anon_bytes = members[i].anon_bytes,
			.ledger = members[i].ledger,
		};
	struct cgroup_ledger_input input = {
		.version = cgroup_get_version(cgroup),
		.stat = &stat,
		.processes = processes,
		.process_count = count,
	};
	cgroup_ledger_build(&input, ledger);
	return true;
}
