// SPDX-License-Identifier: Apache-2.0
// In: the threads of a process, by their ids. Out: all of them standing still, and going on again.
#include "system/tracer.h"

#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"

enum {
	SCANS_MAX = 1000,         // of the list of threads, until it brings no new one
	WAIT_SLICE_NS = 10000000, // for the case that SIGCHLD is ignored and never comes
	KILLED_NS = 1000000000,   // for killed threads to end
	STATUS_TEXT_MAX = 16384,
};

static void cleanup_closedir(DIR **directory)
{
	if (*directory)
		closedir(*directory);
}

bool tracer_check(const struct process_files *files, struct error *error)
{
	struct process_status status;
	if (!process_status_read(files, &status, error))
		return false;
	if (status.state == 'Z' || status.state == 'X')
		return error_set(error, ERROR_NOT_FOUND, "process %d has ended", (int)files->pid);
	if (!status.tracer_pid.known || !status.tracer_pid.value)
		return true;
	error_set(error, ERROR_UNSUPPORTED,
		  "process %d cannot be stopped: process %d traces it, and the kernel allows one "
		  "tracer",
		  (int)files->pid, (int)status.tracer_pid.value);
	return error_hint(error, "end that debugger or tracer, or read with --mode live");
}

// ---- finding and seizing ----

bool tracer_read_status(const struct tracer *tracer, pid_t id, struct process_status *status)
{
	char path[64], text[STATUS_TEXT_MAX];
	_cleanup_close_ int fd = -1;
	snprintf(path, sizeof path, "task/%d/status", (int)id);
	return file_open(tracer->dir, path, &fd, NULL) &&
	       file_read_into(fd, path, text, sizeof text, NULL) &&
	       process_status_parse(text, status, NULL);
}

static pid_t find_own_id(const struct tracer *tracer, pid_t id)
{
	struct process_status status;
	if (!tracer->other_namespace || !tracer_read_status(tracer, id, &status) ||
	    !status.ns_pid_count)
		return id;
	return status.ns_pids[status.ns_pid_count - 1];
}

static bool may_not(const struct tracer *tracer, pid_t id, int why, struct error *error)
{
	error_set_os(error, why, "may not stop thread %d of process %d", (int)id, (int)tracer->pid);
	return error_hint(error, "stopping needs root, CAP_SYS_PTRACE or the user of the process, "
				 "and a kernel.yama.ptrace_scope that allows it; --mode live stops "
				 "nothing");
}

// A thread that ended is no failure, nor is the first thread when it ended before the others.
static bool seize(struct tracer *tracer, pid_t id, bool *seized, struct error *error)
{
	struct process_status status;
	*seized = ptrace(PTRACE_SEIZE, id, NULL, NULL) == 0;
	if (*seized || errno == ESRCH)
		return true;
	int why = errno;
	if (!tracer_read_status(tracer, id, &status) || status.state == 'Z' || status.state == 'X')
		return true;
	return may_not(tracer, id, why, error);
}

static bool seize_new(struct tracer *tracer, pid_t id, size_t *added, struct error *error)
{
	bool is_new, seized;
	if (map_find(&tracer->known, (uint64_t)id))
		return true;
	if (tracer->threads.count == TRACER_THREADS_MAX)
		return error_set(error, ERROR_LIMIT, "process %d has more than %d threads",
				 (int)tracer->pid, TRACER_THREADS_MAX);
	if (!seize(tracer, id, &seized, error))
		return false;
	if (!seized)
		return true;
	map_put(&tracer->known, (uint64_t)id, 0, &is_new);
	vec_push(&tracer->threads,
		 (struct tracer_thread){.id = id, .own_id = find_own_id(tracer, id)});
	++*added;
	return true;
}

