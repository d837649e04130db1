// SPDX-License-Identifier: Apache-2.0
// In: an open process. Out: which executable is the Go program in it: its own, as a rule; the one
// that was given; in an emulator, the one that this runs; or, in a program that is not Go, the one
// library that is.
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/cleanup.h"
#include "snapshot/capture_priv.h"
#include "system/scout.h"
#include "system/maps.h"
#include "target/memory_image.h"

enum { PATH_MAX_BYTES = 4096 };

// What was found: how many files, and the mapping that is the start of one of them.
struct guest {
	size_t count;
	uint64_t start, end;
	char path[PATH_MAX_BYTES];
};

bool is_emulator(const char *exe_path)
{
	const char *slash = strrchr(exe_path, '/');
	return strncmp(slash ? slash + 1 : exe_path, "qemu-", 5) == 0;
}

static struct mapped_file identify(int fd, const char *path)
{
	struct mapped_file file = {.path = path};
	struct stat stat;
	if (fd >= 0 && fstat(fd, &stat) == 0) {
		file.inode = stat.st_ino;
		file.device_major = major(stat.st_dev);
		file.device_minor = minor(stat.st_dev);
	}
	return file;
}

static struct mapped_file file_of(const struct mapping *mapping)
{
	return (struct mapped_file){mapping->inode, mapping->device_major, mapping->device_minor,
				    mapping->name};
}

bool capture_use_exe(struct capture *capture, const char *exe_path, struct error *error)
{
	if (!scout_open_file(AT_FDCWD, exe_path, &capture->guest, error))
		return false;
	capture->guest_path = alloc_string(exe_path);
	return true;
}

// What is mapped, as memory alone: no file is trusted yet to be one of its programs.
static struct target *open_memory(const struct process_files *files, const struct maps *maps)
{
	const struct mapped_file none = {.path = ""};
	_cleanup_free_ struct target_mapping *mappings = convert_mappings(maps, &none);
	struct target_source source = {.memory_fd = files->mem,
				       .exe_fd = -1,
				       .mappings = mappings,
				       .mapping_count = maps->list.count};
	return target_new(&source);
}

static bool is_code(const struct mapping *mapping)
{
	return mapping->inode && mapping->perms[2] == 'x';
}

// Not only looked at, as a debugger does. An emulator's programs are never run as they are.
static bool may_run(const struct process_files *files, const struct maps *maps,
		    const struct mapped_file *file)
{
	if (files->exe_path && is_emulator(files->exe_path))
		return true;
	VEC_FOREACH (mapping, &maps->list)
		if (is_code(mapping) && mapping_is_of(mapping, file))
			return true;
	return false;
}

// The Go programs that the process has mapped, apart from its own executable; their number.
static size_t find_guests(const struct process_files *files, const struct maps *maps,
			  const struct mapping **found)
{
	struct mapped_file own = identify(files->exe, "");
	struct target *target = open_memory(files, maps);
	struct memory_image image;
	size_t count = 0;
	VEC_FOREACH (mapping, &maps->list) {
		if (!mapping->inode || mapping->offset || mapping_is_of(mapping, &own) ||
		    !memory_image_read(target, mapping->start, &image, NULL) ||
		    !image.build_ids.go[0])
			continue;
		struct mapped_file file = file_of(mapping);
		if (!may_run(files, maps, &file))
			continue;
		count += !count || !mapping_is_of(*found, &file);
		*found = mapping;
	}
	target_free(target);
	return count;
}

static bool is_go(int exe_fd)
{
	struct elf_image *image;
	struct go_buildinfo info;
	if (exe_fd < 0 || !elf_image_open(exe_fd, &image, NULL))
		return false;
	bool ok = go_buildinfo_read(exe_fd, image, &info, NULL);
	if (ok)
		go_buildinfo_deinit(&info);
	elf_image_free(image);
	return ok;
}

static bool look_for_guest(void *context, void *answer, struct error *error)
{
	const struct capture *capture = context;
	const struct process_files *files = &capture->files;
	struct guest *guest = answer;
	const struct mapping *found = NULL;
	struct maps maps = {0};
	*guest = (struct guest){0};
	if (is_go(files->exe)) // its plugins are parts of it
		return true;
	if (!maps_read(files->maps, "/proc/PID/maps", &maps, error))
		return false;
	guest->count = find_guests(files, &maps, &found);
	if (guest->count == 1) {
		guest->start = found->start;
		guest->end = found->end;
		snprintf(guest->path, sizeof guest->path, "%s", found->name);
	}
	maps_deinit(&maps);
	return true;
}

// Whether there is code of another file than the executable, by the kernel's own words: a Go
// program by itself, which most are, needs no closer look.
static bool has_libraries(const struct process_files *files)
{
	struct maps maps = {0};
	struct mapped_file own = identify(files->exe, "");
	bool found = false;
	if (!maps_read(files->maps, "/proc/PID/maps", &maps, NULL))
		return false;
	VEC_FOREACH (mapping, &maps.list)
		found |=
			mapping->inode && mapping->perms[2] == 'x' && !mapping_is_of(mapping, &own);
	maps_deinit(&maps);
	return found;
}

