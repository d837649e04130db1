// SPDX-License-Identifier: Apache-2.0
// In: a process id. Out: a snapshot of it and its cgroup.
#include "snapshot/capture_priv.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "ledger/cgroup_ledger.h"
#include "ledger/process_ledger.h"
#include "snapshot/contention_profile.h"
#include "snapshot/convert.h"
#include "snapshot/heap_profile.h"
#include "snapshot/runtime_part.h"
#include "system/cgroup.h"
#include "system/container.h"
#include "system/maps.h"

enum { PROCESSES_MAX = 256, CGROUP_TEXT_MAX = 64 << 10 };

void capture_close(struct capture *capture)
{
	if (!capture)
		return;
	process_files_close(&capture->files);
	core_files_free(capture->core);
	cleanup_close(&capture->guest);
	free(capture->guest_path);
	cgroup_close(capture->cgroup);
	vec_deinit(&capture->others);
	free(capture);
}

static int by_anon(const void *a, const void *b)
{
	const struct other_process *left = a, *right = b;
	return (left->anon_bytes < right->anon_bytes) - (left->anon_bytes > right->anon_bytes);
}

// The anonymous memory of the other processes of the cgroup, the largest first: the kernel's
// numbers only.
static void read_others(struct capture *capture, const char *proc_root)
{
	struct cgroup_pids pids = {0};
	if (!cgroup_read_pids(capture->cgroup, &pids, NULL))
		return;
	for (size_t i = 0; i < pids.list.count && capture->others.count < PROCESSES_MAX; i++) {
		char path[64], text[4096];
		struct process_status status;
		_cleanup_close_ int fd = -1;
		snprintf(path, sizeof path, "%s/%d/status", proc_root, pids.list.items[i]);
		if (pids.list.items[i] == capture->files.pid || pids.list.items[i] <= 0 ||
		    !file_open(AT_FDCWD, path, &fd, NULL) ||
		    !file_read_into(fd, path, text, sizeof text, NULL) ||
		    !process_status_parse(text, &status, NULL))
			continue;
		struct other_process other = {.pid = pids.list.items[i]};
		snprintf(other.name, sizeof other.name, "%s", status.name);
		other.anon_bytes =
			status.rss_anon_bytes.known ? (int64_t)status.rss_anon_bytes.value : 0;
		vec_push(&capture->others, other);
	}
	if (capture->others.count)
		qsort(capture->others.items, capture->others.count, sizeof *capture->others.items,
		      by_anon);
	cgroup_pids_deinit(&pids);
}

static void open_cgroup(struct capture *capture, const char *proc_root, const char *path)
{
	if (path)
		snprintf(capture->place.path, sizeof capture->place.path, "%s", path);
	else if (!cgroup_find(proc_root, "/proc/self/mountinfo", capture->files.pid,
			      &capture->place, &capture->cgroup_error))
		return;
	if (cgroup_open(capture->place.path, &capture->cgroup, &capture->cgroup_error))
		read_others(capture, proc_root);
}

bool capture_open(const char *proc_root, pid_t pid, const char *cgroup_path, struct capture **out,
		  struct error *error)
{
	struct capture *capture = alloc_zero(sizeof *capture);
	capture->files = PROCESS_FILES_NONE;
	capture->guest = -1;
	if (!process_files_open(proc_root, pid, &capture->files, error)) {
		free(capture);
		return false;
	}
	capture->boot_unix_ns = process_boot_unix_ns();
	open_cgroup(capture, proc_root, cgroup_path);
	*out = capture;
	return true;
}

void snapshot_free(struct snapshot *snapshot)
{
	if (!snapshot)
		return;
	vec_deinit(&snapshot->identity.replaced_modules);
	runtime_part_deinit(&snapshot->runtime);
	profile_free(snapshot->heap);
	profile_free(snapshot->contention[GO_CONTENTION_BLOCK]);
	profile_free(snapshot->contention[GO_CONTENTION_MUTEX]);
	go_buckets_deinit(&snapshot->buckets);
	go_goroutines_deinit(&snapshot->each_goroutine);
	functab_free(snapshot->functab);
	goroutine_set_deinit(&snapshot->goroutines);
	ledger_deinit(&snapshot->process_ledger);
	ledger_deinit(&snapshot->cgroup_ledger);
	arena_deinit(&snapshot->arena);
	free(snapshot);
}

