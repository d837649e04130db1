// SPDX-License-Identifier: Apache-2.0
// In: an open target and its executable. Out: what the Go runtime in it says, in the snapshot.
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/strbuf.h"
#include "snapshot/capture_priv.h"
#include "snapshot/contention_profile.h"
#include "snapshot/heap_profile.h"
#include "snapshot/runtime_part.h"

static void read_build_identity(struct taking *taking)
{
	struct snapshot_identity *identity = &taking->snapshot->identity;
	const struct go_buildinfo *info = &taking->info;
	identity->is_go = true;
	identity->build_id = taking_keep(taking, elf_image_build_id(taking->image));
	identity->build_name =
		taking_keep(taking, build_ids_name(elf_image_build_ids(taking->image)));
	identity->go_version = taking_keep(taking, info->version_text);
	identity->main_package = taking_keep(taking, info->main_package);
	identity->module_path = taking_keep(taking, info->main_module.path);
	identity->module_version = taking_keep(taking, info->main_module.version);
	identity->vcs_revision = taking_keep(taking, go_buildinfo_setting(info, "vcs.revision"));
	const char *race = go_buildinfo_setting(info, "-race");
	identity->is_race = race && strcmp(race, "true") == 0;
	VEC_FOREACH (module, &info->dependencies)
		if (module->replaced_by && strchr("./", module->replaced_by[0]))
			vec_push(&identity->replaced_modules, taking_keep(taking, module->path));
}

static void note_quality(struct taking *taking)
{
	struct snapshot_quality *quality = &taking->snapshot->quality;
	const char *names[GO_SYMBOL_COUNT];
	size_t count = go_runtime_missing(&taking->runtime, names, GO_SYMBOL_COUNT);
	struct strbuf missing = {0};
	for (size_t i = 0; i < count; i++)
		strbuf_addf(&missing, "%s%s", i ? ", " : "", names[i]);
	quality->missing_symbols = missing.length ? taking_keep(taking, missing.text) : "";
	strbuf_deinit(&missing);
	quality->symbols_from_code = taking->runtime.symbols_from == SYMBOLS_FROM_CODE;
	quality->layout_caveat = layout_caveat(&taking->runtime.layout);
	if (functab_plugins(taking->runtime.functab) == FUNCTAB_PLUGINS_MISSING)
		quality->layout_caveat = "the functions of plugins are not known: what the program "
					 "has in memory of their files could not be read";
}

// A program that is not Go may have more than one library that is.
static bool no_go(const struct taking *taking, struct error *error)
{
	size_t libraries = taking->capture->go_libraries;
	if (taking->capture->guest >= 0 || !libraries)
		return false;
	error_set(error, ERROR_UNSUPPORTED,
		  "the program is not Go, and has loaded %zu Go %s with a runtime of %s own",
		  libraries, libraries == 1 ? "library" : "libraries",
		  libraries == 1 ? "its" : "their");
	return error_hint(error, "give the library to look at with --exe FILE");
}

static bool open_runtime(struct taking *taking, struct error *error)
{
	if (!go_buildinfo_read(taking->exe_fd, taking->image, &taking->info, error))
		return no_go(taking, error);
	read_build_identity(taking);
	if (!go_runtime_open(taking->target, taking->image, &taking->info, &taking->runtime, error))
		return false;
	taking->has_runtime = true;
	go_gauge_places_find(&taking->runtime, &taking->snapshot->go.gauge_places);
	note_quality(taking);
	taking->snapshot->functab = taking->runtime.functab; // the snapshot owns it from here
	return true;
}

// What the process's ledger needs beyond the spans.
static void take_ledger_parts(struct taking *taking)
{
	if (!(taking->parts & CAPTURE_LEDGER) || taking->capture->core)
		return;
	taking->has_marks =
		go_span_marks_read(&taking->runtime, &taking->spans, &taking->marks, NULL);
	go_own_memory_read(&taking->runtime, &taking->spans, &taking->own);
	taking->has_own = true;
}