// The mapped file itself, whatever its name leads to now; else by its name there.
static bool open_guest(struct capture *capture, const struct guest *guest, struct error *error)
{
	int dir = capture->files.dir;
	capture->guest_path = alloc_string(guest->path);
	_cleanup_free_ char *mapped =
		alloc_format("map_files/%" PRIx64 "-%" PRIx64, guest->start, guest->end);
	_cleanup_free_ char *named = alloc_format("root%s", guest->path);
	return scout_open_file(dir, mapped, &capture->guest, NULL) ||
	       scout_open_file(dir, named, &capture->guest, error);
}

static bool find_emulated(struct capture *capture, struct error *error)
{
	const struct process_files *files = &capture->files;
	struct guest guest;
	if (!scout_run(look_for_guest, capture, &guest, sizeof guest, error))
		return false;
	guest.path[sizeof guest.path - 1] = '\0';
	if (guest.count != 1) {
		error_set(error, ERROR_NOT_FOUND,
			  "process %d is the emulator %.128s, which runs %s Go program",
			  (int)files->pid, files->exe_path, guest.count ? "more than one" : "no");
		return error_hint(error, "give the program that it runs with --exe FILE");
	}
	return open_guest(capture, &guest, error) ||
	       error_hint(error, "give the program that the emulator runs with --exe FILE");
}

bool capture_find_guest(struct capture *capture, struct error *error)
{
	struct guest guest;
	if (capture->files.exe_path && is_emulator(capture->files.exe_path))
		return find_emulated(capture, error);
	// Where no library is found the process is not Go, which is no error yet.
	if (!has_libraries(&capture->files) ||
	    !scout_run(look_for_guest, capture, &guest, sizeof guest, NULL))
		return true;
	guest.path[sizeof guest.path - 1] = '\0';
	capture->go_libraries = guest.count;
	if (guest.count == 1 && !open_guest(capture, &guest, NULL))
		free(take_ptr(capture->guest_path));
	return true;
}

static const struct mapping *find_by_number(const struct maps *maps, const struct mapped_file *file)
{
	VEC_FOREACH (mapping, &maps->list)
		if (mapping_is_of(mapping, file))
			return mapping;
	return NULL;
}

// The file is another one than what is mapped: it may be a copy of it, or the same build
// unstripped.
static const struct mapping *find_by_build(const struct taking *taking, const struct maps *maps)
{
	const struct build_ids *wanted = elf_image_build_ids(taking->image);
	struct target *target = open_memory(&taking->capture->files, maps);
	const struct mapping *found = NULL;
	struct memory_image image;
	VEC_FOREACH (mapping, &maps->list)
		if (!found && mapping->inode && !mapping->offset &&
		    memory_image_read(target, mapping->start, &image, NULL) &&
		    build_ids_compare(&image.build_ids, wanted) == BUILD_SAME)
			found = mapping;
	target_free(target);
	return found;
}

// Which mappings are of the file that was given or found.
static bool place_guest(struct taking *taking, const struct maps *maps, struct error *error)
{
	struct capture *capture = taking->capture;
	struct mapped_file file = identify(capture->guest, ""), own = taking->exe_file;
	const struct mapping *mapping = find_by_number(maps, &file);
	if (mapping) {
		taking->mapped_exe_fd = capture->guest;
	} else {
		mapping = find_by_build(taking, maps);
		if (mapping && !mapping_is_of(mapping, &own))
			taking->mapped_exe_fd = -1;
	}
	if (!mapping)
		return error_set(error, ERROR_NOT_FOUND,
				 "process %d does not run %.200s (build %.128s)",
				 (int)capture->files.pid, capture->guest_path,
				 build_ids_name(elf_image_build_ids(taking->image)));
	taking->exe_file = file_of(mapping);
	// The ledger and the report tell the executable's mappings by this name.
	snprintf(taking->exe_path, sizeof taking->exe_path, "%s", mapping->name);
	taking->exe_file.path = taking->exe_path;
	taking->snapshot->identity.executable = taking_keep(taking, taking->exe_path);
	return true;
}

static bool choose_guest(struct taking *taking, struct error *error)
{
	const struct capture *capture = taking->capture;
	struct maps maps = {0};
	taking->exe_fd = capture->guest;
	if (!elf_image_open(capture->guest, &taking->image, error))
		return error_wrap(error, "%.256s", capture->guest_path);
	if (!maps_read(capture->files.maps, "/proc/PID/maps", &maps, error))
		return false;
	bool ok = place_guest(taking, &maps, error);
	maps_deinit(&maps);
	return ok;
}

static bool choose_own(struct taking *taking, struct error *error)
{
	const struct process_files *files = &taking->capture->files;
	if (files->exe < 0)
		return error_set(error, ERROR_NOT_FOUND,
				 "the executable of process %d cannot be opened", (int)files->pid);
	return elf_image_open(files->exe, &taking->image, error);
}

void taking_choose_exe(struct taking *taking)
{
	int own = taking->capture->files.exe;
	taking->exe_fd = taking->mapped_exe_fd = own;
	taking->exe_file = identify(own, taking->exe_path);
	if (taking->capture->guest < 0 ? choose_own(taking, &taking->exe_error)
				       : choose_guest(taking, &taking->exe_error))
		return;
	elf_image_free(take_ptr(taking->image));
	taking->mapped_exe_fd = own;
}
