// SPDX-License-Identifier: Apache-2.0
// In: the processes of a cgroup. Out: the files of its page cache and of its shared memory.
#include "system/file_cache_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"

// What the mount table says is asked first. These have no file system there, or another name.
static bool is_foreign(int64_t magic)
{
	static const int64_t foreign[] = {PROC_SUPER_MAGIC,    SYSFS_MAGIC,      CGROUP_SUPER_MAGIC,
					  CGROUP2_SUPER_MAGIC, DEBUGFS_MAGIC,    TRACEFS_MAGIC,
					  HUGETLBFS_MAGIC,     NFS_SUPER_MAGIC,  FUSE_SUPER_MAGIC,
					  V9FS_MAGIC,          CEPH_SUPER_MAGIC, BPF_FS_MAGIC,
					  SECURITYFS_MAGIC,    NSFS_MAGIC,       PIPEFS_MAGIC,
					  SOCKFS_MAGIC,        0xff534d42 /* CIFS */};
	for (size_t i = 0; i < sizeof foreign / sizeof foreign[0]; i++)
		if (magic == foreign[i])
			return true;
	return false;
}

void file_collector_cut(struct file_collector *collector, const char *reason)
{
	struct file_cache *cache = collector->cache;
	if (!cache->partial)
		snprintf(cache->partial_reason, sizeof cache->partial_reason, "%s", reason);
	cache->partial = true;
}

bool file_collector_late(struct file_collector *collector)
{
	if (clock_monotonic_ns() < collector->deadline_ns)
		return false;
	file_collector_cut(collector, "the time for it was over");
	return true;
}

DIR *file_list_directory(int fd)
{
	DIR *entries = fd < 0 ? NULL : fdopendir(fd);
	if (!entries && fd >= 0)
		close(fd);
	return entries;
}

