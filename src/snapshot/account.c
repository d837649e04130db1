// SPDX-License-Identifier: Apache-2.0
// In: a cgroup and captures of its processes. Out: the ledgers of all of them.
#include "snapshot/account.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "profile/profile_sums.h"
#include "snapshot/capture_priv.h"
#include "snapshot/cgroup_part.h"
#include "snapshot/heap_profile.h"

enum { WORTH_PERCENT = 1 }; // of the anonymous memory, for a process to be looked into

struct account_source {
	struct capture *asked; // borrowed; NULL: a cgroup was asked for
	struct cgroup *cgroup; // borrowed with `asked`, else owned; NULL: none
	struct error cgroup_error;
	struct cgroup_survey survey;
	VEC(struct capture *) captures; // owned; of the first members
	uint64_t unread;
	struct error unread_why; // of one of them
};

void account_close(struct account_source *source)
{
	if (!source)
		return;
	VEC_FOREACH (capture, &source->captures)
		capture_close(*capture);
	vec_deinit(&source->captures);
	cgroup_survey_deinit(&source->survey);
	if (!source->asked)
		cgroup_close(source->cgroup);
	free(source);
}

void account_free(struct account *account)
{
	if (!account)
		return;
	VEC_FOREACH (snapshot, &account->processes)
		snapshot_free(*snapshot);
	vec_deinit(&account->processes);
	ledger_deinit(&account->cgroup_ledger);
	snapshot_files_deinit(&account->files);
	arena_deinit(&account->arena);
	free(account);
}

// Captures of the members that are worth it; they are sorted.
static void open_members(struct account_source *source, const char *proc_root, pid_t except)
{
	int64_t total = 0;
	VEC_FOREACH (member, &source->survey.members.list)
		total += member->anon_bytes;
	VEC_FOREACH (member, &source->survey.members.list) {
		struct capture *capture;
		if (source->captures.count + (except != 0) == ACCOUNT_PROCESSES_MAX ||
		    !member->anon_bytes || member->anon_bytes * 100 < total * WORTH_PERCENT)
			break;
		if (member->pid == except)
			continue;
		if (capture_open(proc_root, member->pid, cgroup_get_path(source->cgroup), &capture,
				 &source->unread_why))
			vec_push(&source->captures, capture);
		else
			source->unread++;
	}
}

static void survey(struct account_source *source, const char *proc_root, pid_t except)
{
	cgroup_survey_take(source->cgroup, proc_root, true, &source->survey);
	open_members(source, proc_root, except);
}

bool account_open_process(struct capture *capture, const char *proc_root,
			  struct account_source **out, struct error *error)
{
	if (capture->core)
		return error_set(error, ERROR_UNSUPPORTED,
				 "a core file does not tell which pages were in memory") ||
		       error_hint(error, "whyoom runtime CORE shows what the Go runtime had");
	struct account_source *source = alloc_zero(sizeof *source);
	source->asked = capture;
	source->cgroup = capture->cgroup;
	source->cgroup_error = capture->cgroup_error;
	if (source->cgroup)
		survey(source, proc_root, capture->files.pid);
	*out = source;
	return true;
}

bool account_open_cgroup(const char *path, const char *proc_root, struct account_source **out,
			 struct error *error)
{
	struct account_source *source = alloc_zero(sizeof *source);
	if (!cgroup_open(path, &source->cgroup, error)) {
		account_close(source);
		return false;
	}
	survey(source, proc_root, 0);
	*out = source;
	return true;
}

// Everything but the goroutines; the heap profile for its total.
static bool take_process(struct capture *capture, struct account *account, struct error *error)
{
	struct snapshot *snapshot;
	if (!capture_take(capture, CAPTURE_LEDGER | CAPTURE_NATIVE | CAPTURE_HEAP, HEAP_INUSE_SPACE,
			  &snapshot, error))
		return false;
	vec_push(&account->processes, snapshot);
	return true;
}

