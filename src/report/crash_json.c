// SPDX-License-Identifier: Apache-2.0
// In: crashes. Out: JSON. Field names and units are an interface: add, never rename.
#include "crash/causes.h"
#include "report/crash.h"

static void set(json_t *object, const char *key, json_t *value)
{
	json_object_set_new(object, key, value);
}

static void set_text(json_t *object, const char *key, const char *text)
{
	set(object, key, text && text[0] ? report_text_to_json(text) : json_null());
}

// 0 stands for "not known".
static void set_known(json_t *object, const char *key, uint64_t value)
{
	set(object, key, value ? json_integer((json_int_t)value) : json_null());
}

static void set_count(json_t *object, const char *key, uint64_t value)
{
	set(object, key, json_integer((json_int_t)value));
}

static json_t *owner_to_json(enum crash_owner owner)
{
	static const char *const names[] = {"unknown", "own", "third-party", "standard-library",
					    "runtime"};
	return json_string(names[owner]);
}

static json_t *frame_to_json(const struct crash_frame *frame)
{
	if (!frame || (!frame->function[0] && !frame->file[0]))
		return json_null();
	json_t *object = json_object();
	set_text(object, "function", frame->function);
	set_text(object, "arguments", frame->arguments);
	set_text(object, "file", frame->file);
	set_known(object, "line", (uint64_t)(frame->line > 0 ? frame->line : 0));
	set_known(object, "offset", frame->offset);
	set_known(object, "pc", frame->pc);
	set(object, "owner", owner_to_json(frame->owner));
	set_text(object, "module", frame->module);
	set_text(object, "module_version", frame->module_version);
	return object;
}

static json_t *ids_to_json(const struct crash_group *group)
{
	json_t *list = json_array();
	for (size_t i = 0; i < group->id_count; i++)
		json_array_append_new(list, json_integer((json_int_t)group->ids[i]));
	return list;
}

static json_t *group_to_json(const struct crash_group *group)
{
	static const char *const kinds[] = {"goroutine", "runtime", "access", "profile"};
	json_t *object = json_object(), *frames = json_array();
	set(object, "kind", json_string(kinds[group->kind]));
	set_text(object, "state", group->state);
	set_count(object, "count", group->count);
	set(object, "ids", ids_to_json(group));
	set_known(object, "oldest_minutes", crash_group_oldest_minutes(group));
	set_known(object, "median_minutes", crash_group_median_minutes(group));
	set(object, "locked_to_thread", json_boolean(group->locked));
	set(object, "elided", json_boolean(group->elided));
	set_text(object, "labels", group->labels);
	set_known(object, "creator_id", group->creator_id);
	set(object, "created_by", frame_to_json(&group->creator));
	for (size_t i = 0; i < group->depth; i++)
		json_array_append_new(frames, frame_to_json(&group->frames[i]));
	set(object, "frames", frames);
	return object;
}

static json_t *size_to_json(const struct crash_size *size)
{
	if (!size->bytes.known)
		return json_null();
	json_t *object = json_object();
	set_count(object, "bytes", size->bytes.value);
	set_text(object, "from", size->from);
	set(object, "certain", json_boolean(!size->uncertain));
	return object;
}

static json_t *version_to_json(const struct crash_version *version)
{
	json_t *object = json_object();
	char text[16];
	set_text(object, "exact", version->exact);
	snprintf(text, sizeof text, "1.%d", version->low);
	set_text(object, "low", version->low ? text : "");
	snprintf(text, sizeof text, "1.%d", version->high);
	set_text(object, "high", version->high ? text : "");
	set_text(object, "reason", version->reason);
	return object;
}

