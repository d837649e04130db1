// SPDX-License-Identifier: Apache-2.0
// In: /proc, again and again. Out: the Go programs that are new in it.
#include "watch/discovery.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/map.h"
#include "base/units.h"
#include "golang/buildinfo.h"
#include "system/scout.h"

enum {
	FILES_AT_ONCE = 64, // executables that one child looks at
	YOUNG_SCANS = 10,   // so long a process may be about to execute its program
	OLD_EVERY = 16,     // then it is looked at again each so many scans
	PROCESSES_MAX = 1 << 20,
};

struct seen {
	uint64_t entry; // the inode of its directory in /proc: another process has another
	uint64_t exe;   // which executable it had; 0: none
	uint32_t scans; // since it was seen first
	bool reported;
};

// What one executable is.
struct exe_class {
	bool is_go;
	char build_id[64];
};

struct discovery {
	char *proc_root, *pattern;
	struct map by_pid; // index in `list`
	VEC(struct seen) list;
	struct map file_by_exe; // index in `files`
	VEC(struct exe_class) files;
};

// Executables that nobody has looked at yet.
struct unknown {
	int fds[FILES_AT_ONCE];
	uint64_t exes[FILES_AT_ONCE];
	size_t count;
};

struct classes {
	struct exe_class files[FILES_AT_ONCE];
};

struct discovery *discovery_new(const char *proc_root, const char *pattern)
{
	struct discovery *discovery = alloc_zero(sizeof *discovery);
	discovery->proc_root = alloc_format("%s", proc_root);
	discovery->pattern = pattern ? alloc_format("%s", pattern) : NULL;
	return discovery;
}

void discovery_free(struct discovery *discovery)
{
	if (!discovery)
		return;
	map_deinit(&discovery->by_pid);
	map_deinit(&discovery->file_by_exe);
	vec_deinit(&discovery->files);
	vec_deinit(&discovery->list);
	free(discovery->proc_root);
	free(discovery->pattern);
	free(discovery);
}

// The same for the same contents, as far as the file system tells; 0: it cannot be seen.
static uint64_t identify_exe(const struct discovery *discovery, pid_t pid)
{
	char path[PATH_MAX];
	struct stat stat_buffer;
	snprintf(path, sizeof path, "%s/%d/exe", discovery->proc_root, pid);
	if (stat(path, &stat_buffer) != 0 || !S_ISREG(stat_buffer.st_mode))
		return 0;
	uint64_t hash = hash_u64(stat_buffer.st_dev);
	hash = hash_mix(hash, stat_buffer.st_ino);
	hash = hash_mix(hash, (uint64_t)stat_buffer.st_size);
	hash = hash_mix(hash, (uint64_t)stat_buffer.st_mtim.tv_sec);
	hash = hash_mix(hash, (uint64_t)stat_buffer.st_mtim.tv_nsec);
	return hash ? hash : 1;
}

static void note_unknown(struct discovery *discovery, struct unknown *unknown, pid_t pid,
			 uint64_t exe)
{
	char path[PATH_MAX];
	for (size_t i = 0; i < unknown->count; i++)
		if (unknown->exes[i] == exe)
			return;
	if (unknown->count == FILES_AT_ONCE) // the next scan takes it
		return;
	snprintf(path, sizeof path, "%s/%d/exe", discovery->proc_root, pid);
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return;
	unknown->fds[unknown->count] = fd;
	unknown->exes[unknown->count++] = exe;
}

// In the child: bytes of files that anybody may have written.
static bool look(void *context, void *answer, struct error *error)
{
	const struct unknown *unknown = context;
	struct classes *classes = answer;
	(void)error;
	for (size_t i = 0; i < unknown->count; i++) {
		struct elf_image *image;
		struct go_buildinfo info = {0};
		if (!elf_image_open(unknown->fds[i], &image, NULL))
			continue;
		if (go_buildinfo_read(unknown->fds[i], image, &info, NULL)) {
			struct exe_class *file = &classes->files[i];
			file->is_go = true;
			snprintf(file->build_id, sizeof file->build_id, "%s",
				 build_ids_name(elf_image_build_ids(image)));
			go_buildinfo_deinit(&info);
		}
		elf_image_free(image);
	}
	return true;
}

// From a process that has seen hostile bytes.
static void learn(struct discovery *discovery, uint64_t exe, const struct exe_class *told)
{
	struct exe_class file = *told;
	bool is_new;
	file.build_id[sizeof file.build_id - 1] = '\0';
	map_put(&discovery->file_by_exe, exe, discovery->files.count, &is_new);
	if (is_new)
		vec_push(&discovery->files, file);
}

