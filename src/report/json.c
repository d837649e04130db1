// SPDX-License-Identifier: Apache-2.0
// In: the report model. Out: JSON. Field names and units are an interface: add, never rename.
#include <string.h>

#include "base/units.h"
#include "golang/functab.h"
#include "profile/top.h"
#include "report/report.h"
#include "snapshot/heap_profile.h"
#include "report/course.h"
#include "report/goroutine_groups.h"
#include "report/heap_untouched.h"
#include "report/instant.h"
#include "report/json_build.h"

json_t *report_text_to_json(const char *text)
{
	json_t *value = json_string(text ? text : "");
	if (value)
		return value;
	struct strbuf clean = {0};
	for (const char *c = text; *c; c++)
		strbuf_add_bytes(&clean, (unsigned char)*c < 0x80 ? c : "?", 1);
	value = json_string(clean.text);
	strbuf_deinit(&clean);
	return value;
}

json_t *report_error_to_json(const struct error *error)
{
	json_t *object = json_object();
	set_text(object, "code", error_code_name(error->code));
	set_text(object, "message", error->message);
	set_text(object, "hint", error->hint);
	return object;
}

static json_t *container_to_json(const struct container *container)
{
	if (!container->id[0])
		return json_null();
	json_t *object = json_object();
	set_text(object, "id", container->id);
	set_text(object, "name", container->name);
	set_text(object, "image", container->image);
	set_text(object, "runtime", container_runtime_name(container->runtime));
	set_text(object, "namespace", container->namespace_name);
	set_text(object, "pod_name", container->pod_name);
	set_text(object, "pod_namespace", container->pod_namespace);
	set_text(object, "pod_uid", container->pod_uid);
	set_text(object, "missing", container->missing);
	return object;
}

static json_t *texts_to_json(const char *const *items, size_t count)
{
	json_t *array = json_array();
	for (size_t i = 0; i < count; i++)
		json_array_append_new(array, report_text_to_json(items[i]));
	return array;
}

json_t *report_identity_to_json(const struct snapshot_identity *identity)
{
	json_t *object = json_object();
	set_int(object, "pid", identity->pid);
	set_text(object, "command", identity->command);
	set_text(object, "executable", identity->executable);
	set_text(object, "build_id", identity->build_id);
	set_text(object, "container_id", identity->container_id);
	json_object_set_new(object, "container", container_to_json(&identity->container));
	set_text(object, "cgroup", identity->cgroup_path);
	set_time(object, "started", identity->started_unix_ns);
	set_int(object, "threads", identity->threads);
	set_text(object, "go_version", identity->go_version);
	set_text(object, "main_package", identity->main_package);
	set_text(object, "arguments_digest", identity->arguments_digest);
	set_text(object, "module", identity->module_path);
	set_text(object, "module_version", identity->module_version);
	set_text(object, "vcs_revision", identity->vcs_revision);
	json_object_set_new(
		object, "replaced_modules",
		texts_to_json(identity->replaced_modules.items, identity->replaced_modules.count));
	return object;
}

