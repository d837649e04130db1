// SPDX-License-Identifier: Apache-2.0
// In: directories, tmpfs, SysV. Out: the files in them that have something in memory.
#include "system/file_cache_priv.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "system/text_priv.h"

#define TMPFS_DEPTH_MAX      16
#define SYSV_LIMIT_BYTES     ((size_t)1 << 20)
#define DIRECTORY_OPEN_FLAGS (O_RDONLY | O_DIRECTORY | O_NONBLOCK | O_NOATIME)

static void join(char *path, const char *above, const char *name)
{
	bool root = strcmp(above, "/") == 0;
	snprintf(path, PATH_MAX, "%s/%s", root ? "" : above, name);
}

// ---- beside open files ----

static bool is_rotated(const struct file_directory *directory, const char *name)
{
	VEC_FOREACH (log, &directory->logs)
		if (file_name_is_rotated(*log, name))
			return true;
	return false;
}

static void look_beside(struct file_collector *collector, const struct file_directory *directory,
			int dir, const char *name, bool rotated)
{
	char path[PATH_MAX + 256];
	_cleanup_close_ int fd = openat(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return;
	join(path, directory->path, name);
	file_collector_look(collector, fd,
			    (struct cached_file){
				    .path = path,
				    .found = FILE_BESIDE,
				    .pid = directory->pid,
				    .log = rotated || file_name_is_log(path),
				    .rotated = rotated,
			    });
}

// Open ones were looked at before. Where the entry's number is not the file's, it is found out
// later.
static bool was_seen(const struct file_collector *collector, int dir, const struct dirent *entry)
{
	struct stat status;
	return fstat(dir, &status) == 0 &&
	       map_find(&collector->seen,
			hash_mix(hash_u64(status.st_dev), (uint64_t)entry->d_ino));
}

static void look_into(struct file_collector *collector, const struct file_directory *directory)
{
	const struct file_view *view = &collector->views.items[directory->view];
	int fd = directory->fd >= 0 ? openat(directory->fd, ".", DIRECTORY_OPEN_FLAGS | O_CLOEXEC)
				    : file_view_open(view, directory->path, DIRECTORY_OPEN_FLAGS);
	_cleanup_(cleanup_closedir) DIR *entries = file_list_directory(fd);
	const struct dirent *entry;
	size_t count = 0;
	while (entries && (entry = readdir(entries))) {
		if (file_collector_late(collector))
			return;
		if ((entry->d_type != DT_REG && entry->d_type != DT_UNKNOWN) ||
		    was_seen(collector, dirfd(entries), entry))
			continue;
		bool rotated = is_rotated(directory, entry->d_name);
		if (count == FILE_CACHE_ENTRIES_MAX)
			file_collector_cut(collector, "a directory has more files than are seen");
		if (count++ < FILE_CACHE_ENTRIES_MAX || rotated)
			look_beside(collector, directory, dirfd(entries), entry->d_name, rotated);
		if (count == FILE_CACHE_NAMES_MAX)
			return;
	}
}

void file_collect_directories(struct file_collector *collector)
{
	VEC_FOREACH (directory, &collector->directories)
		look_into(collector, directory);
}

// ---- tmpfs ----

struct tmpfs_walk {
	struct file_collector *collector;
	pid_t pid;
	const char *point;
	dev_t device;
};

static void walk_tmpfs(const struct tmpfs_walk *walk, int fd, const char *path, int depth);

static void look_at_entry(const struct tmpfs_walk *walk, int dir, const struct dirent *entry,
			  const char *above, int depth)
{
	char path[PATH_MAX + 256];
	struct stat status;
	_cleanup_close_ int fd = openat(dir, entry->d_name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &status) != 0 || status.st_dev != walk->device)
		return;
	join(path, above, entry->d_name);
	if (S_ISDIR(status.st_mode))
		walk_tmpfs(walk, openat(fd, ".", DIRECTORY_OPEN_FLAGS | O_CLOEXEC), path,
			   depth + 1);
	else
		file_collector_look(walk->collector, fd,
				    (struct cached_file){
					    .path = path,
					    .mount = walk->point,
					    .found = FILE_ON_TMPFS,
					    .pid = walk->pid,
					    .log = file_name_is_log(path),
				    });
}

