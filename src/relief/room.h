// SPDX-License-Identifier: Apache-2.0
// The room that a process has: the cgroup whose limit will kill it, and what fills it. The kernel's
// own numbers alone.
#pragma once

#include <limits.h>
#include <sys/types.h>

#include "system/cgroup.h"

#define RELIEF_BYTES_MAX ((int64_t)1 << 50) // no amount of memory here is larger

struct relief_room {
	bool limited;        // some cgroup's limit bites; the rest is 0 without
	char path[PATH_MAX]; // of the cgroup that has the limit, or of the process's own
	bool limit_is_above; // the limit is of a cgroup that cannot be seen: the figures are of the
			     // process's own
	int64_t limit_bytes, usage_bytes;
	int64_t stuck_bytes; // of the usage: what the kernel cannot take back before it kills
};

// A process without a memory cgroup has a room without a limit.
bool relief_room_read(const char *proc_root, pid_t pid, struct relief_room *room,
		      struct error *error) must_check;
// Of the usage of a cgroup: all but page cache, with what is not explained.
int64_t relief_stuck_bytes(const struct cgroup *cgroup, const struct cgroup_stat *stat);
// MemAvailable of /proc/meminfo: what the node has for whoever asks.
bool relief_node_available(const char *proc_root, int64_t *bytes, struct error *error) must_check;
