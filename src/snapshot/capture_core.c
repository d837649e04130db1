// SPDX-License-Identifier: Apache-2.0
// In: a core file and, if need be, its executable. Out: a snapshot of the process that it was.
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/units.h"
#include "golang/instruction_library.h"
#include "snapshot/capture_priv.h"
#include "system/scout.h"
#include "target/core.h"
#include "target/memory_image.h"

enum { PATH_MAX_BYTES = 4096, PAGE_BYTES = 4096 };

struct core_files {
	int core, exe, rebuilt; // rebuilt: an empty file to put the executable into, or -1
	bool exe_is_given;      // by the user, not by the core
	char *core_path, *exe_path;
	struct error exe_error; // why `exe` is not open
	int64_t modified_unix_ns;
};

// A core that is being read.
struct reading {
	struct taking *taking;
	struct core_files *files;
	struct core core;
	bool has_program; // `program` is what the core itself says of its executable
	struct memory_image program;
	uint64_t bias;
	bool verified; // the executable is the one that made the core
};

struct wanted_exe {
	char path[PATH_MAX_BYTES]; // "" when the core names none
};

void core_files_free(struct core_files *files)
{
	if (!files)
		return;
	cleanup_close(&files->core);
	cleanup_close(&files->exe);
	cleanup_close(&files->rebuilt);
	free(files->core_path);
	free(files->exe_path);
	free(files);
}

// The path of the executable: as the process's kernel knew it, else as the program was called. The
// caller frees it.
static char *find_exe_path(const struct core *core)
{
	static const char suffix[] = " (deleted)";
	const struct core_file *file = core_find_file(core, core->program_headers);
	if (!file)
		file = core_find_file(core, core->entry);
	char *path = alloc_string(file ? file->path : core->arguments);
	size_t length = strlen(path);
	if (!file)
		path[strcspn(path, " ")] = '\0';
	else if (length > strlen(suffix) && !strcmp(path + length - strlen(suffix), suffix))
		path[length - strlen(suffix)] = '\0';
	return path;
}

static bool look_for_exe(void *context, void *answer, struct error *error)
{
	const struct core_files *files = context;
	struct wanted_exe *wanted = answer;
	struct core core;
	if (!core_open(files->core, &core, error))
		return false;
	_cleanup_free_ char *path = find_exe_path(&core);
	// The path is of the process's own root folder; a relative one means nothing here.
	if (path[0] == '/' && strlen(path) < sizeof wanted->path)
		memcpy(wanted->path, path, strlen(path));
	core_deinit(&core);
	return true;
}

// The first bytes of what core dumps are often packed with.
static const char *find_packing(int fd)
{
	static const struct {
		const char *magic, *name;
		size_t size;
	} rows[] = {
		{"\x28\xb5\x2f\xfd", "zstd", 4},
		{"\x04\x22\x4d\x18", "lz4", 4},
		{"\xfd"
		 "7zXZ",
		 "xz", 5},
		{"\x1f\x8b", "gzip", 2},
	};
	char bytes[8] = "";
	if (pread(fd, bytes, sizeof bytes, 0) != sizeof bytes)
		return NULL;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (memcmp(bytes, rows[i].magic, rows[i].size) == 0)
			return rows[i].name;
	return NULL;
}

static bool not_a_core(const struct core_files *files, struct error *error)
{
	const char *packing = find_packing(files->core);
	error_wrap(error, "%.256s", files->core_path);
	if (packing)
		error_hint(error, "it is packed with %s: unpack it first", packing);
	return false;
}