// Seizes each thread that is not known yet.
static bool seize_all(struct tracer *tracer, size_t *added, struct error *error)
{
	int fd = openat(tracer->dir, "task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_(cleanup_closedir) DIR *directory = fd < 0 ? NULL : fdopendir(fd);
	if (!directory && (errno == ENOENT || errno == ESRCH))
		return error_set(error, ERROR_NOT_FOUND, "process %d has ended", (int)tracer->pid);
	if (!directory)
		return error_set_os(error, errno, "cannot list the threads of process %d",
				    (int)tracer->pid);
	*added = 0;
	for (struct dirent *entry; (entry = readdir(directory));) {
		long id = strtol(entry->d_name, NULL, 10);
		if (id > 0 && !seize_new(tracer, (pid_t)id, added, error))
			return false;
	}
	return true;
}

// ---- stopping ----

void tracer_note_stop(struct tracer_thread *thread, int status)
{
	bool is_event = status >> 16 == PTRACE_EVENT_STOP;
	thread->state = TRACER_STOPPED;
	thread->job_stopped = is_event && WSTOPSIG(status) != SIGTRAP;
	thread->signal = status >> 16 ? 0 : WSTOPSIG(status);
}

// Sleeps until a child or a thread of ours changed, or a slice of time passed.
static void sleep_until_change(int64_t deadline_ns)
{
	sigset_t child;
	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	int64_t left = deadline_ns - clock_monotonic_ns();
	left = left < 0 ? 0 : left < WAIT_SLICE_NS ? left : WAIT_SLICE_NS;
	sigtimedwait(&child, NULL, &(struct timespec){.tv_nsec = left});
}

// The first thread of a process that was killed tells us so only after all others have been heard.
static bool is_zombie(pid_t id)
{
	char path[64], text[1024];
	struct process_stat stat;
	_cleanup_close_ int fd = -1;
	snprintf(path, sizeof path, "/proc/%d/stat", (int)id);
	return file_open(AT_FDCWD, path, &fd, NULL) &&
	       file_read_into(fd, path, text, sizeof text, NULL) &&
	       process_stat_parse(text, &stat, NULL) && (stat.state == 'Z' || stat.state == 'X');
}

bool tracer_await(struct tracer_thread *thread, int64_t deadline_ns, int *status)
{
	int64_t slice_end_ns = clock_monotonic_ns() + WAIT_SLICE_NS;
	for (;;) {
		pid_t got = waitpid(thread->id, status, __WALL | WNOHANG);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0 || (got == thread->id && !WIFSTOPPED(*status))) {
			thread->state = TRACER_GONE;
			return true;
		}
		if (got == thread->id)
			return true;
		int64_t now_ns = clock_monotonic_ns();
		if (now_ns >= slice_end_ns && is_zombie(thread->id)) {
			thread->state = TRACER_GONE;
			return true;
		}
		if (now_ns >= slice_end_ns)
			slice_end_ns = now_ns + WAIT_SLICE_NS;
		if (now_ns >= deadline_ns)
			return false;
		sleep_until_change(deadline_ns);
	}
}

static bool await_stop(struct tracer *tracer, struct tracer_thread *thread, struct error *error)
{
	int status;
	if (thread->state != TRACER_SEIZED)
		return true;
	if (!tracer_await(thread, tracer->deadline_ns, &status)) {
		error_set(error, ERROR_LIMIT,
			  "thread %d of process %d did not stop in time: all were let go",
			  (int)thread->id, (int)tracer->pid);
		return error_hint(error, "it may be deep in a system call that cannot be "
					 "interrupted; --mode live stops nothing");
	}
	if (thread->state != TRACER_GONE)
		tracer_note_stop(thread, status);
	return true;
}

// Interrupts the threads from `first` on, then waits for them: they stop side by side.
static bool stop_from(struct tracer *tracer, size_t first, struct error *error)
{
	if (!tracer->interrupted_ns)
		tracer->interrupted_ns = clock_monotonic_ns();
	for (size_t i = first; i < tracer->threads.count; i++)
		ptrace(PTRACE_INTERRUPT, tracer->threads.items[i].id, NULL, NULL);
	for (size_t i = first; i < tracer->threads.count; i++)
		if (!await_stop(tracer, &tracer->threads.items[i], error))
			return false;
	return true;
}

// A thread that ran until now may have made another: only a list without a new one is the end.
static bool stop_all(struct tracer *tracer, struct error *error)
{
	for (int scan = 0; scan < SCANS_MAX; scan++) {
		size_t before = tracer->threads.count, added;
		if (!seize_all(tracer, &added, error))
			return false;
		if (!added)
			return true;
		if (!stop_from(tracer, before, error))
			return false;
	}
	return error_set(error, ERROR_LIMIT,
			 "process %d makes threads faster than they can be "
			 "stopped",
			 (int)tracer->pid);
}

static size_t count_stopped(const struct tracer *tracer)
{
	size_t count = 0;
	VEC_FOREACH (thread, &tracer->threads)
		count += thread->state == TRACER_STOPPED;
	return count;
}

