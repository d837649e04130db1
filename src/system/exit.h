// SPDX-License-Identifier: Apache-2.0
/*
 * How a process that is not our child ended. Two sources: the pidfd (PIDFD_GET_INFO with
 * PIDFD_INFO_EXIT, Linux 6.15 and later; only once its parent has collected it), and the zombie's
 * /proc/PID/stat (only until then). Keep both descriptors open from before the end.
 *
 * Follows Linux include/uapi/linux/pidfd.h, fs/pidfs.c, fs/proc/array.c.
 */
#pragma once

#include <stdbool.h>

#include "base/error.h"
#include "system/process.h"

struct exit_info {
	bool known;
	bool signalled;
	int signal;         // where signalled
	int code;           // where not
	const char *source; // where it comes from, or why it is not known; static text
};

// ERROR_USAGE while the process still runs (or where that cannot be told apart); else true, with
// `known` saying whether anything was found.
bool exit_find(const struct process_files *files, struct exit_info *info,
	       struct error *error) must_check;
// A status as wait(2) gives it.
struct exit_info exit_of_status(int status, const char *source);