static bool take_go(struct taking *taking, struct error *error)
{
	struct snapshot_go *go = &taking->snapshot->go;
	if (!(taking->parts & (CAPTURE_LEDGER | CAPTURE_RUNTIME | CAPTURE_WHO)))
		return error_set(error, ERROR_NOT_FOUND, "not asked for");
	if (!go_spans_read(&taking->runtime, &taking->spans, error) ||
	    !go_memstats_read(&taking->runtime, &taking->spans, &go->stats, error))
		return false;
	taking->has_spans = true;
	take_ledger_parts(taking);
	taking->snapshot->quality.failed_spans = taking->spans.failed;
	go->heap_alloc_bytes = taking->spans.heap_alloc;
	go->heap_objects = taking->spans.heap_objects;
	VEC_FOREACH (span, &taking->spans.spans)
		if (span->state == GO_SPAN_IN_USE && span->unswept)
			go->unswept_bytes += span->object_count * span->object_size;
	return true;
}

static bool take_runtime(struct taking *taking, struct error *error)
{
	struct snapshot *snapshot = taking->snapshot;
	struct runtime_part_source source = {
		.runtime = &taking->runtime,
		.stats = &snapshot->go.stats,
		.spans = &taking->spans,
		.environ_fd = taking->capture->files.environ,
		.in_haste = taking->parts & CAPTURE_IN_HASTE,
	};
	if (!(taking->parts & CAPTURE_RUNTIME))
		return error_set(error, ERROR_NOT_FOUND, "not asked for");
	if (!snapshot_has(&snapshot->go_absent)) {
		*error = snapshot->go_absent;
		return false;
	}
	return runtime_part_take(&source, &snapshot->runtime, error);
}

static bool read_buckets(struct taking *taking, struct error *error)
{
	struct snapshot_quality *quality = &taking->snapshot->quality;
	struct go_buckets *buckets = &taking->snapshot->buckets;
	if (!(taking->parts & CAPTURE_HEAP))
		return error_set(error, ERROR_NOT_FOUND, "not asked for");
	if (!go_buckets_read(&taking->runtime, buckets, error))
		return false;
	quality->profile_attempts = buckets->attempts;
	quality->profile_consistent = buckets->consistent;
	quality->damaged_buckets = buckets->damaged;
	quality->sample_rate_bytes = buckets->rate;
	return true;
}

static bool build_heap(struct taking *taking, struct error *error)
{
	struct snapshot *snapshot = taking->snapshot;
	struct go_buckets *buckets = &snapshot->buckets;
	struct heap_profile_source source = {
		.buckets = buckets,
		.functab = snapshot->functab,
		.default_sample_type = taking->default_sample_type,
		.taken_unix_ns = snapshot->quality.taken_unix_ns,
		.executable = convert_executable(taking->target, taking->image, taking->exe_path),
	};
	if (taking->parts & CAPTURE_RAW_STACKS)
		VEC_FOREACH (bucket, &buckets->buckets)
			for (size_t i = 0; i < bucket->depth; i++)
				(void)functab_frame(snapshot->functab, bucket->stack[i]);
	snapshot->heap_kinds = source.kinds =
		arena_alloc(&snapshot->arena, buckets->buckets.count + 1);
	return heap_profile_build(&source, &snapshot->heap, error);
}

static bool take_contention(struct taking *taking, enum go_contention_kind kind,
			    struct error *error)
{
	struct go_contention contention;
	struct snapshot *snapshot = taking->snapshot;
	unsigned int part = kind == GO_CONTENTION_BLOCK ? CAPTURE_BLOCK : CAPTURE_MUTEX;
	if (!(taking->parts & part))
		return error_set(error, ERROR_NOT_FOUND, "not asked for");
	if (!go_contention_read(&taking->runtime, kind, &contention, error))
		return false;
	snapshot->quality.damaged_buckets += contention.damaged;
	struct contention_profile_source source = {
		.contention = &contention,
		.functab = snapshot->functab,
		.taken_unix_ns = snapshot->quality.taken_unix_ns,
		.live = !taking->capture->core,
		.executable = convert_executable(taking->target, taking->image, taking->exe_path),
	};
	bool ok = contention_profile_build(&source, &snapshot->contention[kind], error);
	go_contention_deinit(&contention);
	return ok;
}