static bool check_any(const struct tracer *tracer, struct error *error)
{
	return count_stopped(tracer) ||
	       error_set(error, ERROR_NOT_FOUND, "process %d has ended", (int)tracer->pid);
}

static void begin(struct tracer *tracer, const struct process_files *files, int64_t deadline_ns)
{
	struct process_status status;
	sigset_t child;
	*tracer = (struct tracer){.pid = files->pid, .dir = files->dir, .deadline_ns = deadline_ns};
	tracer->other_namespace =
		process_status_read(files, &status, NULL) && status.ns_pid_count > 1;
	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	tracer->began = sigprocmask(SIG_BLOCK, &child, &tracer->mask_before) == 0;
}

bool tracer_stop(struct tracer *tracer, const struct process_files *files, int64_t deadline_ns,
		 struct error *error)
{
	begin(tracer, files, deadline_ns);
	if (tracer_check(files, error) && stop_all(tracer, error) && check_any(tracer, error))
		return true;
	tracer_let_go(tracer);
	return false;
}

bool tracer_stop_one(struct tracer *tracer, const struct process_files *files, pid_t thread,
		     int64_t deadline_ns, struct error *error)
{
	size_t added = 0;
	begin(tracer, files, deadline_ns);
	if (tracer_check(files, error) && seize_new(tracer, thread, &added, error) &&
	    stop_from(tracer, 0, error) && check_any(tracer, error))
		return true;
	tracer_let_go(tracer);
	return false;
}

// ---- registers ----

static void take_registers(const struct user_regs_struct *registers, struct target_thread *thread)
{
#if defined(__x86_64__)
	thread->pc = registers->rip;
	thread->sp = registers->rsp;
	thread->frame_pointer = registers->rbp;
#elif defined(__aarch64__)
	thread->pc = registers->pc;
	thread->sp = registers->sp;
	thread->link = registers->regs[30];
	thread->frame_pointer = registers->regs[29];
#else
#error "the registers of this machine are not known"
#endif
}

static bool read_registers(const struct tracer_thread *thread, struct target_thread *out)
{
	struct user_regs_struct registers;
	struct iovec area = {&registers, sizeof registers};
	if (ptrace(PTRACE_GETREGSET, thread->id, (void *)NT_PRSTATUS, &area) != 0 ||
	    area.iov_len != sizeof registers) // shorter: a 32-bit program
		return false;
	*out = (struct target_thread){.id = thread->own_id};
	take_registers(&registers, out);
	return true;
}

size_t tracer_read_threads(const struct tracer *tracer, struct target_thread *threads,
			   size_t capacity)
{
	size_t count = 0;
	VEC_FOREACH (thread, &tracer->threads)
		if (count < capacity && thread->state == TRACER_STOPPED)
			count += read_registers(thread, &threads[count]);
	return count;
}

// ---- letting go ----

// One that was asked to stop and did not yet is let go by the kernel when we end.
static void let_go(struct tracer_thread *thread)
{
	if (thread->state == TRACER_STOPPED &&
	    ptrace(PTRACE_DETACH, thread->id, NULL, (void *)(long)thread->signal) == 0)
		thread->state = TRACER_GONE;
}

// A thread that was killed while it stood still is a zombie until its tracer has taken notice, and
// keeps its parent from taking any. The first thread ends last.
static void collect_killed(struct tracer *tracer)
{
	int64_t deadline_ns = clock_monotonic_ns() + KILLED_NS;
	int status;
	for (size_t i = tracer->threads.count; i-- > 0;)
		if (tracer->threads.items[i].state == TRACER_STOPPED)
			(void)tracer_await(&tracer->threads.items[i], deadline_ns, &status);
	if (tracer->threads.count && tracer->threads.items[0].id == tracer->pid)
		while (waitpid(tracer->pid, &status, __WALL | WNOHANG) < 0 && errno == EINTR)
			;
}

int64_t tracer_let_go(struct tracer *tracer)
{
	VEC_FOREACH (thread, &tracer->threads)
		let_go(thread);
	int64_t pause_ns =
		tracer->interrupted_ns ? clock_monotonic_ns() - tracer->interrupted_ns : 0;
	collect_killed(tracer);
	vec_deinit(&tracer->threads);
	map_deinit(&tracer->known);
	if (tracer->began)
		sigprocmask(SIG_SETMASK, &tracer->mask_before, NULL);
	*tracer = (struct tracer){0};
	return pause_ns;
}
