// SPDX-License-Identifier: Apache-2.0
// In: a v1 cgroup. Out: its kill switched off (memory.oom_control), and back on.
#include "watch/hold_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

enum { CONTROL, STATUS, EVENT };

static bool check_free(struct cgroup *cgroup, struct error *error)
{
	struct cgroup_sample sample;
	if (!cgroup_sample(cgroup, &sample, error))
		return false;
	if (!sample.oom_kill_disabled.known)
		return error_set(error, ERROR_UNSUPPORTED, "%s: no memory.oom_control",
				 cgroup_get_path(cgroup));
	if (!sample.oom_kill_disabled.value)
		return true;
	error_set(error, ERROR_USAGE,
		  "the kill in %s is held already, not by this whyoom: left as it is",
		  cgroup_get_path(cgroup));
	return error_hint(error, "writing 0 to its memory.oom_control lets the kill happen");
}

static bool open_files(struct cgroup *cgroup, struct hold_files *files, struct error *error)
{
	if (!check_free(cgroup, error) ||
	    !hold_open_file(cgroup, "memory.oom_control", O_WRONLY, &files->fds[CONTROL], error) ||
	    !hold_open_file(cgroup, "memory.oom_control", O_RDONLY, &files->fds[STATUS], error) ||
	    !cgroup_watch_oom(cgroup, &files->fds[EVENT], error))
		return false;
	files->event = files->fds[EVENT];
	return true;
}

// Refused where the old value was not 0, so 0 is what was there before.
static int set_disabled(const struct hold_files *files, bool disabled)
{
	return write(files->fds[CONTROL], disabled ? "1" : "0", 1) == 1 ? 0 : errno;
}

static int arm(struct hold_files *files, struct hold_watch *watch)
{
	(void)watch;
	files->notes->disabled = true;
	int why = hold_record_write(files->notes, true);
	return why ? why : set_disabled(files, true);
}

static int undo(const struct hold_files *files)
{
	int why = set_disabled(files, false);
	if (!why)
		hold_record_clear(files->notes);
	return why;
}

static enum hold_look look(struct hold_files *files, struct hold_watch *watch)
{
	(void)watch;
	char text[256];
	uint64_t count;
	(void)!read(files->event, &count, sizeof count);
	ssize_t size = pread(files->fds[STATUS], text, sizeof text - 1, 0);
	if (size < 0)
		return errno == ENODEV ? HOLD_LOOK_GONE : HOLD_LOOK_CALM;
	text[size] = '\0';
	return strstr(text, "under_oom 1\n") ? HOLD_LOOK_LIMIT : HOLD_LOOK_CALM;
}

const struct hold_kind hold_kind_v1 = {
	.poll_events = POLLIN,
	.patrol_ms = -1,
	.file_name = "memory.oom_control",
	.open = open_files,
	.arm = arm,
	.look = look,
	.undo = undo,
};