json_t *report_quality_to_json(const struct snapshot_quality *quality)
{
	json_t *object = json_object();
	set_text(object, "mode", quality->mode);
	set_text(object, "layout_caveat", quality->layout_caveat);
	json_object_set_new(object, "symbols_from_code", json_boolean(quality->symbols_from_code));
	set_text(object, "missing_symbols", quality->missing_symbols);
	set_time(object, "taken", quality->taken_unix_ns);
	set_int(object, "duration_ns", quality->duration_ns);
	set_int(object, "target_pause_ns", quality->target_pause_ns);
	json_object_set_new(object, "torn", json_boolean(quality->torn));
	set_int(object, "reads", (int64_t)quality->reads);
	set_int(object, "read_bytes", (int64_t)quality->read_bytes);
	set_int(object, "failed_reads", (int64_t)quality->failed_reads);
	set_int(object, "table_failures", (int64_t)quality->table_failures);
	set_int(object, "profile_attempts", quality->profile_attempts);
	json_object_set_new(object, "profile_consistent",
			    json_boolean(quality->profile_consistent));
	set_int(object, "damaged_buckets", (int64_t)quality->damaged_buckets);
	set_int(object, "failed_spans", (int64_t)quality->failed_spans);
	set_int(object, "failed_stacks", (int64_t)quality->failed_stacks);
	set_int(object, "unreadable_goroutines", (int64_t)quality->unreadable_goroutines);
	set_int(object, "moved_goroutines", (int64_t)quality->moved_goroutines);
	set_int(object, "running_stacks", (int64_t)quality->running_stacks);
	set_int(object, "sample_rate_bytes", quality->sample_rate_bytes);
	json_object_set_new(object, "target_ended", json_boolean(quality->target_ended));
	return object;
}

json_t *report_verdict_to_json(const struct verdict *verdict)
{
	json_t *object = json_object(), *guilty = json_object();
	json_object_set_new(object, "determined", json_boolean(verdict->determined));
	set_text(object, "status", verdict_status_name(verdict->status));
	set_text(object, "rule", verdict->rule);
	set_text(object, "title", verdict->title);
	set_text(object, "fingerprint", verdict->fingerprint);
	set_text(object, "confidence", confidence_name(verdict->confidence));
	set_text(object, "sentence", verdict->sentence);
	set_text(guilty, "function", verdict->guilty.function);
	set_text(guilty, "file", verdict->guilty.file);
	set_int(guilty, "line", verdict->guilty.line);
	set_text(guilty, "calls", verdict->library_call);
	json_object_set_new(object, "guilty", guilty);
	set_int(object, "bytes", verdict->bytes);
	json_object_set_new(object, "share", json_real(verdict->share));
	set_int(object, "grown_bytes", verdict->grown_bytes);
	json_object_set_new(object, "growth_share", json_real(verdict->growth_share));
	json_object_set_new(object, "steps",
			    texts_to_json(verdict->steps.items, verdict->steps.count));
	json_object_set_new(object, "timeline",
			    texts_to_json(verdict->timeline.items, verdict->timeline.count));
	json_object_set_new(object, "evidence",
			    texts_to_json(verdict->evidence.items, verdict->evidence.count));
	json_object_set_new(object, "rejected",
			    texts_to_json(verdict->rejected.items, verdict->rejected.count));
	set_text(object, "refuted_by", verdict->refuted_by);
	set_text(object, "fix", verdict->fix);
	set_text(object, "relief", verdict->relief);
	set_text(object, "next_capture", verdict->next_capture);
	return object;
}

static json_t *consumer_to_json(const struct kill_consumer *consumer)
{
	if (!consumer->pid)
		return json_null();
	json_t *object = json_object();
	set_int(object, "pid", consumer->pid);
	set_text(object, "name", consumer->name);
	set_int(object, "rss_bytes", consumer->rss_bytes);
	set_int(object, "oom_score_adj", consumer->oom_score_adj);
	return object;
}

