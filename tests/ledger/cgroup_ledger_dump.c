// SPDX-License-Identifier: Apache-2.0
// Prints all that is known of the memory of a cgroup, as JSON: for tests/e2e and tests/vm.
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "ledger/cgroup_ledger.h"
#include "ledger/file_ledger.h"
#include "ledger/headroom.h"
#include "report/report.h"
#include "system/cgroup_members.h"
#include "system/file_cache.h"

static void stop(const struct error *error)
{
	fprintf(stderr, "cgroup-ledger-dump: %s\n", error->message);
	exit(1);
}

static json_t *level_to_json(const struct headroom_level *level)
{
	return json_pack("{s:s, s:I, s:I, s:I, s:I, s:I}", "path", level->path ? level->path : "",
			 "limit_bytes", (json_int_t)level->limit_bytes, "usage_bytes",
			 (json_int_t)level->usage_bytes.value, "reclaimable_bytes",
			 (json_int_t)level->reclaimable_bytes, "unreclaimable_bytes",
			 (json_int_t)level->unreclaimable_bytes, "headroom_bytes",
			 (json_int_t)level->headroom_bytes);
}

static json_t *headroom_to_json(struct cgroup *cgroup)
{
	struct headroom headroom;
	struct error error;
	if (!headroom_read(cgroup, &headroom, &error))
		stop(&error);
	json_t *object = json_object();
	json_object_set_new(object, "levels", json_integer((json_int_t)headroom.level_count));
	json_object_set_new(object, "partial", json_boolean(headroom.partial));
	if (headroom.limited)
		json_object_set_new(object, "bites", level_to_json(&headroom.bites));
	if (headroom.throttled)
		json_object_set_new(object, "throttles", level_to_json(&headroom.throttles));
	if (headroom.swap_left_bytes.known)
		json_object_set_new(object, "swap_left_bytes",
				    json_integer((json_int_t)headroom.swap_left_bytes.value));
	return object;
}

static json_t *ledger_to_json(struct ledger *ledger)
{
	const char *broken;
	json_t *beside = json_object();
	bool sums = ledger_sums(ledger, &broken);
	VEC_FOREACH (row, &ledger->beside)
		json_object_set_new(beside, row->key, json_integer((json_int_t)row->bytes));
	json_t *object = report_ledger_to_json(ledger);
	json_object_set_new(object, "beside", beside);
	json_object_set_new(object, "broken", sums ? json_null() : json_string(broken));
	ledger_deinit(ledger);
	return object;
}

static json_t *files_to_json(const struct file_cache *files, double ms)
{
	return json_pack("{s:I, s:I, s:I, s:b, s:s, s:b, s:s, s:f}", "seen",
			 (json_int_t)files->files_seen, "kept", (json_int_t)files->list.count,
			 "unreadable", (json_int_t)files->unreadable_files, "charge_known",
			 files->charge_known, "charge_absent", files->charge_absent.message,
			 "partial", files->partial, "partial_reason", files->partial_reason, "ms",
			 ms);
}

static json_t *account(struct cgroup *cgroup, const struct cgroup_members *members)
{
	struct cgroup_stat stat;
	struct error error;
	struct ledger ledger;
	if (!cgroup_stat(cgroup, &stat, &error))
		stop(&error);
	struct cgroup_process *processes = alloc_array(members->list.count + 1, sizeof *processes);
	for (size_t i = 0; i < members->list.count; i++)
		processes[i] = (struct cgroup_process){
			.pid = members->list.items[i].pid,
			.name = members->list.items[i].name,
			.anon_bytes = members->list.items[i].anon_bytes,
		};
	struct cgroup_ledger_input input = {
		.version = cgroup_get_version(cgroup),
		.stat = &stat,
		.processes = processes,
		.process_count = members->list.count,
		.thread_count = members->threads,
		.page_table_bytes = members->page_table_bytes,
	};
	cgroup_ledger_build(&input, &ledger);
	free(processes);
	return ledger_to_json(&ledger);
}

int main(int argc, char **argv)
{
	struct cgroup *cgroup;
	struct cgroup_pids pids;
	struct cgroup_members members;
	struct cgroup_stat stat;
	struct file_cache files;
	struct ledger cache, shmem;
	struct error error;
	if (argc != 2)
		return 2;
	if (!cgroup_open(argv[1], &cgroup, &error) || !cgroup_read_pids(cgroup, &pids, &error))
		stop(&error);
	int64_t start_ns = clock_monotonic_ns();
	struct file_cache_request request = {
		.proc_root = "/proc",
		.cgroup_dir = cgroup_get_dir(cgroup),
		.pids = &pids,
		.budget_ns = (int64_t)10000000000,
	};
	file_cache_collect(&request, &files);
	double files_ms = (double)(clock_monotonic_ns() - start_ns) / 1e6;
	cgroup_members_read("/proc", &pids, &members);
	if (!cgroup_stat(cgroup, &stat, &error))
		stop(&error);
	cache_ledger_build(&files, &stat, &cache);
	shmem_ledger_build(&files, &stat, &shmem);
	json_t *all = json_object();
	json_object_set_new(all, "version", json_integer(cgroup_get_version(cgroup)));
	json_object_set_new(all, "files", files_to_json(&files, files_ms));
	json_object_set_new(all, "cgroup", account(cgroup, &members));
	json_object_set_new(all, "cache", ledger_to_json(&cache));
	json_object_set_new(all, "shmem", ledger_to_json(&shmem));
	json_object_set_new(all, "headroom", headroom_to_json(cgroup));
	json_dumpf(all, stdout, JSON_INDENT(1));
	puts("");
	json_decref(all);
	file_cache_deinit(&files);
	cgroup_members_deinit(&members);
	cgroup_pids_deinit(&pids);
	cgroup_close(cgroup);
	return 0;
}
