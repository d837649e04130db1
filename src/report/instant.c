// SPDX-License-Identifier: Apache-2.0
// In: report.json and heap.pb.gz, which anybody may have written. Out: a snapshot and its facts.
#include "report/instant.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/strbuf.h"
#include "profile/pprof_read.h"
#include "report/course.h"
#include "report/instant_end.h"
#include "report/json_build.h"
#include "report/json_read.h"
#include "report/ledger_json.h"
#include "snapshot/capture.h"

// ---- out ----

static void set_largest(json_t *item, const struct fact_kind *kinds)
{
	json_t *largest = json_object();
	for (int i = 0; i < ALLOC_KINDS; i++)
		if (kinds->largest[i] > 0)
			json_object_set_new(largest, alloc_kind_name(i),
					    json_real(kinds->largest[i]));
	json_object_set_new(item, "largest", largest);
}

static json_t *kinds_to_json(const struct facts *facts)
{
	json_t *array = json_array();
	VEC_FOREACH (kinds, &facts->kinds) {
		json_t *item = json_object();
		set_text(item, "function", kinds->function);
		for (int i = 0; i < ALLOC_KINDS; i++)
			if (kinds->bytes[i] > 0)
				json_object_set_new(item, alloc_kind_name(i),
						    json_real(kinds->bytes[i]));
		set_largest(item, kinds);
		json_object_set_new(item, "allocated", json_real(kinds->allocated));
		json_object_set_new(item, "freed", json_real(kinds->freed));
		json_array_append_new(array, item);
	}
	return array;
}

json_t *facts_to_json(const struct facts *facts)
{
	json_t *object = json_object(), *numbers = json_object(), *modules = json_array();
	VEC_FOREACH (fact, &facts->list)
		json_object_set_new(numbers, fact->name, json_real(fact->value));
	if (facts->identity)
		VEC_FOREACH (module, &facts->identity->replaced_modules)
			json_array_append_new(modules, report_text_to_json(*module));
	json_object_set_new(object, "numbers", numbers);
	json_object_set_new(object, "allocations", kinds_to_json(facts));
	json_object_set_new(object, "replaced_modules", modules);
	return object;
}

// ---- in: single values ----

static const char *keep(struct snapshot *snapshot, const char *text)
{
	const char *copy = arena_string(&snapshot->arena, text, strlen(text));
	return copy ? copy : "";
}

// ---- in: parts ----

static void read_identity(const json_t *report, struct snapshot *snapshot)
{
	const json_t *object = json_object_get(report, "identity");
	struct snapshot_identity *identity = &snapshot->identity;
	identity->pid = (int)int_of(object, "pid");
	snprintf(identity->command, sizeof identity->command, "%.31s", text_of(object, "command"));
	identity->executable = keep(snapshot, text_of(object, "executable"));
	identity->build_id = keep(snapshot, text_of(object, "build_id"));
	identity->container_id = keep(snapshot, text_of(object, "container_id"));
	identity->cgroup_path = keep(snapshot, text_of(object, "cgroup"));
	identity->go_version = keep(snapshot, text_of(object, "go_version"));
	identity->main_package = keep(snapshot, text_of(object, "main_package"));
	identity->module_path = keep(snapshot, text_of(object, "module"));
	snprintf(identity->arguments_digest, sizeof identity->arguments_digest, "%.8s",
		 text_of(object, "arguments_digest"));
	identity->module_version = keep(snapshot, text_of(object, "module_version"));
	identity->vcs_revision = keep(snapshot, text_of(object, "vcs_revision"));
	identity->started_unix_ns = time_of(object, "started");
	identity->threads = (int)int_of(object, "threads");
	identity->is_go = identity->go_version[0] != '\0';
	const json_t *modules =
		json_object_get(json_object_get(report, "facts"), "replaced_modules");
	for (size_t i = 0; i < json_array_size(modules) && i < INSTANT_GROUPS_MAX; i++) {
		const char *module = json_string_value(json_array_get(modules, i));
		if (module)
			vec_push(&identity->replaced_modules, keep(snapshot, module));
	}
}

