// SPDX-License-Identifier: Apache-2.0
// In: descriptors of a process that ended. Out: the signal or the code, or why it is not known.
#include "system/exit.h"

#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

// Linux include/uapi/linux/pidfd.h, the first published size; older headers lack it.
struct pidfd_info_v0 {
	uint64_t mask;
	uint64_t cgroup_id;
	uint32_t pid, tgid, ppid;
	uint32_t ruid, rgid, euid, egid, suid, sgid, fsuid, fsgid;
	int32_t exit_code;
};

_Static_assert(sizeof(struct pidfd_info_v0) == 64, "PIDFD_INFO_SIZE_VER0");

#define INFO_EXIT ((uint64_t)1 << 3)
#define GET_INFO  _IOWR(0xFF, 11, struct pidfd_info_v0)

struct exit_info exit_of_status(int status, const char *source)
{
	struct exit_info info = {.known = true, .source = source};
	if (WIFSIGNALED(status)) {
		info.signalled = true;
		info.signal = WTERMSIG(status);
	} else {
		info.code = WEXITSTATUS(status);
	}
	return info;
}

static bool ask_pidfd(int pidfd, struct exit_info *info)
{
	struct pidfd_info_v0 answer = {.mask = INFO_EXIT};
	if (pidfd < 0 || ioctl(pidfd, GET_INFO, &answer) != 0 || !(answer.mask & INFO_EXIT))
		return false;
	*info = exit_of_status(answer.exit_code, "the pidfd");
	return true;
}

// To a reader who may not trace the process the kernel shows a 0 that means nothing.
static bool may_trust_zero(const struct process_files *files)
{
	struct process_status status;
	uid_t user = geteuid();
	return user == 0 || (process_status_read(files, &status, NULL) && status.uid.known &&
			     status.uid.value == user);
}

static bool is_over(const struct process_stat *stat)
{
	return stat->state == 'Z' || stat->state == 'X';
}

bool exit_find(const struct process_files *files, struct exit_info *info, struct error *error)
{
	struct process_stat stat;
	struct exit_info found = {.source = "its parent collected it, and this kernel keeps "
					    "nothing for the pidfd (that needs Linux 6.15)"};
	if (process_stat_read(files, &stat, NULL)) {
		if (!is_over(&stat))
			return error_set(error, ERROR_USAGE, "process %d has not ended",
					 (int)files->pid);
		if (stat.exit_status.known && (stat.exit_status.value || may_trust_zero(files)))
			found = exit_of_status((int)stat.exit_status.value, "the zombie's stat");
		else
			found.source = "stat hides the exit code from this user";
	}
	if (!found.known)
		ask_pidfd(files->pidfd, &found);
	*info = found;
	return true;
}
