// SPDX-License-Identifier: Apache-2.0
// In: a pid and where /proc is. Out: descriptors that stay readable without privileges.
#include "system/process.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/file.h"

#define STATUS_TEXT_MAX 16384

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

void process_files_close(struct process_files *files)
{
	int *fds[] = {&files->pidfd,  &files->dir,    &files->mem,     &files->maps,
		      &files->status, &files->stat,   &files->smaps,   &files->statm,
		      &files->cgroup, &files->exe,    &files->pagemap, &files->cmdline,
		      &files->comm,   &files->environ};
	for (size_t i = 0; i < sizeof fds / sizeof fds[0]; i++)
		close_fd(fds[i]);
	free(files->exe_path);
	files->exe_path = NULL;
}

static bool no_such_process(pid_t pid, struct error *error)
{
	return error_set(error, ERROR_NOT_FOUND, "there is no process %d", (int)pid);
}

static bool hidden_process(pid_t pid, struct error *error)
{
	error_set(error, ERROR_NOT_FOUND, "/proc hides process %d from this user (hidepid)",
		  (int)pid);
	return error_hint(error, "run as root, or with CAP_SYS_PTRACE");
}

// A pid means something else in another pid namespace; there "self" is not us, or not there.
static bool proc_is_ours(const char *proc_root)
{
	char path[PATH_MAX], link[32] = "";
	snprintf(path, sizeof path, "%s/self", proc_root);
	ssize_t length = readlink(path, link, sizeof link - 1);
	return length > 0 && strtol(link, NULL, 10) == getpid();
}

static bool open_directory(const char *proc_root, struct process_files *files, struct error *error)
{
	char path[PATH_MAX];
	snprintf(path, sizeof path, "%s/%d", proc_root, (int)files->pid);
	if (proc_is_ours(proc_root))
		files->pidfd = (int)syscall(SYS_pidfd_open, files->pid, 0);
	files->dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (files->dir < 0 && (errno == ENOENT || errno == ESRCH))
		return files->pidfd >= 0 && !process_ended(files)
			       ? hidden_process(files->pid, error)
			       : no_such_process(files->pid, error);
	if (files->dir < 0)
		return error_set_os(error, errno, "cannot open %s", path);
	return true;
}

static bool open_always(struct process_files *files, const char *name, int *fd, struct error *error)
{
	*fd = openat(files->dir, name, O_RDONLY | O_CLOEXEC);
	if (*fd >= 0)
		return true;
	if (errno == ENOENT || errno == ESRCH)
		return no_such_process(files->pid, error);
	return error_set_os(error, errno, "cannot open /proc/%d/%s", (int)files->pid, name);
}

static bool yama_restricts(const char *proc_root)
{
	char path[PATH_MAX], text[16] = "0";
	_cleanup_close_ int fd = -1;
	snprintf(path, sizeof path, "%s/sys/kernel/yama/ptrace_scope", proc_root);
	return file_open(AT_FDCWD, path, &fd, NULL) &&
	       file_read_into(fd, path, text, sizeof text, NULL) && text[0] > '0';
}

// `mem` and `maps` are what privileges are for.
static bool open_traced(const char *proc_root, struct process_files *files, const char *name,
			int *fd, struct error *error)
{
	*fd = openat(files->dir, name, O_RDONLY | O_CLOEXEC);
	if (*fd >= 0)
		return true;
	int why = errno;
	if (why == ENOENT || why == ESRCH)
		return no_such_process(files->pid, error);
	error_set_os(error, why, "may not look into process %d: cannot open %s", (int)files->pid,
		     name);
	if (yama_restricts(proc_root))
		return error_hint(error, "run as root or with CAP_SYS_PTRACE; "
					 "kernel.yama.ptrace_scope also keeps the same user out");
	return error_hint(error, "run as root, with CAP_SYS_PTRACE, or as the user of the process; "
				 "in a container add the capability SYS_PTRACE and share its pid "
				 "namespace");
}