static void read_cgroup(const json_t *report, struct snapshot *snapshot)
{
	const json_t *object = json_object_get(report, "cgroup");
	struct snapshot_cgroup *cgroup = &snapshot->cgroup;
	if (!json_is_object(object) || json_object_get(object, "absent"))
		return;
	snapshot->cgroup_absent = (struct error){0};
	cgroup->version = (int)int_of(object, "version");
	cgroup->path = keep(snapshot, text_of(object, "path"));
	cgroup->usage_bytes = known_of(object, "usage_bytes");
	cgroup->limit_bytes = known_of(object, "limit_bytes");
	cgroup->limit_path = keep(snapshot, text_of(object, "limit_path"));
	cgroup->anon_bytes = int_of(object, "anon_bytes");
	cgroup->file_bytes = int_of(object, "file_bytes");
	cgroup->oom_kills = known_of(object, "oom_kills");
	cgroup->processes = (int)int_of(object, "processes");
}

static void read_ledger(const json_t *report, const char *key, struct ledger *ledger,
			struct error *absent)
{
	struct error error = {0};
	if (ledger_from_json(json_object_get(report, key), ledger, &error))
		*absent = (struct error){0};
}

static void read_memstats(const json_t *report, struct snapshot *snapshot)
{
	const json_t *object = json_object_get(report, "memstats");
	struct go_memstats *stats = &snapshot->go.stats;
	const json_t *limit = json_object_get(object, "gomemlimit_bytes");
	if (!json_is_object(object) || json_object_get(object, "absent"))
		return;
	snapshot->go_absent = (struct error){0};
	snapshot->go.heap_alloc_bytes = count_of(object, "HeapAlloc");
	snapshot->go.heap_objects = count_of(object, "HeapObjects");
	snapshot->go.unswept_bytes = count_of(object, "unswept_bytes");
	stats->heap_sys = count_of(object, "HeapSys");
	stats->heap_idle = count_of(object, "HeapIdle");
	stats->heap_inuse = count_of(object, "HeapInuse");
	stats->heap_released = count_of(object, "HeapReleased");
	stats->stack_inuse = count_of(object, "StackInuse");
	stats->stack_sys = count_of(object, "StackSys");
	stats->mspan_sys = count_of(object, "MSpanSys");
	stats->mcache_sys = count_of(object, "MCacheSys");
	stats->buckhash_sys = count_of(object, "BuckHashSys");
	stats->gc_sys = count_of(object, "GCSys");
	stats->other_sys = count_of(object, "OtherSys");
	stats->sys = count_of(object, "Sys");
	stats->num_gc = count_of(object, "NumGC");
	stats->last_gc_unix_ns = int_of(object, "LastGC");
	stats->heap_marked = count_of(object, "live_after_last_gc_bytes");
	stats->gc_percent = (int32_t)int_of(object, "gogc");
	stats->gomaxprocs = (int32_t)int_of(object, "gomaxprocs");
	stats->memory_limit = json_is_integer(limit) ? json_integer_value(limit) : INT64_MAX;
	stats->next_gc = UINT64_MAX; // not written down
}

static struct goroutine_frame frame_of(const json_t *object)
{
	return (struct goroutine_frame){text_of(object, "function"), text_of(object, "file"),
					int_of(object, "line")};
}

static void add_group(struct goroutine_set *set, const json_t *object)
{
	struct goroutine_frame frames[INSTANT_FRAMES_MAX];
	const json_t *list = json_object_get(object, "frames");
	const char *wait = text_of(object, "wait_reason");
	const char *no_stack = text_of(object, "no_stack");
	struct goroutine_group group = {
		.state = text_of(object, "state"),
		.wait_reason = wait[0] ? wait : NULL,
		.frames = frames,
		.created_by = frame_of(json_object_get(object, "created_by")),
		.start = frame_of(json_object_get(object, "start")),
		.count = count_of(object, "count"),
		.stack_bytes = count_of(object, "stack_bytes"),
		.waited_ns = int_of(object, "waited_ns"),
		.example_id = count_of(object, "example_id"),
		.no_stack = no_stack[0] ? no_stack : NULL,
		.elided = count_of(object, "more_frames"),
		.system = json_is_true(json_object_get(object, "system")),
	};
	for (; group.depth < json_array_size(list) && group.depth < INSTANT_FRAMES_MAX;
	     group.depth++)
		frames[group.depth] = frame_of(json_array_get(list, group.depth));
	group.elided_at = group.depth;
	if (group.count && group.count < 1u << 31 && group.stack_bytes < (uint64_t)1 << 48)
		goroutine_set_add(set, &group);
}

