// SPDX-License-Identifier: Apache-2.0
// In: /proc/PID/fd, the CPU cgroup. Out: how many descriptors of which kind, how many processors.
#include "snapshot/surroundings.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"

enum { CGROUP_TEXT_MAX = 16384 };

static void count_link(int dir, const char *name, struct snapshot_surroundings *out)
{
	char target[16];
	ssize_t length = readlinkat(dir, name, target, sizeof target - 1);
	if (length < 0)
		return;
	target[length] = '\0';
	out->fds++;
	if (strncmp(target, "socket:", 7) == 0)
		out->sockets++;
	else if (strncmp(target, "pipe:", 5) == 0)
		out->pipes++;
	else if (target[0] == '/' && strncmp(target, "/dev/", 5) != 0)
		out->files++;
}

static void count_fds(int proc_dir, struct snapshot_surroundings *out)
{
	int fd = openat(proc_dir, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	if (!dir) {
		cleanup_close(&fd);
		return;
	}
	const struct dirent *entry;
	out->fds_known = true;
	while ((entry = readdir(dir)) && out->fds < SURROUNDINGS_FDS_MAX)
		if (entry->d_name[0] != '.')
			count_link(dirfd(dir), entry->d_name, out);
	closedir(dir);
}

// "200000 100000" or "max 100000"
static double parse_quota(const char *text)
{
	char *end;
	double quota = strtod(text, &end), period = strtod(end, NULL);
	return end != text && quota > 0 && period > 0 ? quota / period : 0;
}

static double read_number(const char *path)
{
	char text[64];
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd >= 0 && file_read_into(fd, path, text, sizeof text, NULL) ? strtod(text, NULL)
									    : 0;
}

// The quota of the cgroup at `path` or, being smaller, of one above it.
static double quota_of(const char *mount, char *path, bool unified)
{
	double smallest = 0;
	for (;;) {
		char name[4096 + 64], text[64];
		double quota = 0;
		snprintf(name, sizeof name, "%s%s/%s", mount, path,
			 unified ? "cpu.max" : "cpu.cfs_quota_us");
		_cleanup_close_ int fd = open(name, O_RDONLY | O_CLOEXEC);
		if (unified && fd >= 0 && file_read_into(fd, name, text, sizeof text, NULL))
			quota = parse_quota(text);
		if (!unified && (quota = read_number(name)) > 0) {
			snprintf(name, sizeof name, "%s%s/cpu.cfs_period_us", mount, path);
			double period = read_number(name);
			quota = period > 0 ? quota / period : 0;
		}
		if (quota > 0 && (smallest == 0 || quota < smallest))
			smallest = quota;
		char *slash = strrchr(path, '/');
		if (!slash)
			return smallest;
		*slash = '\0';
	}
}

// "4:cpu,cpuacct:/path" or "0::/path"
static void read_quota(int proc_dir, struct snapshot_surroundings *out)
{
	char text[CGROUP_TEXT_MAX], *rest;
	_cleanup_close_ int fd = openat(proc_dir, "cgroup", O_RDONLY | O_CLOEXEC);
	if (fd < 0 || !file_read_into(fd, "/proc/PID/cgroup", text, sizeof text, NULL))
		return;
	for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		char *names = strchr(line, ':'), *path = names ? strchr(names + 1, ':') : NULL;
		if (!path)
			continue;
		*path++ = '\0';
		names++;
		bool unified = !*names;
		if (!unified && strcmp(names, "cpu") != 0 && strcmp(names, "cpu,cpuacct") != 0)
			continue;
		double quota =
			quota_of(unified ? "/sys/fs/cgroup" : "/sys/fs/cgroup/cpu", path, unified);
		if (quota > 0)
			out->cpu_quota = quota;
	}
}

void surroundings_take(int proc_dir, struct snapshot_surroundings *out)
{
	*out = (struct snapshot_surroundings){0};
	count_fds(proc_dir, out);
	read_quota(proc_dir, out);
	out->cpu_count = (int)sysconf(_SC_NPROCESSORS_ONLN);
}
