// SPDX-License-Identifier: Apache-2.0
/*
 * What systemd-oomd leaves behind on a cgroup that it killed: the extended attributes
 * user.oomd_ooms (how often) and user.oomd_kill (how many processes), set as it kills. The kernel
 * knows of none of it: it sees a process that sends SIGKILL.
 *
 * Follows systemd src/oom/oomd-util.c (oomd_cgroup_kill), v248 to v257.
 */
#pragma once

#include "system/cgroup.h"

#define OOMD_LEVELS 16

// Both attributes of a cgroup and of those above it, added; 0 where they are not there.
struct oomd_marks {
	uint64_t levels[OOMD_LEVELS];
};

void oomd_read_marks(struct cgroup *cgroup, struct oomd_marks *marks);
// The cgroup whose marks rose between the two, borrowed until cgroup_close; NULL: none.
const char *oomd_find_killed(struct cgroup *cgroup, const struct oomd_marks *before,
			     const struct oomd_marks *after);