// Takes `fd` over.
static void walk_tmpfs(const struct tmpfs_walk *walk, int fd, const char *path, int depth)
{
	_cleanup_(cleanup_closedir) DIR *entries = file_list_directory(fd);
	const struct dirent *entry;
	while (entries && (entry = readdir(entries))) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		if (file_collector_late(walk->collector))
			return;
		if (walk->collector->tmpfs_entries++ >= FILE_CACHE_TMPFS_MAX ||
		    depth == TMPFS_DEPTH_MAX) {
			file_collector_cut(walk->collector,
					   "there are more files on tmpfs than are seen");
			return;
		}
		if (entry->d_type == DT_REG || entry->d_type == DT_DIR ||
		    entry->d_type == DT_UNKNOWN)
			look_at_entry(walk, dirfd(entries), entry, path, depth);
	}
}

static void look_at_tmpfs(struct file_collector *collector, const struct file_view *view,
			  const struct mount_entry *mount)
{
	struct stat status;
	_cleanup_close_ int fd = file_view_open(view, mount->point, DIRECTORY_OPEN_FLAGS);
	// Another file system there covers this one.
	if (fd < 0 || fstat(fd, &status) != 0 ||
	    status.st_dev != makedev(mount->device_major, mount->device_minor))
		return;
	struct tmpfs_walk walk = {collector, view->pid, mount->point, status.st_dev};
	walk_tmpfs(&walk, take_fd(&fd), mount->point, 0);
}

void file_collect_tmpfs(struct file_collector *collector)
{
	struct map seen = {0};
	VEC_FOREACH (view, &collector->views)
		VEC_FOREACH (mount, &view->mounts.list) {
			// The same one may be mounted at several places, each with another part of
			// it.
			uint64_t key = hash_mix(
				hash_mix(hash_u64(mount->device_major), mount->device_minor),
				hash_bytes(mount->root, strlen(mount->root)));
			bool fresh = false;
			if (mount->kind == MOUNT_TMPFS)
				map_put(&seen, key, 0, &fresh);
			if (fresh && !file_collector_late(collector))
				look_at_tmpfs(collector, view, mount);
		}
	map_deinit(&seen);
}

// ---- SysV ----

// "key shmid perms size cpid lpid nattch uid gid cuid cgid atime dtime ctime rss swap"
static bool take_segment(struct text line, uint64_t *id, uint64_t *size, uint64_t *attached,
			 uint64_t *resident)
{
	for (int i = 0; i < 15; i++) {
		struct text word = text_word(&line);
		uint64_t *value = i == 1    ? id
				  : i == 3  ? size
				  : i == 6  ? attached
				  : i == 14 ? resident
					    : NULL;
		if (value && !text_u64(&word, value))
			return false;
	}
	return true;
}

// Those that somebody is attached to are mapped, and were seen there. Whose the others are cannot
// be told without attaching to them.
static void add_segments(struct file_collector *collector, const char *data, size_t size)
{
	struct text all = text_over_bytes(data, size), line;
	uint64_t id, bytes, attached, resident;
	while (text_line(&all, &line)) {
		char name[64];
		if (!take_segment(line, &id, &bytes, &attached, &resident) || attached || !resident)
			continue;
		if (collector->cache->list.count == FILE_CACHE_FILES_MAX)
			return;
		int length = snprintf(name, sizeof name, "segment %" PRIu64, id);
		const char *path = arena_string(&collector->cache->texts, name, (size_t)length);
		vec_push(&collector->cache->list, {
							  .path = path ? path : "",
							  .mount = "SysV",
							  .found = FILE_SYSV,
							  .shmem = true,
							  .size_bytes = bytes,
							  .cached_bytes = resident,
						  });
	}
}

// The list is that of our own namespace, so it is worth something only where a process is in it.
static bool shares_ipc(const struct file_collector *collector)
{
	struct stat own, other;
	char path[PATH_MAX];
	if (stat("/proc/self/ns/ipc", &own) != 0)
		return false;
	for (size_t i = 0; i < collector->request->pids->list.count; i++) {
		snprintf(path, sizeof path, "%s/%d/ns/ipc", collector->request->proc_root,
			 (int)collector->request->pids->list.items[i]);
		if (stat(path, &other) == 0)
			return own.st_ino == other.st_ino; // they share it, as a rule
	}
	return false;
}

void file_collect_sysv(struct file_collector *collector)
{
	char path[PATH_MAX];
	_cleanup_free_ char *data = NULL;
	size_t size;
	snprintf(path, sizeof path, "%s/sysvipc/shm", collector->request->proc_root);
	if (shares_ipc(collector) &&
	    file_read_path(AT_FDCWD, path, SYSV_LIMIT_BYTES, &data, &size, NULL))
		add_segments(collector, data, size);
}
