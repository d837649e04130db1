// SPDX-License-Identifier: Apache-2.0
// In: the cgroup hierarchy. Out: its directories, and the process that began a container.
#include "system/container_priv.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "system/cgroup.h"
#include "system/process.h"

enum { CGROUPS_MAX = 200000, PIDS_MAX = 4096, STATUS_BYTES_MAX = 8192 };

struct walk {
	bool (*see)(void *context, const char *path, const char *name);
	void *context;
	char path[PATH_MAX];
	int64_t left;
};

static void cleanup_closedir(DIR **dir)
{
	if (*dir)
		closedir(*dir);
}

static bool walk_below(struct walk *walk, int dir, int depth);

static bool walk_one(struct walk *walk, int dir, const char *name, int depth)
{
	size_t length = strlen(walk->path);
	if (length + 1 + strlen(name) >= sizeof walk->path || depth >= CGROUP_DEPTH_MAX)
		return true;
	sprintf(walk->path + length, "/%s", name);
	_cleanup_close_ int below = openat(dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	// One that is removed while we walk is no failure.
	bool go_on = walk->left-- > 0 && walk->see(walk->context, walk->path, name) &&
		     (below < 0 || walk_below(walk, below, depth + 1));
	walk->path[length] = '\0';
	return go_on;
}

static bool walk_below(struct walk *walk, int dir, int depth)
{
	int copy = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_(cleanup_closedir) DIR *entries = copy < 0 ? NULL : fdopendir(copy);
	const struct dirent *entry;
	if (copy >= 0 && !entries)
		close(copy);
	while (entries && (entry = readdir(entries)))
		if (entry->d_type == DT_DIR && entry->d_name[0] != '.' &&
		    !walk_one(walk, dir, entry->d_name, depth))
			return false;
	return true;
}

bool container_cgroups_walk(const char *top,
			    bool (*see)(void *context, const char *path, const char *name),
			    void *context)
{
	_cleanup_free_ struct walk *walk = alloc_zero(sizeof *walk);
	*walk = (struct walk){.see = see, .context = context, .left = CGROUPS_MAX};
	snprintf(walk->path, sizeof walk->path, "%s", top);
	_cleanup_close_ int dir = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return dir < 0 || walk_below(walk, dir, 0);
}

static bool read_text(const char *proc_root, pid_t pid, const char *file, char *text)
{
	char path[PATH_MAX];
	_cleanup_close_ int fd = -1;
	snprintf(path, sizeof path, "%.4000s/%d/%s", proc_root, (int)pid, file);
	return file_open(AT_FDCWD, path, &fd, NULL) &&
	       file_read_into(fd, path, text, STATUS_BYTES_MAX, NULL);
}

struct elder {
	pid_t pid;
	bool is_first; // of its pid namespace
	uint64_t start_ticks;
};

static bool read_elder(const char *proc_root, pid_t pid, struct elder *elder)
{
	char text[STATUS_BYTES_MAX];
	struct process_status status;
	struct process_stat stat;
	if (!read_text(proc_root, pid, "status", text) ||
	    !process_status_parse(text, &status, NULL))
		return false;
	if (!read_text(proc_root, pid, "stat", text) || !process_stat_parse(text, &stat, NULL))
		return false;
	size_t levels = status.ns_pid_count;
	*elder = (struct elder){
		.pid = pid,
		.is_first = levels > 1 && status.ns_pids[levels - 1] == 1,
		.start_ticks = stat.start_ticks,
	};
	return true;
}

static bool is_elder(const struct elder *one, const struct elder *other)
{
	if (!other->pid || one->is_first != other->is_first)
		return !other->pid || one->is_first;
	return one->start_ticks < other->start_ticks;
}

pid_t container_main_pid(const struct container_roots *roots, const char *cgroup_path)
{
	struct cgroup *cgroup = NULL;
	struct cgroup_pids pids = {0};
	struct elder found = {0}, one;
	if (!cgroup_open(cgroup_path, &cgroup, NULL))
		return 0;
	if (cgroup_read_pids(cgroup, &pids, NULL))
		for (size_t i = 0; i < pids.list.count && i < PIDS_MAX; i++)
			if (pids.list.items[i] > 0 &&
			    read_elder(roots->proc, pids.list.items[i], &one) &&
			    is_elder(&one, &found))
				found = one;
	cgroup_pids_deinit(&pids);
	cgroup_close(cgroup);
	return found.pid;
}