const char *taking_keep(struct taking *taking, const char *text)
{
	const char *copy = arena_string(&taking->snapshot->arena, text, strlen(text));
	return copy ? copy : "";
}

static bool read_process_identity(struct taking *taking, struct error *error)
{
	struct snapshot_identity *identity = &taking->snapshot->identity;
	struct capture *capture = taking->capture;
	struct process_stat stat;
	struct process_status status;
	struct container container;
	char text[CGROUP_TEXT_MAX];
	identity->pid = capture->files.pid;
	if (!process_stat_read(&capture->files, &stat, error) ||
	    !process_status_read(&capture->files, &status, error))
		return false;
	snprintf(identity->command, sizeof identity->command, "%.31s", status.name);
	identity->threads = (int)stat.thread_count;
	identity->started_unix_ns = process_start_unix_ns(&stat, capture->boot_unix_ns);
	if (capture->files.exe_path)
		identity->executable = taking_keep(taking, capture->files.exe_path);
	identity->cgroup_path = taking_keep(taking, capture->place.path);
	if (capture->files.cgroup >= 0 &&
	    file_read_into(capture->files.cgroup, "/proc/PID/cgroup", text, sizeof text, NULL) &&
	    container_parse(text, &container))
		identity->container_id = taking_keep(taking, container.id);
	snprintf(taking->exe_path, sizeof taking->exe_path, "%s", identity->executable);
	char *deleted = strstr(taking->exe_path, " (deleted)");
	if (deleted)
		*deleted = '\0';
	return true;
}

static void read_build_identity(struct taking *taking)
{
	struct snapshot_identity *identity = &taking->snapshot->identity;
	const struct go_buildinfo *info = &taking->info;
	identity->is_go = true;
	identity->build_id = taking_keep(taking, elf_image_build_id(taking->image));
	identity->go_version = taking_keep(taking, info->version_text);
	identity->main_package = taking_keep(taking, info->main_package);
	identity->module_path = taking_keep(taking, info->main_module.path);
	identity->module_version = taking_keep(taking, info->main_module.version);
	identity->vcs_revision = taking_keep(taking, go_buildinfo_setting(info, "vcs.revision"));
	VEC_FOREACH (module, &info->dependencies)
		if (module->replaced_by && strchr("./", module->replaced_by[0]))
			vec_push(&identity->replaced_modules, taking_keep(taking, module->path));
}

static bool read_mappings(const struct taking *taking, struct target_mapping **mappings,
			  size_t *count, struct error *error)
{
	struct maps maps = {0};
	const struct process_files *files = &taking->capture->files;
	if (!maps_read(files->maps, "/proc/PID/maps", &maps, error))
		return false;
	*count = maps.list.count;
	*mappings = convert_mappings(&maps, &taking->exe_file);
	convert_relocated(*mappings, *count, taking->image);
	maps_deinit(&maps);
	return *count > 0 || error_set(error, ERROR_NOT_FOUND, "process %d has ended", files->pid);
}

static bool reload_mappings(void *context, struct target *target)
{
	_cleanup_free_ struct target_mapping *mappings = NULL;
	size_t count;
	if (!read_mappings(context, &mappings, &count, NULL))
		return false;
	target_set_mappings(target, mappings, count);
	return true;
}

static bool open_target(struct taking *taking, struct error *error)
{
	_cleanup_free_ struct target_mapping *mappings = NULL;
	const struct process_files *files = &taking->capture->files;
	struct target_source source = {.memory_fd = files->mem,
				       .exe_fd = taking->mapped_exe_fd,
				       .reload = reload_mappings,
				       .reload_context = taking};
	if (!read_mappings(taking, &mappings, &source.mapping_count, error))
		return false;
	source.mappings = mappings;
	taking->target = target_new(&source);
	return true;
}