static json_t *kill_to_json(const struct kill_facts *kill)
{
	static const char *const causes[] = {
		[KILL_NONE] = "none",
		[KILL_CGROUP_OOM] = "cgroup-oom",
		[KILL_GLOBAL_OOM] = "global-oom",
		[KILL_SIGNAL] = "signal",
		[KILL_EXIT] = "exit",
		[KILL_UNKNOWN] = "unknown",
		[KILL_OOMD] = "systemd-oomd",
		[KILL_STARVED] = "starved",
	};
	json_t *object = json_object();
	set_text(object, "cause", causes[kill->cause]);
	set_int(object, "pid", kill->pid);
	set_text(object, "victim", kill->victim);
	set_known(object, "signal", kill->signal ? kill->signal : -1);
	set_known(object, "exit_code", kill->exit_code);
	set_text(object, "exit_source", kill->exit_source);
	set_time(object, "time", kill->unix_ns);
	set_known(object, "limit_bytes", kill->limit_bytes);
	set_known(object, "usage_bytes", kill->usage_bytes);
	set_known(object, "peak_bytes", kill->peak_bytes);
	set_known(object, "anon_rss_bytes", kill->anon_rss_bytes);
	set_known(object, "file_rss_bytes", kill->file_rss_bytes);
	set_known(object, "oom_kills_before", kill->oom_kills_before);
	set_known(object, "oom_kills_after", kill->oom_kills_after);
	set_text(object, "limit_cgroup", kill->limit_cgroup);
	set_text(object, "kernel_line", kill->kernel_line);
	set_text(object, "constraint", kill->constraint);
	json_object_set_new(object, "group_kill", json_boolean(kill->group_kill));
	set_known(object, "victim_count", kill->victim_count ? kill->victim_count : -1);
	json_object_set_new(object, "oom_score_adj",
			    kill->oom_score_known ? json_integer(kill->oom_score_adj)
						  : json_null());
	set_text(object, "invoker", kill->invoker);
	json_object_set_new(object, "consumer", consumer_to_json(&kill->consumer));
	set_text(object, "oomd_cgroup", kill->oomd_cgroup);
	json_object_set_new(object, "inferred", json_boolean(kill->inferred));
	json_object_set_new(object, "held", json_boolean(kill->held_ns > 0));
	json_object_set_new(object, "evidence_held", json_boolean(kill->evidence_held));
	set_int(object, "held_ns", kill->held_ns);
	return object;
}

static json_t *timeline_to_json(const struct kill_timeline *timeline)
{
	json_t *array = json_array();
	for (int i = 0; i < timeline->count; i++) {
		const struct kill_sample *sample = &timeline->samples[i];
		json_t *item = json_object();
		set_time(item, "time", sample->unix_ns);
		set_int(item, "usage_bytes", sample->usage_bytes);
		set_known(item, "anon_bytes", sample->anon_bytes);
		set_known(item, "file_bytes", sample->file_bytes);
		json_array_append_new(array, item);
	}
	return array;
}

static json_t *go_to_json(const struct snapshot_go *go)
{
	const struct go_memstats *stats = &go->stats;
	json_t *object = json_object();
	set_int(object, "HeapAlloc", (int64_t)go->heap_alloc_bytes);
	set_int(object, "HeapObjects", (int64_t)go->heap_objects);
	set_int(object, "HeapSys", (int64_t)stats->heap_sys);
	set_int(object, "HeapIdle", (int64_t)stats->heap_idle);
	set_int(object, "HeapInuse", (int64_t)stats->heap_inuse);
	set_int(object, "HeapReleased", (int64_t)stats->heap_released);
	set_int(object, "StackInuse", (int64_t)stats->stack_inuse);
	set_int(object, "StackSys", (int64_t)stats->stack_sys);
	set_int(object, "MSpanSys", (int64_t)stats->mspan_sys);
	set_int(object, "MCacheSys", (int64_t)stats->mcache_sys);
	set_int(object, "BuckHashSys", (int64_t)stats->buckhash_sys);
	set_int(object, "GCSys", (int64_t)stats->gc_sys);
	set_int(object, "OtherSys", (int64_t)stats->other_sys);
	set_int(object, "Sys", (int64_t)stats->sys);
	set_int(object, "NumGC", (int64_t)stats->num_gc);
	set_int(object, "PauseTotalNs", (int64_t)stats->pause_total_ns);
	set_int(object, "LastGC", stats->last_gc_unix_ns);
	set_int(object, "live_after_last_gc_bytes", (int64_t)stats->heap_marked);
	set_int(object, "unswept_bytes", (int64_t)go->unswept_bytes);
	set_int(object, "gogc", stats->gc_percent);
	json_object_set_new(object, "gomemlimit_bytes",
			    stats->memory_limit == INT64_MAX ? json_null()
							     : json_integer(stats->memory_limit));
	set_int(object, "gomaxprocs", stats->gomaxprocs);
	return object;
}