static bool classify(struct discovery *discovery, struct unknown *unknown, struct error *error)
{
	struct classes classes = {0};
	bool ok = !unknown->count || scout_run(look, unknown, &classes, sizeof classes, error);
	for (size_t i = 0; i < unknown->count; i++) {
		close(unknown->fds[i]);
		if (ok)
			learn(discovery, unknown->exes[i], &classes.files[i]);
	}
	return ok;
}

static bool name_matches(const struct discovery *discovery, pid_t pid, const char *name)
{
	char path[PATH_MAX], exe[PATH_MAX];
	if (!discovery->pattern || fnmatch(discovery->pattern, name, 0) == 0)
		return true;
	snprintf(path, sizeof path, "%s/%d/exe", discovery->proc_root, pid);
	ssize_t length = readlink(path, exe, sizeof exe - 1);
	if (length <= 0)
		return false;
	exe[length] = '\0';
	const char *slash = strrchr(exe, '/');
	return fnmatch(discovery->pattern, slash ? slash + 1 : exe, 0) == 0;
}

static bool read_name(const struct discovery *discovery, pid_t pid, char *name, size_t capacity)
{
	char path[PATH_MAX];
	_cleanup_close_ int fd = -1;
	snprintf(path, sizeof path, "%s/%d/comm", discovery->proc_root, pid);
	if (!file_open(AT_FDCWD, path, &fd, NULL) ||
	    !file_read_into(fd, path, name, capacity, NULL))
		return false;
	name[strcspn(name, "\n")] = '\0';
	return true;
}

static struct seen *find_seen(struct discovery *discovery, pid_t pid, uint64_t entry)
{
	bool is_new;
	uint64_t *index =
		map_put(&discovery->by_pid, (uint64_t)pid, discovery->list.count, &is_new);
	if (is_new)
		return vec_push(&discovery->list, {.entry = entry});
	struct seen *seen = &discovery->list.items[*index];
	if (seen->entry != entry)
		*seen = (struct seen){.entry = entry};
	return seen;
}

static bool is_due(const struct seen *seen, pid_t pid)
{
	return !seen->reported &&
	       (seen->scans <= YOUNG_SCANS || (seen->scans + (uint32_t)pid) % OLD_EVERY == 0);
}

// NULL: it is no Go program, or nobody has looked at the file yet.
static const struct exe_class *find_go(struct discovery *discovery, struct seen *seen, pid_t pid,
				       struct unknown *unknown)
{
	seen->exe = identify_exe(discovery, pid);
	if (!seen->exe)
		return NULL;
	const uint64_t *known = map_find(&discovery->file_by_exe, seen->exe);
	if (!known)
		note_unknown(discovery, unknown, pid, seen->exe);
	return known && discovery->files.items[*known].is_go ? &discovery->files.items[*known]
							     : NULL;
}

static void visit(struct discovery *discovery, pid_t pid, uint64_t entry, struct unknown *unknown,
		  discovered_list *found)
{
	struct discovered process = {.pid = pid};
	struct seen *seen = find_seen(discovery, pid, entry);
	seen->scans++;
	const struct exe_class *file =
		is_due(seen, pid) ? find_go(discovery, seen, pid, unknown) : NULL;
	if (!file)
		return;
	memcpy(process.build_id, file->build_id, sizeof process.build_id);
	seen->reported = true; // also where the name does not match: it stays what it is
	if (read_name(discovery, pid, process.name, sizeof process.name) &&
	    name_matches(discovery, pid, process.name))
		vec_push(found, process);
}

static bool walk(struct discovery *discovery, struct unknown *unknown, discovered_list *found,
		 struct error *error)
{
	DIR *dir = opendir(discovery->proc_root);
	size_t count = 0;
	if (!dir)
		return error_set_os(error, errno, "cannot open %.200s", discovery->proc_root);
	for (struct dirent *entry; (entry = readdir(dir)) && count < PROCESSES_MAX;) {
		int64_t pid;
		if (!parse_integer(entry->d_name, 1, INT32_MAX, &pid))
			continue;
		visit(discovery, (pid_t)pid, entry->d_ino, unknown, found);
		count++;
	}
	closedir(dir);
	return true;
}

bool discovery_scan(struct discovery *discovery, discovered_list *found, struct error *error)
{
	struct unknown unknown = {0};
	if (!walk(discovery, &unknown, found, error))
		return false;
	if (!unknown.count)
		return true;
	// With what is known now, those that wait for it are found at once.
	return classify(discovery, &unknown, error) &&
	       walk(discovery, &(struct unknown){.count = FILES_AT_ONCE}, found, error);
}