static bool open_files(struct core_files *files, struct error *error)
{
	struct stat stat;
	if (!scout_open_file(AT_FDCWD, files->core_path, &files->core, error))
		return false;
	if (fstat(files->core, &stat) == 0)
		files->modified_unix_ns = stat.st_mtim.tv_sec * 1000000000 + stat.st_mtim.tv_nsec;
	if (files->exe_is_given)
		return scout_open_file(AT_FDCWD, files->exe_path, &files->exe, error);
	struct wanted_exe wanted = {""};
	if (!scout_run(look_for_exe, files, &wanted, sizeof wanted, error))
		return not_a_core(files, error);
	wanted.path[sizeof wanted.path - 1] = '\0';
	files->exe_path = alloc_string(wanted.path);
	if (!wanted.path[0])
		error_set(&files->exe_error, ERROR_NOT_FOUND, "the core names no executable");
	else
		(void)!scout_open_file(AT_FDCWD, wanted.path, &files->exe, &files->exe_error);
	files->rebuilt = memfd_create("whyoom-executable", MFD_CLOEXEC);
	return true;
}

bool capture_open_core(const char *core_path, const char *exe_path, struct capture **out,
		       struct error *error)
{
	struct capture *capture = alloc_zero(sizeof *capture);
	struct core_files *files = alloc_zero(sizeof *files);
	capture->files = PROCESS_FILES_NONE;
	capture->guest = -1;
	instruction_library_prepare();
	capture->core = files;
	files->core = files->exe = files->rebuilt = -1;
	files->core_path = alloc_string(core_path);
	files->exe_path = alloc_string(exe_path);
	files->exe_is_given = exe_path;
	if (!open_files(files, error)) {
		capture_close(capture);
		return false;
	}
	*out = capture;
	return true;
}

static void replace_target(struct reading *reading, const struct elf_image *image)
{
	size_t count;
	_cleanup_free_ struct target_mapping *mappings =
		core_mappings(&reading->core, image, reading->bias, &count);
	struct target_source source = {
		.memory_fd = reading->files->core,
		.exe_fd = image ? reading->taking->exe_fd : -1,
		.mappings = mappings,
		.mapping_count = count,
		.memory_first = true,
	};
	target_free(reading->taking->target);
	reading->taking->target = target_new(&source);
	target_set_threads(reading->taking->target, reading->core.threads.items,
			   reading->core.threads.count);
}

static bool is_the_program(const struct reading *reading, const struct memory_image *image)
{
	return reading->core.entry ? image->entry + image->bias == reading->core.entry
				   : image->build_ids.go[0] != '\0';
}

// The executable's own headers in the core. The kernel keeps their page as a rule.
static void find_program(struct reading *reading)
{
	struct memory_image image;
	const struct core *core = &reading->core;
	struct target *target = reading->taking->target;
	taddr_t likely = core->program_headers & ~(taddr_t)(PAGE_BYTES - 1);
	reading->has_program = likely && memory_image_read(target, likely, &image, NULL) &&
			       is_the_program(reading, &image);
	for (size_t i = 0; !reading->has_program && i < core->loads.count; i++)
		reading->has_program =
			core->loads.items[i].data_size >= PAGE_BYTES &&
			memory_image_read(target, core->loads.items[i].start, &image, NULL) &&
			is_the_program(reading, &image);
	if (!reading->has_program)
		return;
	reading->program = image;
	reading->bias = image.bias;
}

static const char *wanted_build(const struct reading *reading)
{
	const char *name = reading->has_program ? build_ids_name(&reading->program.build_ids) : "";
	return name[0] ? name : "(the core does not tell)";
}

// Without a build ID on both sides: by what the core holds of what the program cannot write.
static enum build_match compare_memory(const struct reading *reading, const struct elf_image *image,
				       uint64_t bias)
{
	size_t count;
	const struct elf_segment *segments = elf_image_segments(image, &count);
	enum build_match match = BUILD_UNKNOWN;
	for (size_t i = 0; i < count && match != BUILD_OTHER; i++) {
		if (segments[i].writable || segments[i].executable) // a debugger writes into code
			continue;
		enum build_match here = memory_image_compare(reading->taking->target, &segments[i],
							     bias, reading->files->exe);
		match = here == BUILD_UNKNOWN ? match : here;
	}
	return match;
}