static bool take_cgroup(struct account_source *source, struct account *account, struct error *error)
{
	struct cgroup_process_account accounts[ACCOUNT_PROCESSES_MAX];
	struct cgroup_part_source part_source = {
		.cgroup = source->cgroup,
		.survey = &source->survey,
		.accounts = accounts,
		.arena = &account->arena,
	};
	struct cgroup_part part;
	if (!source->cgroup) {
		*error = source->cgroup_error;
		return false;
	}
	VEC_FOREACH (item, &account->processes) {
		const struct snapshot *snapshot = *item;
		if (snapshot_has(&snapshot->process_ledger_absent))
			accounts[part_source.account_count++] = (struct cgroup_process_account){
				snapshot->identity.pid, snapshot->process_memory.anon_bytes,
				&snapshot->process_ledger};
	}
	if (!cgroup_part_take(&part_source, &part, error))
		return false;
	account->cgroup = part.facts;
	account->cgroup_ledger = part.ledger;
	account->has_files = source->survey.has_files;
	account->files = part.files;
	return true;
}

static int64_t sampled_total(const struct snapshot *snapshot)
{
	uint32_t type = profile_find_sample_type(snapshot->heap, HEAP_INUSE_SPACE);
	return type == PROFILE_NONE ? 0 : profile_total(snapshot->heap, type);
}

static void fill_views(struct account *account)
{
	struct view_facts facts = {0};
	const struct snapshot *snapshot =
		account->processes.count ? account->processes.items[0] : NULL;
	if (!snapshot)
		return;
	const struct go_memstats *stats = &snapshot->go.stats;
	const struct snapshot_cgroup *cgroup = &account->cgroup;
	facts.has_go = snapshot_has(&snapshot->go_absent);
	facts.has_sampled = snapshot_has(&snapshot->heap_absent);
	facts.has_process = snapshot_has(&snapshot->process_ledger_absent);
	facts.has_cgroup = snapshot_has(&account->cgroup_absent) && cgroup->usage_bytes >= 0;
	facts.sampled_bytes = facts.has_sampled ? sampled_total(snapshot) : 0;
	facts.heap_alloc = (int64_t)stats->heap_alloc;
	facts.heap_inuse = (int64_t)stats->heap_inuse;
	facts.heap_idle = (int64_t)stats->heap_idle;
	facts.heap_released = (int64_t)stats->heap_released;
	facts.stack_sys = (int64_t)stats->stack_sys;
	facts.sys = (int64_t)stats->sys;
	facts.go_resident_bytes = ledger_bytes(&snapshot->process_ledger, "go");
	facts.rss_bytes = snapshot->process_memory.rss_bytes;
	facts.pss_bytes = snapshot->process_memory.pss_bytes;
	facts.anon_bytes = snapshot->process_memory.anon_bytes;
	facts.shmem_bytes = ledger_bytes(&snapshot->process_ledger, "shmem");
	facts.usage_bytes = cgroup->usage_bytes;
	facts.cgroup_anon_bytes = cgroup->anon_bytes;
	facts.file_bytes = cgroup->file_bytes;
	facts.inactive_file_bytes = cgroup->inactive_file_bytes;
	facts.cgroup_shmem_bytes = cgroup->shmem_bytes;
	facts.kernel_bytes = cgroup->kernel_bytes;
	facts.sock_bytes = cgroup->sock_bytes;
	views_build(&facts, &account->views);
}

bool account_take(struct account_source *source, struct account **out, struct error *error)
{
	int64_t start = clock_monotonic_ns();
	_cleanup_(account_freep) struct account *account = alloc_zero(sizeof *account);
	account->of_process = source->asked != NULL;
	account->taken_unix_ns = clock_unix_ns();
	account->unread_processes = source->unread;
	account->unread_why = source->unread_why;
	if (source->asked && !take_process(source->asked, account, error))
		return false;
	VEC_FOREACH (capture, &source->captures)
		account->unread_processes += !take_process(*capture, account, &account->unread_why);
	if (!take_cgroup(source, account, &account->cgroup_absent) && !source->asked) {
		*error = account->cgroup_absent;
		return false;
	}
	fill_views(account);
	account->duration_ns = clock_monotonic_ns() - start;
	*out = take_ptr(account);
	return true;
}
