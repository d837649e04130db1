// SPDX-License-Identifier: Apache-2.0
// Which cgroup and which process a watch is about.
#pragma once

#include "base/error.h"
#include "system/cgroup.h"
#include "watch/progress.h"

// `path` has room for PATH_MAX. `given` NULL: the memory cgroup of `pid`.
bool choose_cgroup(int pid, const char *given, char *path, struct error *error) must_check;
// Of one process, as the kernel counts; -1: not known.
int64_t anonymous_bytes(int pid);
// The process of the cgroup with the most anonymous memory. Waits until there is one; a signal on
// `signal_fd` ends the wait: *pid is then 0 and *signal says which.
bool choose_process(struct cgroup *cgroup, int signal_fd, int *pid, int *signal,
		    struct progress *progress, struct error *error) must_check;
