// SPDX-License-Identifier: Apache-2.0
// In: one process. Out: the files that it has open and mapped, and the directories to look into.
#include "system/file_cache_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "system/maps.h"
#include "system/text_priv.h"

#define VIEW_NONE SIZE_MAX

struct visit {
	struct file_collector *collector;
	pid_t pid;
	int dir; // /proc/PID
	size_t view;
};

static struct file_view *view_of(const struct visit *visit)
{
	return visit->view == VIEW_NONE ? NULL : &visit->collector->views.items[visit->view];
}

static void find_view(struct visit *visit)
{
	struct file_collector *collector = visit->collector;
	struct stat space = {0}, root = {0};
	struct error unreadable;
	visit->view = VIEW_NONE;
	(void)!fstatat(visit->dir, "ns/mnt", &space, 0);
	_cleanup_close_ int fd = openat(visit->dir, "root", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &root) != 0)
		return;
	for (size_t i = 0; i < collector->views.count; i++) {
		const struct file_view *view = &collector->views.items[i];
		if (view->namespace_inode == space.st_ino && view->root_device == root.st_dev &&
		    view->root_inode == root.st_ino) {
			visit->view = i;
			return;
		}
	}
	if (collector->views.count == FILE_CACHE_NAMESPACES_MAX) {
		file_collector_cut(collector, "there are more mount namespaces than are seen");
		return;
	}
	struct file_view view = {
		.namespace_inode = space.st_ino,
		.root_device = root.st_dev,
		.root_inode = root.st_ino,
		.pid = visit->pid,
		.root = take_fd(&fd),
	};
	if (!mounts_read(visit->dir, &view.mounts, &unreadable))
		file_collector_cut(collector, "the mounts of a process cannot be read");
	visit->view = collector->views.count;
	vec_push(&collector->views, view);
}

// The name in its directory; NULL where the path has none.
static const char *split(const char *path, char *directory)
{
	const char *slash = strrchr(path, '/');
	if (!slash || !slash[1])
		return NULL;
	size_t length = slash == path ? 1 : (size_t)(slash - path);
	memcpy(directory, path, length);
	directory[length] = '\0';
	return slash + 1;
}

static struct file_directory *add_directory(const struct visit *visit, const char *path)
{
	struct file_collector *collector = visit->collector;
	const struct mount_entry *mount;
	VEC_FOREACH (directory, &collector->directories)
		if (directory->view == visit->view && strcmp(directory->path, path) == 0)
			return directory;
	if (visit->view == VIEW_NONE)
		return NULL;
	mount = file_view_mount(view_of(visit), path);
	if (mount && mount->kind != MOUNT_LOCAL) // all of a tmpfs is looked at anyway
		return NULL;
	if (collector->directories.count == FILE_CACHE_DIRECTORIES_MAX) {
		file_collector_cut(collector, "files are open in more directories than are seen");
		return NULL;
	}
	const char *copy = arena_string(&collector->cache->texts, path, strlen(path));
	if (!copy)
		return NULL;
	return vec_push(&collector->directories,
			{.view = visit->view,
			 .path = copy,
			 .pid = visit->pid,
			 // A namespace takes its mounts with it when its last process ends.
			 .fd = collector->waits
				       ? file_view_open(view_of(visit), path, O_PATH | O_DIRECTORY)
				       : -1});
}

static void remember_directory(const struct visit *visit, const char *path)
{
	enum { LOGS_MAX = 64 };
	char above[PATH_MAX];
	const char *name = split(path, above);
	struct file_directory *directory = name ? add_directory(visit, above) : NULL;
	if (!directory || !file_name_is_log(path) || directory->logs.count == LOGS_MAX)
		return;
	const char *copy = arena_string(&visit->collector->cache->texts, name, strlen(name));
	if (copy)
		vec_push(&directory->logs, copy);
}

// Asks no file system. NULL where it is no mount of this process: a memfd, as a rule.
static const struct mount_entry *mount_of_fd(const struct visit *visit, const char *number)
{
	char path[32], text[512];
	struct text all, line;
	uint64_t id;
	_cleanup_close_ int fd = -1;
	snprintf(path, sizeof path, "fdinfo/%.16s", number);
	fd = openat(visit->dir, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || !view_of(visit) || !file_read_into(fd, path, text, sizeof text, NULL))
		return NULL;
	all = text_over(text);
	while (text_line(&all, &line)) {
		if (!text_skip(&line, "mnt_id:"))
			continue;
		text_skip_blanks(&line);
		return text_u64(&line, &id) ? mounts_find_id(&view_of(visit)->mounts, id) : NULL;
	}
	return NULL;
}

// True when nothing on that mount is to be opened.
static bool skip_mount(const struct visit *visit, const struct mount_entry *mount)
{
	if (mount && mount->kind == MOUNT_REMOTE)
		visit->collector->cache->remote_files++;
	return mount && (mount->kind == MOUNT_REMOTE || mount->kind == MOUNT_KERNEL);
}