// An emulator may move a program that cannot be moved; what its pointers say is of no use then.
static void check_place(struct taking *taking)
{
	size_t count = 0;
	taddr_t start = target_exe_start(taking->target);
	const struct elf_segment *segments =
		taking->image ? elf_image_segments(taking->image, &count) : NULL;
	if (!count || !start || elf_image_is_relocatable(taking->image) ||
	    segments[0].file_offset || segments[0].address == start)
		return;
	error_set(&taking->exe_error, ERROR_UNSUPPORTED,
		  "the program lies at 0x%" PRIx64 ", not at 0x%" PRIx64
		  ": an emulator has moved its memory",
		  start, segments[0].address);
	elf_image_free(take_ptr(taking->image));
}

static bool open_runtime(struct taking *taking, struct error *error)
{
	if (!go_buildinfo_read(taking->exe_fd, taking->image, &taking->info, error))
		return false;
	read_build_identity(taking);
	if (!go_runtime_open(taking->target, taking->image, &taking->info, &taking->runtime, error))
		return false;
	taking->has_runtime = true;
	taking->snapshot->quality.layout_caveat = layout_caveat(&taking->runtime.layout);
	taking->snapshot->functab = taking->runtime.functab; // the snapshot owns it from here
	return true;
}

static bool take_go(struct taking *taking, struct error *error)
{
	struct snapshot_go *go = &taking->snapshot->go;
	if (!go_spans_read(&taking->runtime, &taking->spans, error) ||
	    !go_memstats_read(&taking->runtime, &taking->spans, &go->stats, error))
		return false;
	taking->has_spans = true;
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
	};
	if (!(taking->parts & CAPTURE_RUNTIME))
		return error_set(error, ERROR_NOT_FOUND, "not asked for");
	if (!snapshot_has(&snapshot->go_absent)) {
		*error = snapshot->go_absent;
		return false;
	}
	return runtime_part_take(&source, &snapshot->runtime, error);
}

