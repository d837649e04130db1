// SPDX-License-Identifier: Apache-2.0
// In: a process that was just forked. Out: one that outlives its parent and holds nothing of it.
#include "system/guard.h"

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static bool is_kept(int fd, const int *kept, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (kept[i] == fd)
			return true;
	return false;
}

static void close_range_or_each(unsigned int first, unsigned int last)
{
	if (first > last || syscall(SYS_close_range, first, last, 0) == 0)
		return;
	long limit = sysconf(_SC_OPEN_MAX);
	for (unsigned int fd = first; fd <= last && fd < (unsigned int)limit; fd++)
		close((int)fd);
}

// An inherited pipe or socket would keep others waiting.
static void close_others(const int *kept, size_t count)
{
	int highest = -1;
	for (size_t i = 0; i < count; i++)
		highest = kept[i] > highest ? kept[i] : highest;
	for (int fd = 0; fd < highest; fd++)
		if (!is_kept(fd, kept, count))
			close(fd);
	close_range_or_each((unsigned int)highest + 1, UINT_MAX);
}

void guard_stand_alone(const char *name, const int *kept, size_t count)
{
	sigset_t all;
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGCHLD, SIG_DFL); // ignored, it would not tell of children
	(void)setsid();
	(void)!chdir("/");
	(void)prctl(PR_SET_NAME, name);
	// Needs CAP_SYS_RESOURCE, so it may fail.
	int score = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
	if (score >= 0)
		(void)!write(score, "-1000", 5);
	close_others(kept, count);
}