static void read_goroutines(const json_t *report, struct snapshot *snapshot)
{
	const json_t *list = json_object_get(json_object_get(report, "goroutines"), "groups");
	if (!json_is_array(list))
		return;
	for (size_t i = 0; i < json_array_size(list) && i < INSTANT_GROUPS_MAX; i++)
		add_group(&snapshot->goroutines, json_array_get(list, i));
	goroutine_set_sort(&snapshot->goroutines);
	snapshot->goroutines_absent = (struct error){0};
}

// What was written down counts more than what is made of its parts again.
static void read_numbers(const json_t *report, struct facts *facts)
{
	json_t *numbers = json_object_get(json_object_get(report, "facts"), "numbers");
	const char *name;
	json_t *value;
	json_object_foreach (numbers, name, value) {
		if (json_is_number(value) && fact_meaning(name))
			facts_set(facts, name, json_number_value(value));
	}
}

static void read_kinds(const json_t *report, struct facts *facts)
{
	const json_t *list = json_object_get(json_object_get(report, "facts"), "allocations");
	for (size_t i = 0; i < json_array_size(list) && i < FACTS_MAX; i++) {
		const json_t *item = json_array_get(list, i);
		if (text_of(item, "function")[0])
			facts_add_turnover(facts, text_of(item, "function"),
					   json_number_value(json_object_get(item, "allocated")),
					   json_number_value(json_object_get(item, "freed")));
		for (int kind = 0; kind < ALLOC_KINDS; kind++) {
			double bytes =
				json_number_value(json_object_get(item, alloc_kind_name(kind)));
			double object = json_number_value(json_object_get(
				json_object_get(item, "largest"), alloc_kind_name(kind)));
			if (bytes > 0 && text_of(item, "function")[0])
				facts_add_kind(facts, text_of(item, "function"), kind, bytes,
					       object);
		}
	}
}

// ---- all ----

static struct instant *instant_new(void)
{
	struct instant *instant = alloc_zero(sizeof *instant);
	struct snapshot *snapshot = alloc_zero(sizeof *snapshot);
	struct snapshot_identity *identity = &snapshot->identity;
	struct error absent = {0};
	error_set(&absent, ERROR_NOT_FOUND, "not in this evidence");
	snapshot->cgroup_absent = snapshot->go_absent = snapshot->runtime_absent = absent;
	snapshot->heap_absent = snapshot->goroutines_absent = snapshot->leaks_absent = absent;
	snapshot->contention_absent[0] = snapshot->contention_absent[1] = absent;
	snapshot->process_ledger_absent = snapshot->cgroup_ledger_absent = absent;
	snapshot->quality.mode = "read from a file";
	snapshot->quality.layout_caveat = snapshot->quality.missing_symbols = "";
	identity->executable = identity->build_id = identity->container_id = "";
	identity->cgroup_path = identity->go_version = identity->main_package = "";
	identity->module_path = identity->module_version = identity->vcs_revision = "";
	identity->is_go = true; // who gives a Go profile or dump says so
	instant->snapshot = snapshot;
	return instant;
}

void instant_free(struct instant *instant)
{
	if (!instant)
		return;
	facts_deinit(&instant->facts);
	snapshot_free(instant->snapshot);
	free(instant->timeline);
	free(instant);
}

static bool read_heap(struct snapshot *snapshot, const void *heap, size_t size, struct error *error)
{
	if (!heap || !size)
		return true;
	if (!pprof_parse(heap, size, &snapshot->heap, error))
		return false;
	snapshot->heap_absent = (struct error){0};
	if (!snapshot->quality.taken_unix_ns)
		snapshot->quality.taken_unix_ns = snapshot->heap->time_ns;
	return true;
}

