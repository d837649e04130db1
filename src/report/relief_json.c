// SPDX-License-Identifier: Apache-2.0
// In: a plan of relief, what became of it. Out: JSON; every number has its unit in its name.
#include "report/relief_priv.h"

json_t *relief_value_to_json(enum go_setting_id setting, int64_t value)
{
	bool none = (setting == GO_SETTING_MEMORY_LIMIT && value == INT64_MAX) ||
		    (setting == GO_SETTING_GC_PERCENT && value < 0);
	return none ? json_null() : json_integer(value);
}

static void set_bytes(json_t *object, const char *key, int64_t bytes)
{
	json_object_set_new(object, key, bytes == INT64_MAX ? json_null() : json_integer(bytes));
}

static json_t *changes_to_json(const struct relief_plan *plan)
{
	json_t *changes = json_object();
	for (size_t i = 0; i < plan->change_count; i++) {
		const struct relief_change *change = &plan->changes[i];
		json_t *value = json_object();
		json_object_set_new(value, "before",
				    relief_value_to_json(change->setting, change->before));
		json_object_set_new(value, "after",
				    relief_value_to_json(change->setting, change->after));
		json_object_set_new(changes, go_setting_name(change->setting), value);
	}
	return changes;
}

static json_t *room_to_json(const struct relief_room *room)
{
	if (!room->limited)
		return json_null();
	json_t *object = json_object();
	json_object_set_new(object, "path", report_text_to_json(room->path));
	set_bytes(object, "limit_bytes", room->limit_bytes);
	set_bytes(object, "usage_bytes", room->usage_bytes);
	set_bytes(object, "not_reclaimable_bytes", room->stuck_bytes);
	return object;
}

static json_t *known_or_null(bool known, json_t *value)
{
	if (known)
		return value;
	json_decref(value);
	return json_null();
}

static void add_growth(json_t *object, const struct relief_plan *plan)
{
	json_object_set_new(object, "survivors_fraction",
			    known_or_null(plan->survivors_known, json_real(plan->survivors)));
	json_object_set_new(
		object, "growth_bytes_per_second",
		known_or_null(plan->growth_per_second > 0, json_integer(plan->growth_per_second)));
	json_object_set_new(object, "full_in_ns",
			    known_or_null(plan->full_in_ns > 0, json_integer(plan->full_in_ns)));
}

static json_t *memory_to_json(const struct relief_report *report)
{
	static const char *const outlooks[] = {"helps", "delays", "cannot"};
	const struct relief_plan *plan = report->plan;
	if (!plan->about_memory)
		return json_null();
	json_t *object = json_object();
	json_object_set_new(object, "outlook", json_string(outlooks[plan->outlook]));
	set_bytes(object, "live_bytes", plan->live_bytes);
	set_bytes(object, "reclaimable_bytes", plan->reclaimable_bytes);
	set_bytes(object, "runtime_overhead_bytes", plan->overhead_bytes);
	set_bytes(object, "floor_bytes", plan->floor_bytes);
	json_object_set_new(object, "room", room_to_json(report->room));
	json_object_set_new(object, "not_go_bytes",
			    known_or_null(plan->budget_known, json_integer(plan->non_go_bytes)));
	json_object_set_new(object, "budget_bytes",
			    known_or_null(plan->budget_known, json_integer(plan->budget_bytes)));
	json_object_set_new(object, "reserve_bytes",
			    known_or_null(plan->budget_known, json_integer(plan->reserve_bytes)));
	set_bytes(object, "goal_before_bytes", plan->goal_before);
	set_bytes(object, "goal_after_bytes", plan->goal_after);
	json_object_set_new(object, "gc_cpu_fraction_before",
			    known_or_null(plan->gc_cpu_known, json_real(plan->gc_cpu_before)));
	json_object_set_new(object, "gc_cpu_fraction_expected",
			    known_or_null(plan->gc_cpu_known, json_real(plan->gc_cpu_after)));
	add_growth(object, plan);
	return object;
}

static void add_written(json_t *object, const char *record_path)
{
	json_object_set_new(object, "written", json_boolean(record_path != NULL));
	json_object_set_new(object, "record",
			    record_path ? report_text_to_json(record_path) : json_null());
}

json_t *report_relief_to_json(const struct relief_report *report)
{
	json_t *object = json_object();
	json_object_set_new(object, "pid", json_integer(report->pid));
	json_object_set_new(object, "go_version", report_text_to_json(report->facts->go_version));
	json_object_set_new(object, "memory", memory_to_json(report));
	json_object_set_new(object, "changes", changes_to_json(report->plan));
	add_written(object, report->record_path);
	return object;
}

json_t *report_relief_undos_to_json(pid_t pid, const struct relief_undos *undos)
{
	static const char *const outcomes[] = {"restored", "was so", "not ours", "not yet"};
	json_t *object = json_object(), *items = json_object();
	for (size_t i = 0; i < undos->count; i++) {
		const struct relief_undo *undo = &undos->items[i];
		json_t *item = json_object();
		json_object_set_new(item, "outcome", json_string(outcomes[undo->outcome]));
		json_object_set_new(item, "found",
				    relief_value_to_json(undo->setting, undo->found));
		json_object_set_new(item, "before",
				    relief_value_to_json(undo->setting, undo->before));
		json_object_set_new(item, "written",
				    relief_value_to_json(undo->setting, undo->written));
		json_object_set_new(items, go_setting_name(undo->setting), item);
	}
	json_object_set_new(object, "pid", json_integer(pid));
	json_object_set_new(object, "undone", items);
	json_object_set_new(object, "note_was_of_another_process", json_boolean(undos->stale));
	return object;
}

static json_t *limit_to_json(struct cgroup_limit limit)
{
	return limit.known && !limit.unlimited ? json_integer((json_int_t)limit.bytes)
					       : json_null();
}

static json_t *limits_to_json(const struct cgroup_limits *limits)
{
	json_t *object = json_object();
	json_object_set_new(object, "memory_bytes", limit_to_json(limits->memory));
	json_object_set_new(object, "memory_and_swap_bytes", limit_to_json(limits->with_swap));
	return object;
}

json_t *report_cgroup_relief_to_json(const struct cgroup_relief_report *report)
{
	const struct relief_cgroup_plan *plan = report->plan;
	json_t *object = json_object();
	json_object_set_new(object, "cgroup", report_text_to_json(cgroup_get_path(report->cgroup)));
	json_object_set_new(object, "before", limits_to_json(&plan->from));
	json_object_set_new(object, "after", limits_to_json(&plan->to));
	set_bytes(object, "usage_bytes", plan->usage_bytes);
	set_bytes(object, "most_bytes", plan->most_bytes);
	json_object_set_new(object, "most_by",
			    report_text_to_json(plan->tightest[0] ? plan->tightest : "node"));
	add_written(object, report->record_path);
	return object;
}

json_t *report_cgroup_undo_to_json(const struct cgroup *cgroup,
				   const struct relief_cgroup_undo *undo)
{
	const char *outcome = undo->nothing ? "nothing" : undo->not_ours ? "not ours" : "restored";
	json_t *object = json_object();
	json_object_set_new(object, "cgroup", report_text_to_json(cgroup_get_path(cgroup)));
	json_object_set_new(object, "outcome", json_string(outcome));
	json_object_set_new(object, "found", limits_to_json(&undo->found));
	json_object_set_new(object, "before", limits_to_json(&undo->before));
	json_object_set_new(object, "written", limits_to_json(&undo->written));
	return object;
}