// Not an empty list where nobody looks for leaks.
static bool knows_leaks(const struct taking *taking, struct error *error)
{
	static const enum go_field field[] = {GO_WORK_TYPE_GOROUTINE_LEAK};
	return layout_require(&taking->runtime.layout, field, 1, error) ||
	       error_hint(error, "Go 1.27 finds leaked goroutines, and 1.26 when built with "
				 "GOEXPERIMENT=goroutineleakprofile");
}

static void finish_goroutines(struct taking *taking)
{
	struct snapshot_quality *quality = &taking->snapshot->quality;
	struct go_goroutines *goroutines = &taking->goroutines;
	go_goroutines_finish(take_ptr(taking->goroutine_reading), goroutines);
	goroutines->now_ns = taking->goroutines_ns;
	taking->snapshot->dead_goroutines = goroutines->dead;
	quality->failed_stacks = goroutines->stacks_failed;
	quality->unreadable_goroutines = goroutines->unreadable;
	quality->moved_goroutines = goroutines->moved;
	quality->running_stacks = goroutines->stacks_running;
	(void)!knows_leaks(taking, &taking->snapshot->leaks_absent);
}

// Goroutines may have moved on meanwhile: what does not fit any more is not known.
static void read_blocks(struct taking *taking)
{
	struct snapshot *snapshot = taking->snapshot;
	if (!(taking->parts & CAPTURE_BLOCKED))
		error_set(&snapshot->blocks_absent, ERROR_NOT_FOUND, "not asked for");
	else
		(void)!go_blocks_read(&taking->runtime, &taking->goroutines, &snapshot->blocks,
				      &snapshot->blocks_absent);
}

static bool read_reach(struct taking *taking, struct error *error)
{
	struct snapshot *snapshot = taking->snapshot;
	if (!(taking->parts & CAPTURE_WHO))
		return error_set(error, ERROR_NOT_FOUND, "not asked for");
	if (!taking->has_spans || !snapshot_has(&snapshot->blocks_absent)) {
		*error = taking->has_spans ? snapshot->blocks_absent : snapshot->go_absent;
		return false;
	}
	return go_reach_find(&taking->runtime, &taking->goroutines, &snapshot->blocks,
			     &taking->spans, &snapshot->reach, error);
}

// What goroutines wait on, and who could wake them.
static void read_waits(struct taking *taking)
{
	finish_goroutines(taking);
	read_blocks(taking);
	(void)!read_reach(taking, &taking->snapshot->reach_absent);
}

// What each waits on is checked against the goroutine, so that a stop need not last for it. Not so
// who could wake it.
static bool waits_for_release(const struct taking *taking)
{
	return taking->capture->mode == STILL_STOP && !(taking->parts & CAPTURE_WHO);
}

static bool read_goroutines(struct taking *taking, struct error *error)
{
	struct go_goroutine_reading **reading = &taking->goroutine_reading;
	if (!(taking->parts & CAPTURE_GOROUTINES))
		return error_set(error, ERROR_NOT_FOUND, "not asked for");
	if (!*reading && !go_goroutines_look(&taking->runtime, reading, error))
		return false;
	taking->goroutines_ns = clock_monotonic_ns();
	if (!go_goroutines_settle(*reading, error))
		return false;
	if (!waits_for_release(taking))
		read_waits(taking);
	return true;
}

static void build_goroutines(struct taking *taking)
{
	struct snapshot *snapshot = taking->snapshot;
	struct profile_mapping *executable = &snapshot->executable;
	struct block_texts texts = {
		.blocks = snapshot_has(&snapshot->blocks_absent) ? &snapshot->blocks : NULL,
		.reach = snapshot_has(&snapshot->reach_absent) ? &snapshot->reach : NULL,
		.sockets = taking->capture->sockets,
		.now_ns = taking->goroutines.now_ns};
	convert_goroutines(&taking->goroutines, taking->parts & CAPTURE_LABELS, &texts,
			   &snapshot->goroutines);
	if (!(taking->parts & CAPTURE_EACH_GOROUTINE))
		return;
	*executable = convert_executable(taking->target, taking->image, taking->exe_path);
	executable->file = taking_keep(taking, executable->file);
	executable->build_id = taking_keep(taking, executable->build_id);
	snapshot->each_goroutine = taking->goroutines;
	taking->goroutines = (struct go_goroutines){0};
}

