// SPDX-License-Identifier: Apache-2.0
// In: a process id. Out: a snapshot of it and its cgroup.
#include "snapshot/capture_priv.h"

#include <fcntl.h>
#include <inttypes.h>
#include <sha256.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "golang/instruction_library.h"
#include "ledger/process_ledger.h"
#include "snapshot/contention_profile.h"
#include "snapshot/convert.h"
#include "snapshot/heap_profile.h"
#include "snapshot/runtime_part.h"
#include "snapshot/surroundings.h"
#include "system/cgroup.h"
#include "system/container.h"
#include "system/frozen.h"
#include "system/maps.h"

enum { ARGUMENTS_LIMIT = 2 << 20 };

void capture_close(struct capture *capture)
{
	if (!capture)
		return;
	(void)!capture_let_go(capture, NULL);
	file_survey_end(capture->files_of_cgroup);
	process_files_close(&capture->files);
	core_files_free(capture->core);
	cleanup_close(&capture->guest);
	free(capture->guest_path);
	cgroup_close(capture->cgroup);
	cgroup_survey_deinit(&capture->survey);
	container_sources_close(capture->container);
	sockets_free(capture->sockets);
	free(capture);
}

void capture_open_sockets(struct capture *capture)
{
	if (!capture->core && !capture->sockets)
		(void)!sockets_open(capture->files.dir, &capture->sockets, NULL);
}

const struct process_files *capture_get_files(const struct capture *capture)
{
	return &capture->files;
}

static void open_cgroup(struct capture *capture, const char *proc_root, const char *path)
{
	if (path)
		snprintf(capture->place.path, sizeof capture->place.path, "%s", path);
	else if (!cgroup_find(proc_root, "/proc/self/mountinfo", capture->files.pid,
			      &capture->place, &capture->cgroup_error))
		return;
	if (cgroup_open(capture->place.path, &capture->cgroup, &capture->cgroup_error))
		cgroup_survey_take(capture->cgroup, proc_root, false, &capture->survey);
}

// Where the environment names no good directories, the usual ones are looked at.
static void open_container(struct capture *capture, const char *proc_root)
{
	struct container_roots roots;
	if (!container_roots_init(&roots, getenv(CONTAINER_ROOTS_VARIABLE), NULL) &&
	    !container_roots_init(&roots, NULL, NULL))
		return;
	roots.proc = proc_root;
	capture->container = container_sources_open(&roots, capture->files.pid);
}

bool capture_open(const char *proc_root, pid_t pid, const char *cgroup_path, struct capture **out,
		  struct error *error)
{
	struct capture *capture = alloc_zero(sizeof *capture);
	capture->files = PROCESS_FILES_NONE;
	capture->guest = -1;
	instruction_library_prepare();
	if (!process_files_open(proc_root, pid, &capture->files, error)) {
		free(capture);
		return false;
	}
	capture->boot_unix_ns = process_boot_unix_ns();
	open_cgroup(capture, proc_root, cgroup_path);
	open_container(capture, proc_root);
	surroundings_take(capture->files.dir, &capture->surroundings);
	*out = capture;
	return true;
}

bool capture_hold_still(struct capture *capture, enum still_mode mode, struct error *error)
{
	capture->mode = mode;
	if (mode == STILL_FROZEN && !frozen_check(&capture->files, capture->cgroup, error))
		return false;
	return mode == STILL_NOT ||
	       still_begin(mode, &capture->files, STILL_STOP_LIMIT_NS, &capture->still, error);
}

bool capture_let_go(struct capture *capture, struct error *error)
{
	return still_end(take_ptr(capture->still), error);
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
	go_blocks_deinit(&snapshot->blocks);
	go_reach_deinit(&snapshot->reach);
	functab_free(snapshot->functab);
	goroutine_set_deinit(&snapshot->goroutines);
	ledger_deinit(&snapshot->process_ledger);
	ledger_deinit(&snapshot->cgroup_ledger);
	snapshot_files_deinit(&snapshot->files);
	arena_deinit(&snapshot->arena);
	free(snapshot);
}

const char *taking_keep(struct taking *taking, const char *text)
{
	const char *copy = arena_string(&taking->snapshot->arena, text, strlen(text));
	return copy ? copy : "";
}

// Of 32 bits, so that nobody can guess from it what the arguments are.
static void digest_arguments(const struct process_files *files, char *digest, size_t capacity)
{
	char sha256[SHA256_DIGEST_STRING_LENGTH];
	_cleanup_free_ char *arguments = NULL;
	size_t size;
	if (files->cmdline < 0 || !file_read(files->cmdline, "/proc/PID/cmdline", ARGUMENTS_LIMIT,
					     &arguments, &size, NULL))
		return;
	SHA256Data((const uint8_t *)arguments, size, sha256);
	snprintf(digest, capacity, "%.8s", sha256);
}

static bool read_process_identity(struct taking *taking, struct error *error)
{
	struct snapshot_identity *identity = &taking->snapshot->identity;
	struct capture *capture = taking->capture;
	struct process_stat stat;
	struct process_status status;
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
	if (capture->container && container_sources_read(capture->container, &identity->container))
		identity->container_id = taking_keep(taking, identity->container.id);
	digest_arguments(&capture->files, identity->arguments_digest,
			 sizeof identity->arguments_digest);
	snprintf(taking->exe_path, sizeof taking->exe_path, "%s", identity->executable);
	char *deleted = strstr(taking->exe_path, " (deleted)");
	if (deleted)
		*deleted = '\0';
	return true;
}