// Anybody may have written it, and it is shown on terminals: no text keeps a control character.
// As deep as jansson reads (JSON_PARSER_MAX_DEPTH).
static void make_texts_safe(json_t *value)
{
	const char *key;
	json_t *each;
	size_t i;
	json_object_foreach (value, key, each)
		make_texts_safe(each);
	json_array_foreach (value, i, each)
		make_texts_safe(each);
	if (!json_is_string(value))
		return;
	struct strbuf safe = {0};
	strbuf_add_safe(&safe, json_string_value(value));
	(void)json_string_set(value, safe.text ? safe.text : "");
	strbuf_deinit(&safe);
}

// Why there is no heap, as the capture said it: a verdict that nothing was found tells it again.
static void read_heap_absent(const json_t *report, struct instant *instant)
{
	struct snapshot *snapshot = instant->snapshot;
	const json_t *absent = json_object_get(json_object_get(report, "heap"), "absent");
	const char *code = text_of(absent, "code"), *message = text_of(absent, "message");
	if (!message[0] || snapshot->heap)
		return;
	bool unsupported = strcmp(code, error_code_name(ERROR_UNSUPPORTED)) == 0;
	error_set(&snapshot->heap_absent, unsupported ? ERROR_UNSUPPORTED : ERROR_NOT_FOUND, "%s",
		  message);
	instant->facts.heap_absent = snapshot->heap_absent.message;
	instant->facts.profiler_off = unsupported && snapshot_has(&snapshot->go_absent);
}

static void read_report(const json_t *report, struct instant *instant)
{
	struct snapshot *snapshot = instant->snapshot;
	read_identity(report, snapshot);
	read_cgroup(report, snapshot);
	read_ledger(report, "ledger", &snapshot->cgroup_ledger, &snapshot->cgroup_ledger_absent);
	read_ledger(report, "process_ledger", &snapshot->process_ledger,
		    &snapshot->process_ledger_absent);
	read_memstats(report, snapshot);
	read_goroutines(report, snapshot);
	instant_read_end(report, instant);
}

static void read_written(const json_t *root, struct facts *facts)
{
	struct onsets onsets;
	read_numbers(root, facts);
	read_kinds(root, facts);
	course_of_json(json_object_get(root, "course"), &onsets);
	if (onsets.to_ns)
		facts_set_onsets(facts, &onsets);
}

bool instant_read(const char *report, size_t report_size, const void *heap, size_t heap_size,
		  struct instant **out, struct error *error)
{
	json_error_t at;
	json_t *root = report ? json_loadb(report, report_size, JSON_REJECT_DUPLICATES, &at) : NULL;
	if (report && !json_is_object(root)) {
		json_decref(root);
		return error_set(error, ERROR_BAD_DATA, "report.json is no JSON: line %d", at.line);
	}
	struct instant *instant = instant_new();
	if (root) {
		make_texts_safe(root);
		read_report(root, instant);
	}
	bool ok = read_heap(instant->snapshot, heap, heap_size, error);
	if (ok) {
		facts_gather(instant->snapshot, instant->killed ? &instant->kill : NULL,
			     &instant->facts);
		if (root) {
			read_written(root, &instant->facts);
			read_heap_absent(root, instant);
		}
		*out = instant;
	} else {
		instant_free(instant);
	}
	json_decref(root);
	return ok;
}

struct instant *instant_of_goroutines(const struct snapshot_identity *identity,
				      struct goroutine_set *set)
{
	struct instant *instant = instant_new();
	struct snapshot *snapshot = instant->snapshot;
	if (identity) {
		snapshot->identity.go_version = keep(snapshot, identity->go_version);
		snapshot->identity.module_path = keep(snapshot, identity->module_path);
		snapshot->identity.main_package = keep(snapshot, identity->main_package);
		snprintf(snapshot->identity.command, sizeof snapshot->identity.command, "%s",
			 identity->command);
	}
	snapshot->goroutines = *set;
	*set = (struct goroutine_set){0};
	snapshot->goroutines_absent = (struct error){0};
	facts_gather(snapshot, NULL, &instant->facts);
	return instant;
}

struct snapshot_baseline instant_as_baseline(const struct instant *instant)
{
	double memory = 0;
	(void)facts_get(&instant->facts, "memory", &memory);
	return (struct snapshot_baseline){
		.heap = instant->snapshot->heap,
		.taken_unix_ns = instant->snapshot->quality.taken_unix_ns,
		.usage_bytes = (int64_t)memory,
		.facts = &instant->facts,
	};
}