static json_t *goroutines_to_json(const struct snapshot_identity *identity,
				  const struct goroutine_set *set)
{
	json_t *object = json_object(), *states = json_object();
	set_int(object, "count", (int64_t)set->user);
	set_int(object, "runtime_own", (int64_t)(set->total - set->user));
	set_int(object, "stack_bytes", (int64_t)set->stack_bytes);
	VEC_FOREACH (state, &set->states)
		set_int(states, state->state, (int64_t)state->count);
	json_object_set_new(object, "states", states);
	json_object_set_new(object, "groups", goroutine_groups_to_json(identity, set));
	return object;
}

static json_t *cgroup_to_json(const struct snapshot *snapshot)
{
	const struct snapshot_cgroup *cgroup = &snapshot->cgroup;
	json_t *object = json_object();
	set_int(object, "version", cgroup->version);
	set_text(object, "path", cgroup->path);
	set_known(object, "usage_bytes", cgroup->usage_bytes);
	set_known(object, "limit_bytes", cgroup->limit_bytes);
	set_text(object, "limit_path", cgroup->limit_path);
	set_int(object, "anon_bytes", cgroup->anon_bytes);
	set_int(object, "file_bytes", cgroup->file_bytes);
	set_known(object, "oom_kills", cgroup->oom_kills);
	set_int(object, "processes", cgroup->processes);
	json_object_set_new(object, "headroom", report_headroom_to_json(&cgroup->headroom));
	report_snapshot_files_to_json(snapshot, object);
	return object;
}

static json_t *function_rows_to_json(const struct profile *profile, const char *type)
{
	json_t *array = json_array();
	struct profile_top *top = NULL;
	if (!profile_top_new(profile, profile_find_sample_type(profile, type), PROFILE_TOP_FLAT,
			     &top, NULL))
		return array;
	for (size_t i = 0; i < top->rows.count && i < 100; i++) {
		const struct profile_top_row *row = &top->rows.items[i];
		json_t *item = json_object();
		set_text(item, "function", row->function);
		set_text(item, "file", row->file);
		set_int(item, "line", row->line);
		set_int(item, "flat_bytes", row->flat);
		set_int(item, "cum_bytes", row->cum);
		json_array_append_new(array, item);
	}
	profile_top_free(top);
	return array;
}

static json_t *counts_to_json(const struct go_counts *counts)
{
	json_t *object = json_object();
	set_int(object, "alloc_objects", counts->alloc_objects);
	set_int(object, "alloc_bytes", counts->alloc_bytes);
	set_int(object, "inuse_objects", counts->alloc_objects - counts->free_objects);
	set_int(object, "inuse_bytes", counts->alloc_bytes - counts->free_bytes);
	return object;
}

static json_t *bucket_to_json(const struct snapshot *snapshot, const struct go_bucket *bucket)
{
	json_t *object = json_object(), *stack = json_array();
	set_int(object, "size", (int64_t)bucket->object_size);
	for (size_t i = 0; i < bucket->depth; i++) {
		const struct go_frame *frame = functab_frame(snapshot->functab, bucket->stack[i]);
		json_t *item = json_object();
		char name[4096];
		go_name_for_print(frame->function, name, sizeof name);
		set_int(item, "pc", (int64_t)functab_address(bucket->stack[i]));
		set_text(item, "function", name);
		set_text(item, "file", frame->file);
		set_int(item, "line", frame->line);
		json_array_append_new(stack, item);
	}
	json_object_set_new(object, "stack", stack);
	json_object_set_new(object, "published", counts_to_json(&bucket->published));
	json_object_set_new(object, "now", counts_to_json(&bucket->now));
	return object;
}

