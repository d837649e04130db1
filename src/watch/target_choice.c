// SPDX-License-Identifier: Apache-2.0
// In: a cgroup or a process id. Out: both.
#include "watch/target_choice.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "system/process.h"

enum { POLL_MS = 50 };

bool choose_cgroup(int pid, const char *given, char *path, struct error *error)
{
	struct cgroup_place place;
	if (given) {
		snprintf(path, PATH_MAX, "%s", given);
		size_t length = strlen(path);
		while (length > 1 && path[length - 1] == '/') // as the kernel and we write it
			path[--length] = '\0';
		return true;
	}
	if (!cgroup_find("/proc", "/proc/self/mountinfo", pid, &place, error))
		return false;
	snprintf(path, PATH_MAX, "%s", place.path);
	return true;
}

int64_t anonymous_bytes(int pid)
{
	char path[64], text[4096];
	struct process_status status;
	_cleanup_close_ int fd = -1;
	snprintf(path, sizeof path, "/proc/%d/status", pid);
	if (!file_open(AT_FDCWD, path, &fd, NULL) ||
	    !file_read_into(fd, path, text, sizeof text, NULL) ||
	    !process_status_parse(text, &status, NULL) || !status.rss_anon_bytes.known)
		return -1;
	return (int64_t)status.rss_anon_bytes.value;
}

static bool find_largest(struct cgroup *cgroup, int *pid, struct error *error)
{
	_cleanup_(cgroup_pids_deinit) struct cgroup_pids pids = {0};
	int64_t largest = -1;
	if (!cgroup_read_pids(cgroup, &pids, error))
		return false;
	VEC_FOREACH (candidate, &pids.list) {
		int64_t bytes = *candidate > 0 ? anonymous_bytes(*candidate) : -1;
		if (bytes <= largest)
			continue;
		largest = bytes;
		*pid = *candidate;
	}
	return true;
}

bool choose_process(struct cgroup *cgroup, int signal_fd, int *pid, int *signal,
		    struct progress *progress, struct error *error)
{
	struct pollfd event = {.fd = signal_fd, .events = POLLIN};
	bool told = false;
	for (*pid = 0; !*pid;) {
		if (cgroup_gone(cgroup))
			return error_set(error, ERROR_NOT_FOUND, "the cgroup %s was removed",
					 cgroup_get_path(cgroup));
		if (!find_largest(cgroup, pid, error))
			return false;
		struct signalfd_siginfo info;
		if (!*pid && !told)
			progress_say(progress, "waiting for a process in %s",
				     cgroup_get_path(cgroup));
		told = true;
		if (*pid || poll(&event, 1, POLL_MS) <= 0)
			continue;
		if (read(signal_fd, &info, sizeof info) == sizeof info) {
			*signal = (int)info.ssi_signo;
			return true;
		}
	}
	return true;
}