static bool read_mappings(const struct taking *taking, struct target_mapping **mappings,
			  size_t *count, struct error *error)
{
	struct maps maps = {0};
	const struct process_files *files = &taking->capture->files;
	int copy = taking->capture->still ? still_maps_fd(taking->capture->still) : -1;
	if (!maps_read(copy >= 0 ? copy : files->maps, "/proc/PID/maps", &maps, error))
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
	int copy = taking->capture->still ? still_memory_fd(taking->capture->still) : -1;
	struct target_source source = {.memory_fd = copy >= 0 ? copy : files->mem,
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

// A copy is not disturbed by being read.
static bool take_native(struct taking *taking, const struct maps *maps,
			struct native_memory *native)
{
	bool is_copy = taking->capture->still && still_memory_fd(taking->capture->still) >= 0;
	if (!taking->target)
		return false;
	target_skip_absent(taking->target, is_copy ? -1 : taking->capture->files.pagemap);
	bool ok = native_memory_read(taking->target, maps, native, NULL);
	target_skip_absent(taking->target, -1);
	return ok;
}

static bool take_process_ledger(struct taking *taking, struct error *error)
{
	struct snapshot_process_memory *memory = &taking->snapshot->process_memory;
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
	VEC_FOREACH (mapping, &maps.list) {
		memory->rss_bytes += (int64_t)mapping->rss_bytes.value;
		memory->pss_bytes += (int64_t)mapping->pss_bytes.value;
		memory->anon_bytes += (int64_t)mapping->anonymous_bytes.value;
	}
	struct process_status status = {0};
	(void)!process_status_read(files, &status, NULL);
	struct process_ledger_input input = {
		.maps = &maps,
		.pagemap_fd = files->pagemap,
		.exe_path = taking->exe_path,
		.status_rss_bytes = status.vm_rss_bytes,
		.marks = taking->has_marks ? &taking->marks : NULL,
		.own = taking->has_own ? &taking->own : NULL,
		.spans = taking->has_spans ? &taking->spans : NULL,
		.stats = taking->has_spans ? &taking->snapshot->go.stats : NULL,
	};
	struct native_memory native;
	if (taking->parts & CAPTURE_NATIVE && take_native(taking, &maps, &native))
		input.native = &native;
	bool ok = process_ledger_build(&input, &taking->snapshot->process_ledger, error);
	if (input.native)
		native_memory_deinit(&native);
	maps_deinit(&maps);
	return ok;
}

static bool take_cgroup(struct taking *taking, struct error *error)
{
	struct capture *capture = taking->capture;
	struct snapshot *snapshot = taking->snapshot;
	struct cgroup_part part;
	if (!capture->cgroup) {
		*error = capture->cgroup_error;
		return false;
	}
	struct cgroup_process_account account = {
		capture->files.pid,
		snapshot->process_memory.anon_bytes,
		&snapshot->process_ledger,
	};
	struct cgroup_part_source source = {
		.cgroup = capture->cgroup,
		.survey = &capture->survey,
		.accounts = &account,
		.account_count = snapshot_has(&snapshot->process_ledger_absent),
		.arena = &snapshot->arena,
	};
	if (!cgroup_part_take(&source, &part, error))
		return false;
	snapshot->cgroup = part.facts;
	snapshot->cgroup_ledger = part.ledger;
	return true;
}

void taking_account(struct taking *taking)
{
	struct snapshot *snapshot = taking->snapshot;
	taking->has_account = true;
	if (!(taking->parts & CAPTURE_LEDGER)) {
		error_set(&snapshot->process_ledger_absent, ERROR_NOT_FOUND, "not asked for");
		snapshot->cgroup_absent = snapshot->cgroup_ledger_absent =
			snapshot->process_ledger_absent;
		return;
	}
	(void)!take_process_ledger(taking, &snapshot->process_ledger_absent);
	if (!take_cgroup(taking, &snapshot->cgroup_absent))
		snapshot->cgroup_ledger_absent = snapshot->cgroup_absent;
}

// Fails only where the target cannot be held still.
static bool take_parts(struct taking *taking, struct error *error)
{
	if (!taking->image)
		taking_no_go(taking, &taking->exe_error);
	else if (!taking_go(taking, error))
		return false;
	if (!taking->has_account)
		taking_account(taking);
	return true;
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
	go_own_memory_deinit(&taking->own);
	go_goroutines_forget(taking->goroutine_reading);
	go_goroutines_deinit(&taking->goroutines);
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
	bool taken = take_parts(taking, error);
	taking_finish(taking);
	if (!taken)
		return false;
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
	error_set(&snapshot->files_absent, ERROR_NOT_FOUND, "not asked for");
	snapshot->quality.layout_caveat = snapshot->quality.missing_symbols = "";
	snapshot->surroundings = capture->surroundings;
	identity->executable = identity->build_id = identity->container_id = "";
	identity->cgroup_path = identity->go_version = identity->main_package = "";
	identity->module_path = identity->module_version = identity->vcs_revision = "";
	if (!(capture->core ? taking_core(&taking, error) : take_live(&taking, error)))
		return false;
	snapshot->quality.duration_ns = clock_monotonic_ns() - start;
	*out = take_ptr(snapshot);
	return true;
}