static bool take_heap(struct taking *taking, struct error *error)
{
	struct snapshot *snapshot = taking->snapshot;
	struct go_buckets *buckets = &snapshot->buckets;
	if (!go_buckets_read(&taking->runtime, buckets, error))
		return false;
	snapshot->quality.profile_attempts = buckets->attempts;
	snapshot->quality.profile_consistent = buckets->consistent;
	snapshot->quality.damaged_buckets = buckets->damaged;
	snapshot->quality.sample_rate_bytes = buckets->rate;
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

static bool take_goroutines(struct taking *taking, struct error *error)
{
	struct go_goroutines goroutines = {0};
	if (!go_goroutines_read(&taking->runtime, &goroutines, error))
		return false;
	struct snapshot_quality *quality = &taking->snapshot->quality;
	goroutines.now_ns = clock_monotonic_ns();
	quality->failed_stacks = goroutines.stacks_failed;
	quality->unreadable_goroutines = goroutines.unreadable;
	quality->moved_goroutines = goroutines.moved;
	quality->running_stacks = goroutines.stacks_running;
	(void)!knows_leaks(taking, &taking->snapshot->leaks_absent);
	convert_goroutines(&goroutines, &taking->snapshot->goroutines);
	if (!(taking->parts & CAPTURE_EACH_GOROUTINE)) {
		go_goroutines_deinit(&goroutines);
		return true;
	}
	struct profile_mapping *executable = &taking->snapshot->executable;
	*executable = convert_executable(taking->target, taking->image, taking->exe_path);
	executable->file = taking_keep(taking, executable->file);
	executable->build_id = taking_keep(taking, executable->build_id);
	taking->snapshot->each_goroutine = goroutines;
	return true;
}

static bool take_process_ledger(struct taking *taking, int64_t *anon_bytes, struct error *error)
{
	const struct process_files *files = &taking->capture->files;
	struct maps maps = {0};
	if (files->smaps < 0)
		return error_set(error, ERROR_NOT_FOUND, "/proc/%d/smaps cannot be opened",
				 files->pid);
	if (!maps_read(files->smaps, "/proc/PID/smaps", &maps, error))
		return false;
	if (!maps.list.count) {
		maps_deinit(&maps);
		return error_set(error, ERROR_NOT_FOUND,
				 "process %d ended before its memory could be "
				 "accounted for",
				 files->pid);
	}
	VEC_FOREACH (mapping, &maps.list)
		*anon_bytes += (int64_t)mapping->anonymous_bytes.value;
	struct process_ledger_input input = {
		.maps = &maps,
		.pagemap_fd = files->pagemap,
		.exe_path = taking->exe_path,
		.spans = taking->has_spans ? &taking->spans : NULL,
		.stats = taking->has_spans ? &taking->snapshot->go.stats : NULL,
	};
	bool ok = process_ledger_build(&input, &taking->snapshot->process_ledger, error);
	maps_deinit(&maps);
	return ok;
}

static void fill_cgroup(struct taking *taking, const struct cgroup_stat *stat)
{
	struct snapshot_cgroup *cgroup = &taking->snapshot->cgroup;
	const struct capture *capture = taking->capture;
	cgroup->version = (int)cgroup_get_version(capture->cgroup);
	cgroup->path = taking_keep(taking, cgroup_get_path(capture->cgroup));
	cgroup->usage_bytes = (int64_t)stat->counts.usage_bytes.value;
	cgroup->limit_bytes = stat->effective_limit.known && !stat->effective_limit.unlimited
				      ? (int64_t)stat->effective_limit.bytes
				      : -1;
	cgroup->limit_path =
		taking_keep(taking, stat->effective_limit_path ? stat->effective_limit_path : "");
	cgroup->anon_bytes = (int64_t)stat->anon_bytes.value;
	cgroup->file_bytes = (int64_t)stat->file_bytes.value;
	cgroup->oom_kills =
		stat->counts.oom_kill_count.known ? (int64_t)stat->counts.oom_kill_count.value : -1;
	cgroup->processes = (int)capture->others.count + 1;
}

static bool take_cgroup(struct taking *taking, int64_t process_anon_bytes, struct error *error)
{
	struct capture *capture = taking->capture;
	struct snapshot *snapshot = taking->snapshot;
	struct cgroup_stat stat;
	if (!capture->cgroup) {
		*error = capture->cgroup_error;
		return false;
	}
	if (!cgroup_stat(capture->cgroup, &stat, error))
		return false;
	fill_cgroup(taking, &stat);
	_cleanup_free_ struct cgroup_process *processes =
		alloc_array(capture->others.count + 1, sizeof *processes);
	processes[0] = (struct cgroup_process){
		.pid = capture->files.pid,
		.name = snapshot->identity.command,
		.anon_bytes = process_anon_bytes,
		.ledger = snapshot_has(&snapshot->process_ledger_absent) ? &snapshot->process_ledger
									 : NULL,
	};
	for (size_t i = 0; i < capture->others.count; i++)
		processes[i + 1] = (struct cgroup_process){
			.pid = capture->others.items[i].pid,
			.name = capture->others.items[i].name,
			.anon_bytes = capture->others.items[i].anon_bytes,
		};
	struct cgroup_ledger_input input = {
		.version = cgroup_get_version(capture->cgroup),
		.stat = &stat,
		.processes = processes,
		.process_count = capture->others.count + 1,
	};
	cgroup_ledger_build(&input, &snapshot->cgroup_ledger);
	return true;
}

static void no_go(struct snapshot *snapshot, const struct error *why)
{
	snapshot->go_absent = snapshot->heap_absent = snapshot->goroutines_absent =
		snapshot->runtime_absent = snapshot->contention_absent[GO_CONTENTION_BLOCK] =
			snapshot->contention_absent[GO_CONTENTION_MUTEX] = *why;
}

void taking_go(struct taking *taking)
{
	struct snapshot *snapshot = taking->snapshot;
	struct error no_runtime = {0};
	if (!open_runtime(taking, &no_runtime)) {
		no_go(snapshot, &no_runtime);
		return;
	}
	if (!take_go(taking, &snapshot->go_absent))
		error_wrap(&snapshot->go_absent, "memory statistics");
	(void)!take_runtime(taking, &snapshot->runtime_absent);
	if (!(taking->parts & CAPTURE_HEAP))
		error_set(&snapshot->heap_absent, ERROR_NOT_FOUND, "not asked for");
	else if (!take_heap(taking, &snapshot->heap_absent))
		profile_free(take_ptr(snapshot->heap));
	for (int kind = GO_CONTENTION_BLOCK; kind <= GO_CONTENTION_MUTEX; kind++)
		(void)!take_contention(taking, kind, &snapshot->contention_absent[kind]);
	if (!(taking->parts & CAPTURE_GOROUTINES))
		error_set(&snapshot->goroutines_absent, ERROR_NOT_FOUND, "not asked for");
	else
		(void)!take_goroutines(taking, &snapshot->goroutines_absent);
}

// In the order of worth for each millisecond, so that a target that dies on the way leaves most.
static void take_parts(struct taking *taking)
{
	struct snapshot *snapshot = taking->snapshot;
	int64_t anon_bytes = 0;
	if (taking->image)
		taking_go(taking);
	else
		no_go(snapshot, &taking->exe_error);
	if (!(taking->parts & CAPTURE_LEDGER)) {
		error_set(&snapshot->process_ledger_absent, ERROR_NOT_FOUND, "not asked for");
		snapshot->cgroup_absent = snapshot->cgroup_ledger_absent =
			snapshot->process_ledger_absent;
		return;
	}
	(void)!take_process_ledger(taking, &anon_bytes, &snapshot->process_ledger_absent);
	if (!take_cgroup(taking, anon_bytes, &snapshot->cgroup_absent))
		snapshot->cgroup_ledger_absent = snapshot->cgroup_absent;
}

void taking_finish(struct taking *taking)
{
	struct snapshot_quality *quality = &taking->snapshot->quality;
	struct target_counters counters = {0};
	if (taking->target)
		counters = target_get_counters(taking->target);
	quality->reads = counters.reads;
	quality->read_bytes = counters.bytes;
	quality->failed_reads = counters.failed_reads;
	if (taking->snapshot->functab) {
		quality->table_failures = functab_failures(taking->snapshot->functab);
		functab_detach(taking->snapshot->functab);
	}
	target_free(taking->target);
	elf_image_free(taking->image);
	go_buildinfo_deinit(&taking->info);
	go_spans_deinit(&taking->spans);
}

// A process that ends gives back its memory first and is seen to have ended later.
static bool memory_is_gone(const struct process_files *files)
{
	char first[2];
	return process_ended(files) ||
	       (file_read_into(files->maps, "maps", first, sizeof first, NULL) && !first[0]);
}

static bool take_live(struct taking *taking, struct error *error)
{
	struct snapshot *snapshot = taking->snapshot;
	const struct process_files *files = &taking->capture->files;
	snapshot->quality.mode = "live, the target was not stopped";
	snapshot->quality.taken_unix_ns = clock_unix_ns();
	if (!read_process_identity(taking, error))
		return false;
	taking_choose_exe(taking);
	if (!open_target(taking, error))
		return false;
	check_place(taking);
	take_parts(taking);
	taking_finish(taking);
	snapshot->quality.target_ended = memory_is_gone(files);
	return !snapshot->quality.target_ended || snapshot_has(&snapshot->heap_absent) ||
	       snapshot_has(&snapshot->process_ledger_absent) ||
	       error_set(error, ERROR_NOT_FOUND, "process %d ended while it was read", files->pid);
}

bool capture_take(struct capture *capture, unsigned int parts, const char *default_sample_type,
		  struct snapshot **out, struct error *error)
{
	int64_t start = clock_monotonic_ns();
	_cleanup_(snapshot_freep) struct snapshot *snapshot = alloc_zero(sizeof *snapshot);
	struct snapshot_identity *identity = &snapshot->identity;
	struct taking taking = {.capture = capture,
				.snapshot = snapshot,
				.parts = parts,
				.default_sample_type = default_sample_type,
				.exe_fd = -1,
				.mapped_exe_fd = -1};
	snapshot->quality.layout_caveat = "";
	identity->executable = identity->build_id = identity->container_id = "";
	identity->cgroup_path = identity->go_version = identity->main_package = "";
	identity->module_path = identity->module_version = identity->vcs_revision = "";
	if (!(capture->core ? taking_core(&taking, error) : take_live(&taking, error)))
		return false;
	snapshot->quality.duration_ns = clock_monotonic_ns() - start;
	*out = take_ptr(snapshot);
	return true;
}