static bool read_link(int dir, const char *name, char *path)
{
	static const char suffix[] = " (deleted)";
	ssize_t length = readlinkat(dir, name, path, PATH_MAX - 1);
	if (length <= 0 || path[0] != '/')
		return false;
	path[length] = '\0';
	char *end = path + length - (sizeof suffix - 1);
	if (length > (ssize_t)sizeof suffix && strcmp(end, suffix) == 0)
		*end = '\0';
	return true;
}

static void look_at_fd(const struct visit *visit, int fds, const char *number)
{
	char path[PATH_MAX];
	if (!read_link(fds, number, path)) // a socket, a pipe
		return;
	const struct mount_entry *mount = mount_of_fd(visit, number);
	if (skip_mount(visit, mount))
		return;
	_cleanup_close_ int fd = openat(fds, number, O_PATH | O_CLOEXEC);
	struct stat status;
	if (fd < 0 || fstat(fd, &status) != 0 || !S_ISREG(status.st_mode))
		return;
	file_collector_look(
		visit->collector, fd,
		(struct cached_file){
			.path = path,
			.mount = mount && mount->kind == MOUNT_TMPFS ? mount->point : NULL,
			.found = FILE_OPEN,
			.pid = visit->pid,
			.log = file_name_is_log(path),
		});
	if (!mount || mount->kind == MOUNT_LOCAL)
		remember_directory(visit, path);
}

static void look_at_fds(const struct visit *visit)
{
	_cleanup_(cleanup_closedir) DIR *entries =
		file_list_directory(openat(visit->dir, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	const struct dirent *entry;
	size_t count = 0;
	if (!entries && errno != ENOENT)
		file_collector_cut(visit->collector, "the open files of a process cannot be seen");
	while (entries && (entry = readdir(entries))) {
		if (entry->d_name[0] == '.')
			continue;
		if (count++ == FILE_CACHE_OPEN_FILES_MAX) {
			file_collector_cut(visit->collector,
					   "a process has more files open than are seen");
			return;
		}
		if (file_collector_late(visit->collector))
			return;
		look_at_fd(visit, dirfd(entries), entry->d_name);
	}
}

static bool is_nameless(const struct mapping *mapping)
{
	return mapping->deleted || strncmp(mapping->name, "/memfd:", 7) == 0 ||
	       strncmp(mapping->name, "/SYSV", 5) == 0;
}

// By its name where it has one: on overlayfs the mapping itself leads to the file below, which has
// another number than the one that is open.
static int open_mapped(const struct visit *visit, const struct mapping *mapping)
{
	char path[64];
	int fd = -1;
	if (!is_nameless(mapping) && view_of(visit))
		fd = file_view_open(view_of(visit), mapping->name, O_PATH | O_NOFOLLOW);
	if (fd >= 0)
		return fd;
	snprintf(path, sizeof path, "map_files/%" PRIx64 "-%" PRIx64, mapping->start, mapping->end);
	return openat(visit->dir, path, O_PATH | O_CLOEXEC);
}

static void look_at_mapping(const struct visit *visit, const struct mapping *mapping)
{
	const struct mount_entry *mount = NULL;
	bool fresh;
	uint64_t device = (uint64_t)mapping->device_major << 32 | mapping->device_minor;
	if (mapping->name[0] != '/')
		return;
	uint64_t key = hash_mix(hash_u64(device), mapping->inode);
	key = hash_mix(key, hash_bytes(mapping->name, strlen(mapping->name)));
	map_put(&visit->collector->mapped, key, 0, &fresh);
	if (!fresh)
		return;
	if (view_of(visit))
		mount = mounts_find_device(&view_of(visit)->mounts, mapping->device_major,
					   mapping->device_minor);
	if (skip_mount(visit, mount))
		return;
	_cleanup_close_ int fd = open_mapped(visit, mapping);
	if (fd < 0)
		return;
	file_collector_look(
		visit->collector, fd,
		(struct cached_file){
			.path = mapping->name,
			.mount = mount && mount->kind == MOUNT_TMPFS ? mount->point : NULL,
			.found = FILE_MAPPED,
			.pid = visit->pid,
			.deleted = mapping->deleted,
			.log = file_name_is_log(mapping->name),
		});
}

static void look_at_maps(const struct visit *visit)
{
	struct maps maps;
	_cleanup_close_ int fd = openat(visit->dir, "maps", O_RDONLY | O_CLOEXEC);
	if (fd < 0 || file_collector_late(visit->collector) || !maps_read(fd, "maps", &maps, NULL))
		return;
	VEC_FOREACH (mapping, &maps.list)
		look_at_mapping(visit, mapping);
	maps_deinit(&maps);
}

void file_collect_process(struct file_collector *collector, pid_t pid)
{
	char path[PATH_MAX];
	struct visit visit = {.collector = collector, .pid = pid};
	snprintf(path, sizeof path, "%s/%d", collector->request->proc_root, (int)pid);
	_cleanup_close_ int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0) {
		collector->cache->processes_gone++;
		return;
	}
	visit.dir = dir;
	collector->cache->processes_seen++;
	find_view(&visit);
	look_at_fds(&visit);
	look_at_maps(&visit);
	if (read_link(dir, "cwd", path))
		add_directory(&visit, path);
}
