// SPDX-License-Identifier: Apache-2.0
// What the parts of the collection share.
#pragma once

#include <dirent.h>

#include "base/map.h"
#include "system/file_cache.h"
#include "system/mounts.h"
#include "system/page_owner.h"

// Where a process looks from: its mounts and its root. Many processes share one.
struct file_view {
	uint64_t namespace_inode, root_device, root_inode;
	pid_t pid; // the first that was seen there
	int root;  // O_PATH
	struct mounts mounts;
};

struct file_directory {
	size_t view;
	const char *path;
	pid_t pid;
	int fd;                 // O_PATH; -1: to be opened by its path
	VEC(const char *) logs; // names of open logs in it
};

// A file whose pages are counted later.
struct waiting_file {
	int fd; // O_PATH
	struct cached_file file;
};

struct file_collector {
	const struct file_cache_request *request;
	uint64_t charged_bytes; // of what was counted
	struct file_cache *cache;
	struct page_owner owner;
	struct map seen;   // files, by device and inode
	struct map mapped; // the same as mappings name them: overlayfs has other numbers there
	struct map frames; // by the first frame and the size: a file seen as two after all
	VEC(struct file_view) views;
	VEC(struct file_directory) directories;
	VEC(struct waiting_file) waiting;
	bool waits; // so files go to `waiting`
	int64_t deadline_ns;
	size_t tmpfs_entries;
};

static inline void cleanup_closedir(DIR **dir)
{
	if (*dir)
		closedir(*dir);
}

// Takes `fd` over; NULL where it is -1 or no directory.
DIR *file_list_directory(int fd);
bool file_collector_late(struct file_collector *collector); // and then the result is partial
void file_collector_cut(struct file_collector *collector, const char *reason);
// Below the root of a process, wherever symbolic links in it point.
int file_view_open(const struct file_view *view, const char *path, int flags);
const struct mount_entry *file_view_mount(const struct file_view *view, const char *path);
// `fd` is O_PATH; what it is decides. Texts of `file` are copied when it is kept.
void file_collector_look(struct file_collector *collector, int fd, struct cached_file file);

void file_collect_process(struct file_collector *collector, pid_t pid);
void file_collect_directories(struct file_collector *collector);
void file_collect_tmpfs(struct file_collector *collector);
void file_collect_sysv(struct file_collector *collector);