// From here on the target stands still, if it was asked for.
static bool hold_still(struct taking *taking, struct error *error)
{
	const struct target_thread *threads;
	size_t count;
	struct still *still = taking->capture->still;
	if (!still)
		return true;
	if (!still_start(still, &threads, &count, error))
		return false;
	target_forget(taking->target);
	target_set_threads(taking->target, threads, count);
	return true;
}

static const char *mode_text(enum still_mode mode, bool torn)
{
	if (mode == STILL_FROZEN)
		return torn ? "frozen, but the copy was ended before all was read"
			    : "frozen, a copy of the target was read";
	return torn ? "stop, but the target went on before all was read"
		    : "stop, the target stood still while it was read";
}

// All that has to be read of the target's memory is; names are looked up in the executable.
static void let_go(struct taking *taking)
{
	struct snapshot_quality *quality = &taking->snapshot->quality;
	if (!taking->capture->still)
		return;
	struct still_outcome outcome = still_release(taking->capture->still);
	quality->target_pause_ns = outcome.pause_ns;
	quality->torn = outcome.torn;
	quality->mode = mode_text(taking->capture->mode, outcome.torn);
	target_set_threads(taking->target, NULL, 0);
}

void taking_no_go(struct taking *taking, const struct error *why)
{
	struct snapshot *snapshot = taking->snapshot;
	snapshot->go_absent = snapshot->heap_absent = snapshot->goroutines_absent =
		snapshot->runtime_absent = snapshot->contention_absent[GO_CONTENTION_BLOCK] =
			snapshot->contention_absent[GO_CONTENTION_MUTEX] = *why;
}

// In the order of worth for each millisecond, so that a target that dies on the way leaves most.
static void read_parts(struct taking *taking)
{
	struct snapshot *snapshot = taking->snapshot;
	if (!take_go(taking, &snapshot->go_absent))
		error_wrap(&snapshot->go_absent, "memory statistics");
	// At once: what the profile and the spans say of the heap is compared, and the part on the
	// runtime may wait for a collection that is under way.
	taking->has_buckets = read_buckets(taking, &snapshot->heap_absent);
	(void)!take_runtime(taking, &snapshot->runtime_absent);
	for (int kind = GO_CONTENTION_BLOCK; kind <= GO_CONTENTION_MUTEX; kind++)
		(void)!take_contention(taking, kind, &snapshot->contention_absent[kind]);
	taking->has_goroutines = read_goroutines(taking, &snapshot->goroutines_absent);
}

static void build_parts(struct taking *taking)
{
	struct snapshot *snapshot = taking->snapshot;
	if (taking->has_buckets && !build_heap(taking, &snapshot->heap_absent))
		profile_free(take_ptr(snapshot->heap));
	if (taking->has_goroutines)
		build_goroutines(taking);
}

bool taking_go(struct taking *taking, struct error *error)
{
	struct error no_runtime = {0};
	if (!open_runtime(taking, &no_runtime)) {
		taking_no_go(taking, &no_runtime);
		return true;
	}
	if (taking->capture->mode == STILL_STOP && taking->parts & CAPTURE_GOROUTINES)
		(void)!go_goroutines_look(&taking->runtime, &taking->goroutine_reading, NULL);
	if (!hold_still(taking, error))
		return false;
	read_parts(taking);
	if (!taking->capture->core)
		taking_account(taking);
	// Names are in the executable, but those of plugins are in the memory that goes.
	bool early = taking->capture->mode == STILL_FROZEN &&
		     functab_plugins(taking->runtime.functab) != FUNCTAB_NO_PLUGINS;
	if (early)
		build_parts(taking);
	let_go(taking);
	if (taking->has_goroutines && waits_for_release(taking))
		read_waits(taking);
	if (!early)
		build_parts(taking);
	return true;
}
