// SPDX-License-Identifier: Apache-2.0
// In: a process id. Out: the limit that bites it, and how much below it is taken.
#include "relief/room.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/file.h"

static int64_t value(struct known_u64 number)
{
	if (!number.known)
		return 0;
	return number.value < (uint64_t)RELIEF_BYTES_MAX ? (int64_t)number.value : RELIEF_BYTES_MAX;
}

static void close_cgroup(struct cgroup **cgroup)
{
	cgroup_close(*cgroup);
}

int64_t relief_stuck_bytes(const struct cgroup *cgroup, const struct cgroup_stat *stat)
{
	int64_t cache = value(stat->file_bytes) - value(stat->shmem_bytes);
	int64_t usage = value(stat->counts.usage_bytes);
	if (cgroup_get_version(cgroup) == CGROUP_V2)
		cache += value(stat->slab_reclaimable_bytes);
	return cache > 0 && cache < usage ? usage - cache : usage;
}

static void fill(const struct cgroup *cgroup, const struct cgroup_stat *stat,
		 struct relief_room *room)
{
	room->limited = stat->effective_limit.known && !stat->effective_limit.unlimited &&
			stat->effective_limit.bytes < (uint64_t)RELIEF_BYTES_MAX;
	room->limit_bytes = room->limited ? (int64_t)stat->effective_limit.bytes : 0;
	room->usage_bytes = value(stat->counts.usage_bytes);
	room->stuck_bytes = relief_stuck_bytes(cgroup, stat);
	snprintf(room->path, sizeof room->path, "%s", cgroup_get_path(cgroup));
}

// Where an ancestor has the limit, all that it holds counts, not this cgroup alone.
static bool read_limiting(const char *path, struct relief_room *room, struct error *error)
{
	_cleanup_(close_cgroup) struct cgroup *cgroup = NULL;
	struct cgroup_stat stat;
	if (!cgroup_open(path, &cgroup, error) || !cgroup_stat(cgroup, &stat, error))
		return false;
	fill(cgroup, &stat, room);
	return true;
}

bool relief_room_read(const char *proc_root, pid_t pid, struct relief_room *out,
		      struct error *error)
{
	struct relief_room room = {0};
	struct cgroup_place place;
	_cleanup_(close_cgroup) struct cgroup *cgroup = NULL;
	struct cgroup_stat stat;
	struct error none = {0};
	if (!cgroup_find(proc_root, "/proc/self/mountinfo", pid, &place, &none)) {
		*out = room;
		return none.code == ERROR_NOT_FOUND ||
		       error_set(error, none.code, "%s", none.message);
	}
	if (!cgroup_open(place.path, &cgroup, error) || !cgroup_stat(cgroup, &stat, error))
		return false;
	fill(cgroup, &stat, &room);
	room.limit_is_above = room.limited && !stat.effective_limit_path;
	if (room.limited && stat.effective_limit_path &&
	    strcmp(stat.effective_limit_path, cgroup_get_path(cgroup)) != 0 &&
	    !read_limiting(stat.effective_limit_path, &room, error))
		return false;
	*out = room;
	return true;
}

bool relief_node_available(const char *proc_root, int64_t *bytes, struct error *error)
{
	char path[64], text[4096];
	int64_t kib;
	_cleanup_close_ int fd = -1;
	snprintf(path, sizeof path, "%s/meminfo", proc_root);
	if (!file_open(AT_FDCWD, path, &fd, error) ||
	    !file_read_into(fd, path, text, sizeof text, error))
		return false;
	const char *line = strstr(text, "\nMemAvailable:");
	if (!line || sscanf(line, "\nMemAvailable: %15" SCNd64 " kB", &kib) != 1 || kib < 0)
		return error_set(error, ERROR_BAD_DATA, "%s tells no MemAvailable", path);
	*bytes = kib * 1024;
	return true;
}
