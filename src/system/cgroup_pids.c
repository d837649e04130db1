// SPDX-License-Identifier: Apache-2.0
// In: an open cgroup. Out: the processes in it and in the cgroups below.
#include "system/cgroup_priv.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"

#define PROCS_LIMIT_BYTES ((size_t)16 << 20)

static void cleanup_closedir(DIR **dir)
{
	if (*dir)
		closedir(*dir);
}

static bool take_pids(const char *data, size_t size, struct cgroup_pids *pids, struct error *error)
{
	struct text all = text_over_bytes(data, size), line;
	while (text_line(&all, &line)) {
		uint64_t pid;
		if (!text_u64(&line, &pid) || !text_empty(&line) || pid > INT_MAX)
			return error_set(error, ERROR_BAD_DATA, "cgroup.procs: not a pid");
		if (pids->list.count >= CGROUP_PIDS_LIMIT)
			return error_set(error, ERROR_LIMIT, "more than %d processes in a cgroup",
					 CGROUP_PIDS_LIMIT);
		vec_push(&pids->list, (pid_t)pid);
	}
	return text_check_end(&all, "cgroup.procs", error);
}

static bool read_procs(int dir, struct cgroup_pids *pids, struct error *error)
{
	_cleanup_free_ char *data = NULL;
	size_t size;
	return file_read_path(dir, "cgroup.procs", PROCS_LIMIT_BYTES, &data, &size, error) &&
	       take_pids(data, size, pids, error);
}

static bool is_gone(int why)
{
	return why == ENOENT || why == ENODEV;
}

static bool read_below(int dir, int depth, struct cgroup_pids *pids, struct error *error);

// A cgroup that is removed while we walk is no failure.
static bool read_child(int dir, const char *name, int depth, struct cgroup_pids *pids,
		       struct error *error)
{
	struct error failure = {0};
	_cleanup_close_ int child = openat(dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (child < 0)
		return is_gone(errno) || error_set_os(error, errno, "cannot open cgroup %s", name);
	if (read_below(child, depth + 1, pids, &failure) || is_gone(failure.os_errno))
		return true;
	if (error)
		*error = failure;
	return false;
}

static bool read_below(int dir, int depth, struct cgroup_pids *pids, struct error *error)
{
	if (depth > CGROUP_DEPTH_MAX)
		return error_set(error, ERROR_LIMIT, "cgroups nested deeper than %d",
				 CGROUP_DEPTH_MAX);
	if (!read_procs(dir, pids, error))
		return false;
	int copy = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_(cleanup_closedir) DIR *entries = copy < 0 ? NULL : fdopendir(copy);
	if (!entries)
		return error_set_os(error, errno, "cannot list a cgroup");
	const struct dirent *entry;
	while ((entry = readdir(entries))) {
		if (entry->d_type != DT_DIR || entry->d_name[0] == '.')
			continue;
		if (!read_child(dir, entry->d_name, depth, pids, error))
			return false;
	}
	return true;
}

bool cgroup_read_pids(struct cgroup *cgroup, struct cgroup_pids *pids, struct error *error)
{
	_cleanup_(cgroup_pids_deinit) struct cgroup_pids found = {0};
	if (!read_below(cgroup->dir, 0, &found, error))
		return error_wrap(error, "cgroup %s", cgroup->path);
	*pids = found;
	found = (struct cgroup_pids){0};
	return true;
}

void cgroup_pids_deinit(struct cgroup_pids *pids)
{
	vec_deinit(&pids->list);
}
