// SPDX-License-Identifier: Apache-2.0
// In: an account, or the difference of two ledgers. Out: their JSON.
#include "report/account.h"
#include "report/json_build.h"

static void set_ledger(json_t *object, const struct error *absent, const struct ledger *ledger)
{
	json_object_set_new(object, "ledger",
			    snapshot_has(absent) ? report_ledger_to_json(ledger)
						 : report_error_to_json(absent));
}

static json_t *process_to_json(const struct snapshot *snapshot)
{
	json_t *object = json_object();
	json_object_set_new(object, "identity", report_identity_to_json(&snapshot->identity));
	set_ledger(object, &snapshot->process_ledger_absent, &snapshot->process_ledger);
	if (!snapshot_has(&snapshot->go_absent))
		json_object_set_new(object, "go_absent",
				    report_error_to_json(&snapshot->go_absent));
	json_object_set_new(object, "evidence", report_quality_to_json(&snapshot->quality));
	return object;
}

static json_t *cgroup_to_json(const struct account *account)
{
	const struct snapshot_cgroup *cgroup = &account->cgroup;
	json_t *object = json_object();
	set_ledger(object, &account->cgroup_absent, &account->cgroup_ledger);
	if (!snapshot_has(&account->cgroup_absent))
		return object;
	set_int(object, "version", cgroup->version);
	set_text(object, "path", cgroup->path);
	set_known(object, "usage_bytes", cgroup->usage_bytes);
	if (cgroup->limit_bytes >= 0) {
		set_int(object, "limit_bytes", cgroup->limit_bytes);
		set_text(object, "limit_path", cgroup->limit_path);
	}
	json_object_set_new(object, "headroom", report_headroom_to_json(&cgroup->headroom));
	if (account->has_files)
		report_files_to_json(&account->files, object);
	set_int(object, "processes", cgroup->processes);
	set_int(object, "unseen_processes", cgroup->unseen_processes);
	if (cgroup->oom_kills >= 0)
		set_int(object, "oom_kills", cgroup->oom_kills);
	return object;
}

static json_t *views_to_json(const struct views *views)
{
	json_t *array = json_array();
	for (size_t i = 0; i < views->count; i++) {
		const struct view *view = &views->items[i];
		json_t *item = json_object(), *steps = json_array();
		set_text(item, "key", view->key);
		set_text(item, "tools", view->tools);
		set_text(item, "formula", view->formula);
		set_int(item, "bytes", view->bytes);
		for (enum view_part part = 0; i && part < VIEW_PART_COUNT; part++) {
			int64_t step = view_step(views, i, part);
			if (step)
				json_array_append_new(steps, json_pack("{s:s,s:I}", "label",
								       view_part_label(part),
								       "bytes", (json_int_t)step));
		}
		json_object_set_new(item, "since_the_one_before", steps);
		json_array_append_new(array, item);
	}
	return array;
}

json_t *report_account_to_json(const struct account *account)
{
	json_t *object = json_object(), *processes = json_array();
	json_object_set_new(object, "taken_unix_ns", json_integer(account->taken_unix_ns));
	set_int(object, "duration_ns", account->duration_ns);
	VEC_FOREACH (snapshot, &account->processes)
		json_array_append_new(processes, process_to_json(*snapshot));
	json_object_set_new(object, "processes", processes);
	set_int(object, "unread_processes", (int64_t)account->unread_processes);
	if (account->unread_processes)
		set_text(object, "unread_reason", account->unread_why.message);
	json_object_set_new(object, "cgroup", cgroup_to_json(account));
	json_object_set_new(object, "tools", views_to_json(&account->views));
	return object;
}

json_t *report_ledger_diff_to_json(const struct ledger_diff *diff)
{
	json_t *object = json_object(), *rows = json_array();
	int64_t growth = diff->total_after - diff->total_before;
	set_text(object, "total", diff->total_key);
	set_text(object, "label", diff->total_label);
	set_int(object, "total_before", diff->total_before);
	set_int(object, "total_after", diff->total_after);
	VEC_FOREACH (index, &diff->by_growth) {
		const struct ledger_change *change = &diff->rows.items[*index];
		int64_t delta = ledger_change_delta(change);
		json_t *row = json_object();
		set_text(row, "path", change->path);
		set_text(row, "label", change->label);
		set_int(row, "before", change->before);
		set_int(row, "after", change->after);
		set_int(row, "delta", delta);
		if (growth > 0)
			json_object_set_new(row, "share_of_growth",
					    json_real((double)delta / (double)growth));
		json_array_append_new(rows, row);
	}
	json_object_set_new(object, "changes", rows);
	return object;
}