// What of it has no memory, where that is much.
static void set_untouched(json_t *heap, const struct snapshot *snapshot)
{
	struct heap_untouched untouched;
	if (!heap_untouched_find(snapshot, &untouched))
		return;
	json_t *object = json_object();
	set_int(object, "bytes", untouched.bytes);
	if (untouched.object_bytes)
		set_int(object, "object_size", untouched.object_bytes);
	json_object_set_new(heap, "untouched", object);
}

json_t *report_heap_to_json(const struct snapshot *snapshot, bool all)
{
	json_t *object = json_object();
	set_int(object, "rate", snapshot->buckets.rate);
	set_int(object, "bucket_count", (int64_t)snapshot->buckets.buckets.count);
	json_object_set_new(object, "now", function_rows_to_json(snapshot->heap, HEAP_NOW_SPACE));
	json_object_set_new(object, "published",
			    function_rows_to_json(snapshot->heap, HEAP_INUSE_SPACE));
	set_untouched(object, snapshot);
	if (!all)
		return object;
	json_t *buckets = json_array();
	VEC_FOREACH (bucket, &snapshot->buckets.buckets)
		json_array_append_new(buckets, bucket_to_json(snapshot, bucket));
	json_object_set_new(object, "buckets", buckets);
	return object;
}

// A part, or {"absent": why}.
static void set_part(json_t *object, const char *key, const struct error *absent, json_t *part)
{
	if (!snapshot_has(absent)) {
		json_decref(part);
		part = json_object();
		json_object_set_new(part, "absent", report_error_to_json(absent));
	}
	json_object_set_new(object, key, part);
}

json_t *report_to_json(const struct report *report)
{
	const struct snapshot *snapshot = report->snapshot;
	json_t *object = json_object();
	set_text(object, "whyoom_version", WHYOOM_VERSION);
	json_object_set_new(object, "verdict", report_verdict_to_json(report->verdict));
	json_object_set_new(object, "kill",
			    report->kill ? kill_to_json(report->kill) : json_null());
	json_object_set_new(object, "identity", report_identity_to_json(&snapshot->identity));
	set_part(object, "cgroup", &snapshot->cgroup_absent, cgroup_to_json(snapshot));
	set_part(object, "ledger", &snapshot->cgroup_ledger_absent,
		 report_ledger_to_json(&snapshot->cgroup_ledger));
	set_part(object, "process_ledger", &snapshot->process_ledger_absent,
		 report_ledger_to_json(&snapshot->process_ledger));
	set_part(object, "memstats", &snapshot->go_absent, go_to_json(&snapshot->go));
	set_part(object, "heap", &snapshot->heap_absent,
		 snapshot->heap ? report_heap_to_json(snapshot, false) : json_object());
	set_part(object, "goroutines", &snapshot->goroutines_absent,
		 goroutines_to_json(&snapshot->identity, &snapshot->goroutines));
	if (report->reason)
		json_object_set_new(object, "trigger", report_text_to_json(report->reason));
	if (report->baseline) {
		json_t *baseline = json_object();
		set_time(baseline, "taken", report->baseline->taken_unix_ns);
		set_int(baseline, "usage_bytes", report->baseline->usage_bytes);
		set_int(baseline, "age_ns",
			snapshot->quality.taken_unix_ns - report->baseline->taken_unix_ns);
		json_object_set_new(object, "baseline", baseline);
	}
	if (report->timeline)
		json_object_set_new(object, "timeline", timeline_to_json(report->timeline));
	json_object_set_new(object, "evidence", report_quality_to_json(&snapshot->quality));
	if (report->verdict->facts && report->verdict->facts->onsets.to_ns)
		json_object_set_new(object, "course",
				    course_to_json(&report->verdict->facts->onsets));
	if (report->verdict->facts)
		json_object_set_new(object, "facts", facts_to_json(report->verdict->facts));
	return object;
}