static void open_optional(struct process_files *files)
{
	const struct {
		const char *name;
		int *fd;
	} rows[] = {
		{"smaps", &files->smaps},     {"statm", &files->statm},
		{"cgroup", &files->cgroup},   {"exe", &files->exe},
		{"pagemap", &files->pagemap}, {"cmdline", &files->cmdline},
		{"comm", &files->comm},       {"environ", &files->environ},
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		*rows[i].fd = openat(files->dir, rows[i].name, O_RDONLY | O_CLOEXEC);
	char link[PATH_MAX];
	ssize_t length = readlinkat(files->dir, "exe", link, sizeof link - 1);
	if (length > 0) {
		link[length] = '\0';
		files->exe_path = alloc_string(link);
	}
}

// Threads of the kernel and zombies have no memory to look at.
static bool check_kind(const struct process_files *files, struct error *error)
{
	struct process_stat stat;
	if (!process_stat_read(files, &stat, error))
		return false;
	if (stat.kernel_thread)
		return error_set(error, ERROR_UNSUPPORTED,
				 "%d (%s) is a thread of the kernel: it has no memory of its own",
				 (int)files->pid, stat.name);
	if (stat.state == 'Z' || stat.state == 'X')
		return error_set(error, ERROR_NOT_FOUND,
				 "process %d (%s) has ended; its parent has not collected it yet",
				 (int)files->pid, stat.name);
	return true;
}

static bool open_all(const char *proc_root, struct process_files *files, struct error *error)
{
	if (!open_directory(proc_root, files, error) ||
	    !open_always(files, "stat", &files->stat, error) ||
	    !open_always(files, "status", &files->status, error) || !check_kind(files, error) ||
	    !open_traced(proc_root, files, "mem", &files->mem, error) ||
	    !open_traced(proc_root, files, "maps", &files->maps, error))
		return false;
	open_optional(files);
	return !process_ended(files) ||
	       error_set(error, ERROR_NOT_FOUND, "process %d ended while it was being opened",
			 (int)files->pid);
}

bool process_files_open(const char *proc_root, pid_t pid, struct process_files *files,
			struct error *error)
{
	struct process_files opened = PROCESS_FILES_NONE;
	opened.pid = pid;
	if (pid <= 0)
		return error_set(error, ERROR_USAGE, "%d is no process id", (int)pid);
	if (!open_all(proc_root, &opened, error)) {
		process_files_close(&opened);
		return false;
	}
	*files = opened;
	return true;
}

bool process_ended(const struct process_files *files)
{
	struct pollfd event = {.fd = files->pidfd, .events = POLLIN};
	return files->pidfd >= 0 && poll(&event, 1, 0) == 1 && event.revents;
}

static bool read_text(int fd, const char *path, char *buffer, struct error *error)
{
	struct error failure = {0};
	if (file_read_into(fd, path, buffer, STATUS_TEXT_MAX, &failure))
		return true;
	if (failure.os_errno == ESRCH)
		return error_set(error, ERROR_NOT_FOUND, "%s: the process has ended", path);
	if (error)
		*error = failure;
	return false;
}

bool process_status_read(const struct process_files *files, struct process_status *status,
			 struct error *error)
{
	char text[STATUS_TEXT_MAX];
	return read_text(files->status, "status", text, error) &&
	       process_status_parse(text, status, error);
}

bool process_stat_read(const struct process_files *files, struct process_stat *stat,
		       struct error *error)
{
	char text[STATUS_TEXT_MAX];
	return read_text(files->stat, "stat", text, error) && process_stat_parse(text, stat, error);
}

static int64_t clock_ns(clockid_t clock)
{
	struct timespec now;
	clock_gettime(clock, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int64_t process_boot_unix_ns(void)
{
	return clock_ns(CLOCK_REALTIME) - clock_ns(CLOCK_BOOTTIME);
}

int64_t process_start_unix_ns(const struct process_stat *stat, int64_t boot_unix_ns)
{
	uint64_t ticks_a_second = (uint64_t)sysconf(_SC_CLK_TCK);
	uint64_t seconds = stat->start_ticks / ticks_a_second;
	uint64_t rest = stat->start_ticks % ticks_a_second;
	int64_t since_boot, result;
	if (__builtin_mul_overflow(seconds, (uint64_t)1000000000, &since_boot) ||
	    __builtin_add_overflow(since_boot, (int64_t)(rest * 1000000000 / ticks_a_second),
				   &since_boot) ||
	    __builtin_add_overflow(since_boot, boot_unix_ns, &result))
		return boot_unix_ns;
	return result;
}
