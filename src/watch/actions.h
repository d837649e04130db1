// SPDX-License-Identifier: Apache-2.0
/*
 * What a trigger has done once its incident is on disk: relief by `whyoom relieve`, and commands.
 * A process of its own runs them one after the other, each for a bounded time, and writes what they
 * print into the incident's actions.log, which is bounded as well; the watch waits for nothing.
 *
 * A command runs as nobody, without groups and capabilities and with no way to get any, unless the
 * configuration names a user. It gets a clean environment, no open files of ours, and the
 * incident's path as last argument and as WHYOOM_INCIDENT. No shell is in between.
 */
#pragma once

#include "watch/progress.h"
#include "watch/rule.h"

#define ACTIONS_LOG_BYTES (1 << 20)

struct actions {
	const struct watch_rule *rule;
	const struct progress *progress;
	const char *incident; // its directory; absolute
	const char *reason, *name, *cgroup_path;
	const char *state; // where relief notes how it is undone; NULL: its usual place
	pid_t pid;         // of the target
};

bool actions_any(const struct watch_rule *rule);
// *runner is to be reaped.
bool actions_start(const struct actions *actions, pid_t *runner, struct error *error) must_check;
