// SPDX-License-Identifier: Apache-2.0
// In: a capture whose first and best parts are taken. Out: what takes longer to find.
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "snapshot/capture_priv.h"

enum { FILES_MIN_BYTES = 1 << 20, NATIVE_MIN_BYTES = 4 << 20, WORTH_PERCENT = 5 };

// ---- files ----

// A cgroup without a limit is nobody's budget, and may be half of the machine.
static bool is_worth_files(struct cgroup *cgroup, struct error *why_not)
{
	struct cgroup_stat stat;
	if (!cgroup_stat(cgroup, &stat, why_not))
		return false;
	if (!stat.effective_limit.known || stat.effective_limit.unlimited)
		return error_set(why_not, ERROR_NOT_FOUND,
				 "not looked for: the cgroup has no limit");
	return known_or_zero(stat.file_bytes) >= FILES_MIN_BYTES ||
	       error_set(why_not, ERROR_NOT_FOUND, "not looked for: it is less than 1 MiB");
}

void capture_more_begin(struct capture *capture, const char *proc_root)
{
	if (!capture->cgroup)
		capture->no_files = capture->cgroup_error;
	if (capture->core || !capture->cgroup || capture->files_of_cgroup)
		return;
	if (is_worth_files(capture->cgroup, &capture->no_files))
		(void)!file_survey_begin(capture->cgroup, proc_root, FILE_CACHE_BUDGET_NS,
					 &capture->files_of_cgroup, &capture->no_files);
}

static int64_t unnamed_bytes(const struct snapshot_files *files)
{
	return llabs(ledger_bytes(&files->cache, "cache.unnamed")) +
	       llabs(ledger_bytes(&files->shmem, "shmem.unnamed"));
}

// The files were looked at between the two moments: their sum fits the totals of the nearer one.
static void build_files(const struct file_cache *found, const struct cgroup_stat *before,
			const struct cgroup_stat *after, struct snapshot_files *files)
{
	struct snapshot_files other;
	cgroup_files_build(found, before, &other);
	cgroup_files_build(found, after, files);
	if (unnamed_bytes(&other) < unnamed_bytes(files)) {
		struct snapshot_files kept = *files;
		*files = other;
		other = kept;
	}
	snapshot_files_deinit(&other);
}

bool capture_more_files(struct capture *capture, struct snapshot *snapshot)
{
	int64_t start = clock_monotonic_ns();
	struct file_cache found;
	struct cgroup_stat before, after;
	struct error error = {0};
	if (!capture->files_of_cgroup) {
		if (capture->no_files.code != ERROR_NONE)
			snapshot->files_absent = capture->no_files;
		return false;
	}
	if (!cgroup_stat(capture->cgroup, &before, &error) ||
	    !file_survey_take(capture->files_of_cgroup, &found, &error)) {
		snapshot->files_absent = error;
		return false;
	}
	bool ok = cgroup_stat(capture->cgroup, &after, &error);
	if (ok)
		build_files(&found, &before, &after, &snapshot->files);
	file_cache_deinit(&found);
	snapshot->files_absent = error;
	snapshot->files.duration_ns = clock_monotonic_ns() - start;
	return ok;
}

// ---- the C heap ----

bool capture_worth_native(const struct snapshot *snapshot)
{
	int64_t anon = ledger_bytes(&snapshot->process_ledger, "anon");
	return snapshot_has(&snapshot->process_ledger_absent) && anon >= NATIVE_MIN_BYTES &&
	       anon * 100 >= snapshot->process_ledger.total_bytes * WORTH_PERCENT;
}

static void swap_ledgers(struct ledger *left, struct ledger *right)
{
	struct ledger kept = *left;
	*left = *right;
	*right = kept;
}

static void keep_text(struct snapshot *snapshot, const char **text)
{
	const char *copy = *text ? arena_string(&snapshot->arena, *text, strlen(*text)) : NULL;
	*text = copy ? copy : "";
}

static void take_cgroup(struct snapshot *snapshot, struct snapshot *from)
{
	snapshot->cgroup = from->cgroup;
	keep_text(snapshot, &snapshot->cgroup.path);
	keep_text(snapshot, &snapshot->cgroup.limit_path);
	keep_text(snapshot, &snapshot->cgroup.headroom.bites.path);
	keep_text(snapshot, &snapshot->cgroup.headroom.throttles.path);
	swap_ledgers(&snapshot->cgroup_ledger, &from->cgroup_ledger);
}

bool capture_more_native(struct capture *capture, struct snapshot *snapshot, struct error *error)
{
	_cleanup_(snapshot_freep) struct snapshot *again = NULL;
	if (!capture_take(capture, CAPTURE_LEDGER | CAPTURE_NATIVE, "", &again, error))
		return false;
	if (!snapshot_has(&again->process_ledger_absent)) {
		*error = again->process_ledger_absent;
		return false;
	}
	if (again->quality.target_ended)
		return error_set(error, ERROR_NOT_FOUND, "the process ended meanwhile");
	swap_ledgers(&snapshot->process_ledger, &again->process_ledger);
	snapshot->process_memory = again->process_memory;
	if (snapshot_has(&snapshot->cgroup_ledger_absent) &&
	    snapshot_has(&again->cgroup_ledger_absent))
		take_cgroup(snapshot, again);
	return true;
}