static void set_lists(json_t *object, const struct crash *crash)
{
	json_t *panics = json_array(), *notes = json_array(), *findings = json_array();
	json_t *groups = json_array();
	VEC_FOREACH (panic, &crash->panics) {
		json_t *item = json_object();
		set_text(item, "text", panic->text);
		set(item, "recovered", json_boolean(panic->recovered));
		set(item, "repanicked", json_boolean(panic->repanicked));
		set(item, "goexit", json_boolean(panic->goexit));
		json_array_append_new(panics, item);
	}
	VEC_FOREACH (note, &crash->notes)
		json_array_append_new(notes, report_text_to_json(*note));
	VEC_FOREACH (finding, &crash->findings) {
		json_t *item = json_object();
		set_text(item, "id", finding->id);
		set_text(item, "text", finding->text);
		json_array_append_new(findings, item);
	}
	VEC_FOREACH (group, &crash->groups)
		json_array_append_new(groups, group_to_json(group));
	set(object, "panics", panics);
	set(object, "notes", notes);
	set(object, "findings", findings);
	set(object, "groups", groups);
}

static void set_known_u64(json_t *object, const char *key, struct known_u64 value)
{
	set(object, key, value.known ? json_integer((json_int_t)value.value) : json_null());
}

static json_t *kernel_to_json(const struct crash *crash)
{
	const struct kernel_oom *oom = &crash->oom;
	if (crash->kind != CRASH_KERNEL_OOM)
		return json_null();
	json_t *object = json_object();
	set_known(object, "victim_pid", (uint64_t)oom->victim_pid);
	set_text(object, "victim", oom->victim);
	set_text(object, "invoker", oom->invoker);
	set_text(object, "cgroup", oom->oom_memcg);
	set_text(object, "victim_cgroup", oom->task_memcg);
	set_known_u64(object, "limit_bytes", oom->limit_bytes);
	set_known_u64(object, "usage_bytes", oom->usage_bytes);
	set_known_u64(object, "anon_rss_bytes", oom->anon_rss_bytes);
	set_known_u64(object, "file_rss_bytes", oom->file_rss_bytes);
	set(object, "group_kill", json_boolean(oom->group_kill));
	return object;
}

static json_t *crash_to_json(const struct crash *crash)
{
	static const char *const kinds[] = {"fatal",   "panic", "signal",    "dump",
					    "profile", "race",  "kernel-oom"};
	json_t *object = json_object();
	set(object, "kind", json_string(kinds[crash->kind]));
	set_text(object, "cause", crash->cause->id);
	set_text(object, "headline", crash->headline);
	set_text(object, "title", crash->cause->title);
	set_text(object, "message", crash->message);
	set_text(object, "text", crash->text);
	set(object, "recovered", json_boolean(crash->recovered));
	set_count(object, "goroutines", crash->goroutines);
	set_known(object, "profile_total", crash->profile_total);
	set_known(object, "left_out", crash->left_out);
	set_known(object, "fault_id", crash->fault ? crash->first_id : 0);
	set(object, "fault", crash->fault ? group_to_json(crash->fault) : json_null());
	set(object, "own_frame", frame_to_json(crash->own));
	set(object, "started_by", frame_to_json(crash->started_by));
	set_known(object, "started_by_id", crash->started_by_id);
	set(object, "asked", size_to_json(&crash->asked));
	set(object, "grew", size_to_json(&crash->grew));
	set(object, "in_use", size_to_json(&crash->in_use));
	set_text(object, "growing", crash->growing);
	set(object, "go_version", version_to_json(&crash->version));
	set_text(object, "main_module", crash->main_module);
	set(object, "cut_front", json_boolean(crash->cut_front));
	set(object, "cut_end", json_boolean(crash->cut_end));
	set_text(object, "wrapping", crash->wrapping);
	set_count(object, "first_line", crash->first_line);
	set(object, "kernel", kernel_to_json(crash));
	set_lists(object, crash);
	return object;
}

json_t *report_crashes_to_json(const struct crash_log *log, const char *path)
{
	json_t *object = json_object(), *crashes = json_array();
	set_text(object, "input", path);
	set_count(object, "bytes", log->bytes);
	set_count(object, "lines", log->lines);
	set(object, "input_cut", json_boolean(log->input_cut));
	set_count(object, "crashes_left_out", log->crashes_left_out);
	VEC_FOREACH (crash, &log->crashes)
		json_array_append_new(crashes, crash_to_json(crash));
	set(object, "crashes", crashes);
	return object;
}
