// SPDX-License-Identifier: Apache-2.0
// In: an open cgroup and what was found out about its processes. Out: its figures and the ledgers
// that sum to its charge.
#include "snapshot/cgroup_part.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "ledger/cgroup_ledger.h"
#include "ledger/file_ledger.h"

void cgroup_survey_take(struct cgroup *cgroup, const char *proc_root, bool with_files,
			struct cgroup_survey *survey)
{
	_cleanup_(cgroup_pids_deinit) struct cgroup_pids pids = {0};
	*survey = (struct cgroup_survey){0};
	if (!cgroup_read_pids(cgroup, &pids, NULL))
		return;
	cgroup_members_read(proc_root, &pids, &survey->members);
	if (!with_files)
		return;
	struct file_cache_request request = {
		.proc_root = proc_root, .cgroup_dir = cgroup_get_dir(cgroup), .pids = &pids};
	struct cgroup_stat stat;
	if (cgroup_stat(cgroup, &stat, NULL))
		request.charge_bytes = stat.file_bytes;
	file_cache_collect(&request, &survey->files);
	survey->has_files = true;
}

void cgroup_survey_deinit(struct cgroup_survey *survey)
{
	cgroup_members_deinit(&survey->members);
	if (survey->has_files)
		file_cache_deinit(&survey->files);
}

static const char *keep(struct arena *arena, const char *text)
{
	const char *copy = text ? arena_string(arena, text, strlen(text)) : NULL;
	return copy ? copy : "";
}

static void fill(struct cgroup *cgroup, const struct cgroup_stat *stat, struct arena *arena,
		 struct snapshot_cgroup *facts)
{
	bool limited = stat->effective_limit.known && !stat->effective_limit.unlimited;
	facts->version = (int)cgroup_get_version(cgroup);
	facts->path = keep(arena, cgroup_get_path(cgroup));
	facts->usage_bytes =
		stat->counts.usage_bytes.known ? (int64_t)stat->counts.usage_bytes.value : -1;
	facts->limit_bytes = limited ? (int64_t)stat->effective_limit.bytes : -1;
	facts->limit_path = keep(arena, stat->effective_limit_path);
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

static void fill_headroom(struct cgroup *cgroup, struct arena *arena, struct snapshot_cgroup *facts)
{
	struct headroom *headroom = &facts->headroom;
	if (!headroom_read(cgroup, headroom, NULL)) {
		*headroom = (struct headroom){0};
		return;
	}
	headroom->bites.path = keep(arena, headroom->bites.path);
	headroom->throttles.path = keep(arena, headroom->throttles.path);
}

static const struct cgroup_process_account *find_account(const struct cgroup_part_source *source,
							 pid_t pid)
{
	for (size_t i = 0; i < source->account_count; i++)
		if (source->accounts[i].pid == pid)
			return &source->accounts[i];
	return NULL;
}

static struct cgroup_process describe(const struct cgroup_part_source *source,
				      const struct cgroup_member *member)
{
	const struct cgroup_process_account *account = find_account(source, member->pid);
	return (struct cgroup_process){
		.pid = member->pid,
		.name = member->name,
		.anon_bytes = account ? account->anon_bytes : member->anon_bytes,
		.ledger = account ? account->ledger : NULL,
	};
}

// The process that it is all about comes first, then the largest.
static size_t describe_all(const struct cgroup_part_source *source, struct cgroup_process *out)
{
	size_t count = 0;
	pid_t first = source->account_count ? source->accounts[0].pid : 0;
	for (int rest = 0; rest < 2; rest++)
		VEC_FOREACH (member, &source->survey->members.list)
			if ((member->pid != first) == rest)
				out[count++] = describe(source, member);
	return count;
}

void cgroup_files_build(const struct file_cache *found, const struct cgroup_stat *stat,
			struct snapshot_files *files)
{
	*files = (struct snapshot_files){.taken_unix_ns = clock_unix_ns()};
	cache_ledger_build(found, stat, &files->cache);
	shmem_ledger_build(found, stat, &files->shmem);
	if (found->partial)
		snprintf(files->partial, sizeof files->partial, "%s", found->partial_reason);
	if (!found->charge_known)
		snprintf(files->charge_absent, sizeof files->charge_absent, "%.255s",
			 found->charge_absent.message);
}

void snapshot_files_deinit(struct snapshot_files *files)
{
	ledger_deinit(&files->cache);
	ledger_deinit(&files->shmem);
}

bool cgroup_part_take(const struct cgroup_part_source *source, struct cgroup_part *out,
		      struct error *error)
{
	const struct cgroup_survey *survey = source->survey;
	struct cgroup_part part = {0};
	struct cgroup_stat stat;
	if (!cgroup_stat(source->cgroup, &stat, error))
		return false;
	fill(source->cgroup, &stat, source->arena, &part.facts);
	fill_headroom(source->cgroup, source->arena, &part.facts);
	_cleanup_free_ struct cgroup_process *processes =
		alloc_array(survey->members.list.count + 1, sizeof *processes);
	struct cgroup_ledger_input input = {
		.version = cgroup_get_version(source->cgroup),
		.stat = &stat,
		.processes = processes,
		.process_count = describe_all(source, processes),
		.thread_count = survey->members.threads,
		.page_table_bytes = survey->members.page_table_bytes,
		.unseen_count = survey->members.unseen,
	};
	part.facts.unseen_processes = (int)survey->members.unseen;
	part.facts.processes = (int)(input.process_count + survey->members.unseen);
	cgroup_ledger_build(&input, &part.ledger);
	if (survey->has_files)
		cgroup_files_build(&survey->files, &stat, &part.files);
	*out = part;
	return true;
}