static enum build_match compare(const struct reading *reading, const struct elf_image *image)
{
	const struct memory_image *program = &reading->program;
	if (elf_image_machine(image) != reading->core.machine)
		return BUILD_OTHER;
	if (reading->has_program) {
		enum build_match match =
			build_ids_compare(&program->build_ids, elf_image_build_ids(image));
		if (match != BUILD_UNKNOWN)
			return match;
		bool same = memory_image_has_segments_of(program, image) &&
			    compare_memory(reading, image, program->bias) != BUILD_OTHER;
		return same ? BUILD_SAME : BUILD_OTHER;
	}
	bool moves = elf_image_is_relocatable(image);
	uint64_t bias = reading->core.entry ? reading->core.entry - elf_image_entry(image) : 0;
	if (moves ? !reading->core.entry || bias % PAGE_BYTES : bias != 0)
		return BUILD_OTHER;
	return compare_memory(reading, image, bias);
}

static bool other_build(const struct reading *reading, const struct elf_image *image,
			struct error *error)
{
	const char *build = build_ids_name(elf_image_build_ids(image));
	error_set(error, ERROR_NOT_FOUND,
		  "%.128s is not the executable of this core: its build ID is %.64s%s, the core is "
		  "of build %.90s",
		  reading->files->exe_path, build[0] ? build : "(none)",
		  strlen(build) > 64 ? "..." : "", wanted_build(reading));
	return error_hint(error, "give the executable that ran with --exe FILE; build ID %.128s",
			  wanted_build(reading));
}

// Counts the Go programs in a core of which the executable is none: its libraries.
static size_t count_libraries(const struct reading *reading)
{
	struct memory_image image;
	size_t count = 0;
	if (!reading->has_program || reading->program.build_ids.go[0] ||
	    is_emulator(reading->taking->exe_path))
		return 0;
	VEC_FOREACH (load, &reading->core.loads)
		count += load->data_size >= PAGE_BYTES &&
			 memory_image_read(reading->taking->target, load->start, &image, NULL) &&
			 image.build_ids.go[0];
	return count;
}

// A file that was given may be a library of the program.
static void find_library(struct reading *reading, const struct elf_image *file)
{
	const struct build_ids *wanted = elf_image_build_ids(file);
	struct memory_image image;
	VEC_FOREACH (load, &reading->core.loads) {
		if (load->data_size < PAGE_BYTES ||
		    !memory_image_read(reading->taking->target, load->start, &image, NULL) ||
		    build_ids_compare(&image.build_ids, wanted) != BUILD_SAME)
			continue;
		reading->has_program = true;
		reading->program = image;
		reading->bias = image.bias;
		return;
	}
}

// The file that was given or that the core names, if it is what ran.
static bool use_file(struct reading *reading, struct error *error)
{
	struct taking *taking = reading->taking;
	const struct core_files *files = reading->files;
	struct elf_image *image;
	if (files->exe < 0) {
		*error = files->exe_error;
		return false;
	}
	if (!elf_image_open(files->exe, &image, error))
		return error_wrap(error, "%.256s", files->exe_path);
	if (files->exe_is_given)
		find_library(reading, image);
	enum build_match match = compare(reading, image);
	bool taken = match == BUILD_SAME || (match == BUILD_UNKNOWN && files->exe_is_given);
	if (!taken) {
		other_build(reading, image, error);
		elf_image_free(image);
		return false;
	}
	reading->verified = match == BUILD_SAME;
	if (!reading->has_program && elf_image_is_relocatable(image))
		reading->bias = reading->core.entry - elf_image_entry(image);
	taking->exe_fd = files->exe;
	taking->image = image;
	return true;
}

// The executable out of the core, where every page of it was dumped.
static bool use_core(struct reading *reading, struct error *error)
{
	struct taking *taking = reading->taking;
	int fd = reading->files->rebuilt;
	if (fd < 0 || !reading->has_program)
		return error_set(error, ERROR_NOT_FOUND, "the core does not hold its executable");
	if (!memory_image_write(taking->target, &reading->program, fd, error) ||
	    !elf_image_open(fd, &taking->image, error))
		return false;
	taking->exe_fd = fd;
	reading->verified = true;
	return true;
}