int file_view_open(const struct file_view *view, const char *path, int flags)
{
	struct open_how how = {.flags = (uint64_t)(flags | O_CLOEXEC),
			       .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
	if (view->root < 0)
		return -1;
	int fd = (int)syscall(SYS_openat2, view->root, path, &how, sizeof how);
	if (fd >= 0 || (errno != ENOSYS && errno != EPERM))
		return fd;
	// Before Linux 5.6: no link as the last part; those on the way are the container's own
	// affair.
	while (*path == '/')
		path++;
	return openat(view->root, *path ? path : ".", flags | O_CLOEXEC | O_NOFOLLOW);
}

const struct mount_entry *file_view_mount(const struct file_view *view, const char *path)
{
	const struct mount_entry *best = NULL;
	size_t best_length = 0;
	VEC_FOREACH (mount, &view->mounts.list) {
		size_t length = strcmp(mount->point, "/") == 0 ? 0 : strlen(mount->point);
		if (length < best_length || strncmp(path, mount->point, length) != 0 ||
		    (path[length] && path[length] != '/'))
			continue;
		best = mount; // of two at the same place, the later one covers the earlier
		best_length = length;
	}
	return best;
}

static const char *keep(struct file_collector *collector, const char *text)
{
	const char *copy = text ? arena_string(&collector->cache->texts, text, strlen(text)) : NULL;
	return copy ? copy : "";
}

static bool is_new(struct map *seen, uint64_t key)
{
	bool fresh;
	map_put(seen, key, 0, &fresh);
	return fresh;
}

static const char *mount_of_nameless(const char *path)
{
	if (strncmp(path, "/memfd:", 7) == 0)
		return "memfd";
	if (strncmp(path, "/SYSV", 5) == 0)
		return "SysV";
	return strcmp(path, "/dev/zero") == 0 ? "anonymous" : "tmpfs";
}

static void keep_file(struct file_collector *collector, struct cached_file *file,
		      const struct page_count *count)
{
	struct file_cache *cache = collector->cache;
	if (!count->cached_bytes)
		return;
	// What overlayfs shows of a tmpfs.
	file->shmem |= count->shmem;
	if (file->shmem && !file->mount)
		file->mount = mount_of_nameless(file->path);
	// The size too: a frame may have gone to another file meanwhile.
	uint64_t memory = hash_mix(hash_u64(count->first_frame), file->size_bytes);
	if (count->first_frame && !is_new(&collector->frames, memory))
		return;
	if (cache->list.count == FILE_CACHE_FILES_MAX) {
		file_collector_cut(collector, "there are more files than are kept");
		return;
	}
	file->path = keep(collector, file->path);
	file->mount = keep(collector, file->mount);
	file->cached_bytes = count->cached_bytes;
	file->dirty_bytes = count->dirty_bytes;
	file->writeback_bytes = count->writeback_bytes;
	file->evicted_bytes = count->evicted_bytes;
	file->charged_bytes = count->charged_bytes;
	collector->charged_bytes += count->charged_bytes.known ? count->charged_bytes.value : 0;
	file->sampled = count->sampled;
	file->cut = count->cut;
	vec_push(&cache->list, *file);
}

// SysV segments carry their id where memfds on the same file system have a number of their own.
static uint64_t key_of(const struct stat *status, const struct cached_file *file)
{
	uint64_t key = hash_mix(hash_u64(status->st_dev), status->st_ino);
	return strncmp(file->path, "/SYSV", 5) == 0 ? hash_mix(key, 'S') : key;
}

// By what is in memory of it. `fd` is O_PATH.
static void count_file(struct file_collector *collector, int fd, struct cached_file *file)
{
	struct page_count count;
	char path[32];
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	_cleanup_close_ int contents =
		open(path, O_RDONLY | O_NONBLOCK | O_NOATIME | O_NOCTTY | O_CLOEXEC);
	if (contents < 0 ||
	    !page_owner_count(&collector->owner, contents, file->size_bytes, &count, NULL)) {
		collector->cache->unreadable_files++;
		return;
	}
	keep_file(collector, file, &count);
}

static void count_later(struct file_collector *collector, int fd, struct cached_file *file)
{
	int copy = -1;
	if (collector->waiting.count < FILE_CACHE_WAITING_MAX)
		copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (copy < 0) {
		file_collector_cut(collector, "more files are open than can be kept for later");
		return;
	}
	file->path = keep(collector, file->path);
	file->mount = file->mount ? keep(collector, file->mount) : NULL;
	vec_push(&collector->waiting, {copy, *file});
}

static void count_waiting(struct file_collector *collector)
{
	VEC_FOREACH (waiting, &collector->waiting)
		if (!file_collector_late(collector))
			count_file(collector, waiting->fd, &waiting->file);
}

// So little of the charge is left that nothing beside is worth its time.
static bool is_found(const struct file_collector *collector)
{
	const struct known_u64 *charge = &collector->request->charge_bytes;
	return charge->known && collector->cache->charge_known &&
	       collector->charged_bytes + FILE_CACHE_REST_BYTES >= charge->value;
}

void file_collector_look(struct file_collector *collector, int fd, struct cached_file file)
{
	struct stat status;
	struct statfs system;
	if (file.found > FILE_MAPPED && is_found(collector))
		return;
	if (file_collector_late(collector) || fstat(fd, &status) != 0 || !S_ISREG(status.st_mode) ||
	    status.st_size <= 0)
		return;
	if (!is_new(&collector->seen, key_of(&status, &file)) || fstatfs(fd, &system) != 0 ||
	    is_foreign(system.f_type))
		return;
	collector->cache->files_seen++;
	file.shmem = system.f_type == TMPFS_MAGIC;
	file.deleted |= status.st_nlink == 0;
	file.size_bytes = (uint64_t)status.st_size;
	if (collector->waits && !(file.shmem && file.deleted))
		count_later(collector, fd, &file);
	else
		count_file(collector, fd, &file);
}

static uint64_t weight(const struct cached_file *file)
{
	return file->charged_bytes.known ? file->charged_bytes.value : file->cached_bytes;
}

static int by_weight(const void *a, const void *b)
{
	uint64_t left = weight(a), right = weight(b);
	return (left < right) - (left > right);
}

static void release(struct file_collector *collector)
{
	VEC_FOREACH (view, &collector->views) {
		cleanup_close(&view->root);
		mounts_deinit(&view->mounts);
	}
	vec_deinit(&collector->views);
	VEC_FOREACH (directory, &collector->directories) {
		cleanup_close(&directory->fd);
		vec_deinit(&directory->logs);
	}
	vec_deinit(&collector->directories);
	VEC_FOREACH (waiting, &collector->waiting)
		cleanup_close(&waiting->fd);
	vec_deinit(&collector->waiting);
	map_deinit(&collector->seen);
	map_deinit(&collector->mapped);
	map_deinit(&collector->frames);
	page_owner_close(&collector->owner);
}

static void set_deadline(struct file_collector *collector)
{
	int64_t budget_ns = collector->request->budget_ns;
	collector->deadline_ns =
		clock_monotonic_ns() + (budget_ns ? budget_ns : FILE_CACHE_BUDGET_NS);
}

static void collect_processes(struct file_collector *collector)
{
	const struct cgroup_pids *pids = collector->request->pids;
	for (size_t i = 0; i < pids->list.count; i++) {
		if (i == FILE_CACHE_PROCESSES_MAX) {
			file_collector_cut(collector, "there are more processes than are seen");
			break;
		}
		if (pids->list.items[i] > 0)
			file_collect_process(collector, pids->list.items[i]);
	}
}

// What is open comes first: should the time end, that is what matters most.
static void collect_all(struct file_collector *collector)
{
	const struct file_cache_request *request = collector->request;
	set_deadline(collector);
	collector->waits = request->wait != NULL;
	collect_processes(collector);
	if (request->wait) {
		if (!request->wait(request->wait_context))
			return;
		collector->waits = false;
		set_deadline(collector);
		count_waiting(collector);
	}
	file_collect_tmpfs(collector);
	file_collect_sysv(collector);
	file_collect_directories(collector);
}

void file_cache_collect(const struct file_cache_request *request, struct file_cache *out)
{
	struct file_cache cache = {0};
	struct file_collector collector = {.request = request, .cache = &cache};
	page_owner_open(&collector.owner, request->cgroup_dir, &cache.charge_absent);
	cache.charge_known = collector.owner.kpagecgroup >= 0;
	collect_all(&collector);
	release(&collector);
	if (cache.list.count)
		qsort(cache.list.items, cache.list.count, sizeof *cache.list.items, by_weight);
	*out = cache;
}

void file_cache_deinit(struct file_cache *cache)
{
	vec_deinit(&cache->list);
	arena_deinit(&cache->texts);
}