static bool no_executable(const struct reading *reading, const struct error *why,
			  struct error *error)
{
	error_set(
		error, ERROR_NOT_FOUND,
		"the core needs its executable, which it does not hold: %.300s; wanted: build %.90s",
		why->message, wanted_build(reading));
	return error_hint(error,
			  "give it with --exe FILE; the core says it was %.200s, build ID %.128s",
			  reading->files->exe_path[0] ? reading->files->exe_path : "(no path told)",
			  wanted_build(reading));
}

static bool find_executable(struct reading *reading, struct error *error)
{
	struct error no_file = {0}, no_pages = {0};
	find_program(reading);
	reading->taking->capture->go_libraries = count_libraries(reading);
	if (use_file(reading, &no_file))
		return true;
	if (reading->files->exe_is_given) {
		*error = no_file;
		return false;
	}
	return use_core(reading, &no_pages) || no_executable(reading, &no_file, error);
}

static void fill_identity(struct reading *reading)
{
	struct snapshot_identity *identity = &reading->taking->snapshot->identity;
	const struct core *core = &reading->core;
	identity->pid = (int)core->pid;
	if (!identity->pid &&
	    core->threads.count) // qemu's and the kernel's first is the one that died
		identity->pid = (int)core->threads.items[0].id;
	snprintf(identity->command, sizeof identity->command, "%s", core->command);
	identity->threads = (int)core->threads.count;
	_cleanup_free_ char *path = find_exe_path(core);
	identity->executable =
		taking_keep(reading->taking, path[0] == '/' ? path : reading->files->exe_path);
	snprintf(reading->taking->exe_path, sizeof reading->taking->exe_path, "%s",
		 identity->executable);
}

// qemu's own core is of a program for this machine, which has another one inside.
static void hint_at_emulator(struct reading *reading)
{
	struct snapshot *snapshot = reading->taking->snapshot;
	if (snapshot->identity.is_go || !is_emulator(reading->taking->exe_path))
		return;
	error_hint(&snapshot->go_absent,
		   "this is the core of the emulator; the program's own is in a file "
		   "qemu_NAME_DATE_PID.core beside it");
	error_hint(&snapshot->heap_absent, "%s", snapshot->go_absent.hint);
}

static const char *describe(struct reading *reading)
{
	const struct core *core = &reading->core;
	char missing[96] = "";
	if (core->missing_bytes)
		snprintf(missing, sizeof missing, ", cut short: %s of memory are missing",
			 human_bytes((int64_t)core->missing_bytes).text);
	_cleanup_free_ char *text = alloc_format(
		"core file%s%s%s%s", missing, core->notes_damaged ? ", its notes are damaged" : "",
		reading->taking->exe_fd == reading->files->rebuilt
			? ", the executable taken from it"
			: "",
		reading->verified ? "" : ", the executable could not be verified");
	return taking_keep(reading->taking, text);
}

bool taking_core(struct taking *taking, struct error *error)
{
	struct snapshot *snapshot = taking->snapshot;
	struct reading reading = {.taking = taking, .files = taking->capture->core};
	if (!core_open(reading.files->core, &reading.core, error))
		return not_a_core(reading.files, error);
	fill_identity(&reading);
	replace_target(&reading, NULL);
	bool ok = find_executable(&reading, error) ||
		  error_wrap(error, "%.128s", reading.files->core_path);
	if (ok) {
		replace_target(&reading, taking->image);
		ok = taking_go(taking, error);
		hint_at_emulator(&reading);
	}
	error_set(&snapshot->process_ledger_absent, ERROR_NOT_FOUND,
		  "a core file does not tell what was resident");
	error_set(&snapshot->cgroup_absent, ERROR_NOT_FOUND,
		  "a core file does not tell its cgroup");
	snapshot->cgroup_ledger_absent = snapshot->cgroup_absent;
	snapshot->quality.taken_unix_ns = reading.files->modified_unix_ns;
	snapshot->quality.of_core = true;
	snapshot->quality.mode = ok ? describe(&reading) : "core file";
	taking_finish(taking);
	core_deinit(&reading.core);
	return ok;
}
