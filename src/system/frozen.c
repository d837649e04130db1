// SPDX-License-Identifier: Apache-2.0
// In: a running process. Out: a copy of its memory at one instant, and nothing left when it is
// over.
#include "system/frozen.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "system/inject.h"

enum {
	ATTEMPTS_MAX = 100, // to find a thread that can be made to call
	ATTEMPT_MS = 3,
	COPIES_MAX = 16,
	CHILDREN_TEXT_MAX = 1 << 20,
	STAT_TEXT_MAX = 4096,
	NOWHERE = 8, // a stack pointer that no process can have
};

// A machine with more to do than it can may take long to let two processes talk to each other.
static const int64_t REAP_NS = 60000000000, REAP_STOP_NS = 5000000000, REAP_TRACED_NS = 10000000000;

static void sleep_ms(int ms)
{
	nanosleep(&(struct timespec){.tv_nsec = ms * 1000000L}, NULL);
}

// ---- making the copy ----

// A process made by a thread in another namespace of pids would be that namespace's first.
static bool makes_children_elsewhere(const struct process_files *files, pid_t thread)
{
	char path[64], own[64] = "", children[64] = "";
	snprintf(path, sizeof path, "task/%d/ns/pid_for_children", (int)thread);
	return readlinkat(files->dir, "ns/pid", own, sizeof own - 1) > 0 &&
	       readlinkat(files->dir, path, children, sizeof children - 1) > 0 &&
	       strcmp(own, children) != 0;
}

static bool may_call(const struct tracer *tracer, const struct process_files *files, pid_t thread)
{
	struct process_status status;
	return tracer_read_status(tracer, thread, &status) && status.seccomp_mode.known &&
	       !status.seccomp_mode.value && !makes_children_elsewhere(files, thread);
}

struct inject_call frozen_call(volatile pid_t *child)
{
	return (struct inject_call){
		.number = SYS_clone,
		.arguments = {CLONE_FILES | CLONE_SETTLS, NOWHERE},
		.child = child,
	};
}

// One stop. *done is false when no thread could be made to call.
static bool try_copy(struct tracer *tracer, const struct process_files *files,
		     struct frozen *frozen, bool *done, struct error *error)
{
	volatile pid_t child = 0;
	const struct inject_call call = frozen_call(&child);
	struct tracer_thread *thread;
	long result = 0;
	*done = false;
	while (!*done && (thread = inject_choose(tracer, files))) {
		thread->refused = true; // a second time
		if (!may_call(tracer, files, thread->id))
			continue;
		bool ok = inject_call(thread, &call, done, &result, error);
		frozen->copy = child;
		if (!ok)
			return false;
	}
	if (*done && result < 0) {
		error_set_os(error, (int)-result, "process %d may not make a copy of itself",
			     (int)files->pid);
		return error_hint(error, "limits on processes or memory may be in the way; --mode "
					 "stop needs no copy");
	}
	return true;
}

static bool stop_and_copy(const struct process_files *files, int64_t stop_limit_ns,
			  struct frozen *frozen, struct target_thread *threads,
			  size_t *thread_count, int64_t *pause_ns, bool *done, struct error *error)
{
	struct tracer tracer;
	if (!tracer_stop(&tracer, files, clock_monotonic_ns() + stop_limit_ns, error))
		return false;
	bool ok = try_copy(&tracer, files, frozen, done, error);
	if (ok && *done)
		*thread_count = tracer_read_threads(&tracer, threads, TRACER_THREADS_MAX);
	int64_t pause = tracer_let_go(&tracer);
	*pause_ns = pause > *pause_ns ? pause : *pause_ns;
	return ok;
}

static bool open_copy(struct frozen *frozen, struct error *error)
{
	char path[64];
	int score;
	snprintf(path, sizeof path, "/proc/%d/oom_score_adj", (int)frozen->copy);
	score = open(path, O_WRONLY | O_CLOEXEC);
	if (score >= 0) {
		(void)!write(score, "1000", 4);
		close(score);
	}
	snprintf(path, sizeof path, "/proc/%d/mem", (int)frozen->copy);
	if (!file_open(AT_FDCWD, path, &frozen->memory_fd, error))
		return false;
	snprintf(path, sizeof path, "/proc/%d/maps", (int)frozen->copy);
	return file_open(AT_FDCWD, path, &frozen->maps_fd, error);
}

static bool make(const struct process_files *files, int64_t stop_limit_ns, struct frozen *frozen,
		 struct target_thread *threads, size_t *thread_count, int64_t *pause_ns,
		 struct error *error)
{
	bool done = false;
	for (int attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
		if (!stop_and_copy(files, stop_limit_ns, frozen, threads, thread_count, pause_ns,
				   &done, error))
			return false;
		if (done)
			return open_copy(frozen, error);
		sleep_ms(ATTEMPT_MS);
	}
	error_set(
		error, ERROR_UNSUPPORTED,
		"process %d has no thread that can make a copy of it: none waits in a system call "
		"of 64-bit code, free of seccomp and of other namespaces",
		(int)files->pid);
	return error_hint(error, "--mode stop needs no copy");
}

bool frozen_make(const struct process_files *files, int64_t stop_limit_ns, struct frozen *frozen,
		 struct target_thread *threads, size_t *thread_count, int64_t *pause_ns,
		 struct error *error)
{
	*frozen = (struct frozen){.memory_fd = -1, .maps_fd = -1};
	*pause_ns = 0;
	if (make(files, stop_limit_ns, frozen, threads, thread_count, pause_ns, error))
		return true;
	(void)!frozen_end(files, frozen, NULL);
	return false;
}

bool frozen_is_whole(const struct frozen *frozen)
{
	siginfo_t info = {0};
	return waitid(P_PID, (id_t)frozen->copy, &info, WEXITED | WNOHANG | WNOWAIT | __WALL) ==
		       0 &&
	       info.si_pid == 0;
}

// ---- taking an ended copy out of the process table ----

typedef VEC(pid_t) pid_list;

static void cleanup_closedir(DIR **directory)
{
	if (*directory)
		closedir(*directory);
}

static void list_threads(const struct process_files *files, pid_list *list)
{
	int fd = openat(files->dir, "task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_(cleanup_closedir) DIR *directory = fd < 0 ? NULL : fdopendir(fd);
	for (struct dirent *entry; directory && (entry = readdir(directory));) {
		long id = strtol(entry->d_name, NULL, 10);
		if (id > 0 && list->count < TRACER_THREADS_MAX)
			vec_push(list, (pid_t)id);
	}
}

// The number of the system call that a thread waits in, or -1.
static long waits_in(const struct process_files *files, pid_t thread)
{
	char path[64], text[256], *end;
	_cleanup_close_ int fd = -1;
	snprintf(path, sizeof path, "task/%d/syscall", (int)thread);
	if (!file_open(files->dir, path, &fd, NULL) ||
	    !file_read_into(fd, path, text, sizeof text, NULL))
		return -1;
	long number = strtol(text, &end, 10);
	return end == text ? -1 : number;
}

// The quietest threads first, by what they wait for.
static void list_callers(const struct process_files *files, pid_list *callers)
{
	pid_list all = {0};
	list_threads(files, &all);
	for (int quiet = 1; quiet >= 0; quiet--)
		VEC_FOREACH (thread, &all) {
			long number = waits_in(files, *thread);
			bool is_quiet = number == SYS_futex || number == SYS_nanosleep;
			if (number >= 0 && is_quiet == quiet)
				vec_push(callers, *thread);
		}
	vec_deinit(&all);
}

enum reaped { REAPED_NOT_YET, REAPED_YES, REAPED_NEVER };

// A thread that ended or did not stop is no reason to give up. A process that somebody else traces
// is in the end: another whyoom lets it go soon, a debugger does not.
static enum reaped after_failure(const struct error *error, int64_t give_up_ns)
{
	bool passes = error->code == ERROR_NOT_FOUND || error->code == ERROR_LIMIT;
	return passes || clock_monotonic_ns() < give_up_ns ? REAPED_NOT_YET : REAPED_NEVER;
}

static enum reaped reap_by(const struct process_files *files, pid_t thread_id, pid_t own_id,
			   int64_t give_up_ns, struct error *error)
{
	const struct inject_call call = {
		.number = SYS_wait4,
		.arguments = {(uint64_t)own_id, 0, WNOHANG | __WALL},
	};
	struct tracer tracer;
	bool done = false;
	long result = 0;
	if (!tracer_stop_one(&tracer, files, thread_id, clock_monotonic_ns() + REAP_STOP_NS, error))
		return after_failure(error, give_up_ns);
	struct tracer_thread *thread = inject_choose(&tracer, files);
	bool ok = !thread || inject_call(thread, &call, &done, &result, error);
	tracer_let_go(&tracer);
	if (!ok)
		return after_failure(error, give_up_ns);
	return done && (result == own_id || result == -ECHILD) ? REAPED_YES : REAPED_NOT_YET;
}

static bool reap(const struct process_files *files, pid_t own_id, struct error *error)
{
	int64_t now_ns = clock_monotonic_ns();
	int64_t deadline_ns = now_ns + REAP_NS, give_up_ns = now_ns + REAP_TRACED_NS;
	enum reaped reaped = REAPED_NOT_YET;
	struct error why = {0};
	while (reaped == REAPED_NOT_YET && !process_ended(files) &&
	       clock_monotonic_ns() < deadline_ns) {
		pid_list callers = {0};
		list_callers(files, &callers);
		for (size_t i = 0; i < callers.count && reaped == REAPED_NOT_YET; i++)
			reaped = reap_by(files, callers.items[i], own_id, give_up_ns, &why);
		vec_deinit(&callers);
		if (reaped == REAPED_NOT_YET)
			sleep_ms(ATTEMPT_MS);
	}
	if (reaped == REAPED_YES || process_ended(files))
		return true;
	error_set(error, ERROR_LIMIT, "the ended copy of process %d stays in the process table: %s",
		  (int)files->pid,
		  why.message[0] ? why.message : "no thread of it could be made to collect it");
	return error_hint(error, "it has no memory any more and goes when the process ends");
}

// What the process itself calls its child `pid`, a zombie perhaps.
static pid_t find_own_id(pid_t pid)
{
	char path[64], text[16384];
	struct process_status status;
	_cleanup_close_ int fd = -1;
	snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
	if (!file_open(AT_FDCWD, path, &fd, NULL) ||
	    !file_read_into(fd, path, text, sizeof text, NULL) ||
	    !process_status_parse(text, &status, NULL) || !status.ns_pid_count)
		return pid;
	return status.ns_pids[status.ns_pid_count - 1];
}

bool frozen_end(const struct process_files *files, struct frozen *frozen, struct error *error)
{
	pid_t copy = frozen->copy;
	cleanup_close(&frozen->memory_fd);
	cleanup_close(&frozen->maps_fd);
	*frozen = (struct frozen){.memory_fd = -1, .maps_fd = -1};
	if (!copy)
		return true;
	pid_t own_id = find_own_id(copy);
	kill(copy, SIGKILL); // a tracee of ours: nobody else can have this id
	while (waitpid(copy, NULL, __WALL) < 0 && errno == EINTR)
		;
	return reap(files, own_id, error);
}

// ---- after the death of the process that made a copy ----

static bool read_stat(pid_t pid, struct process_stat *stat)
{
	char path[64], text[STAT_TEXT_MAX];
	_cleanup_close_ int fd = -1;
	snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
	return file_open(AT_FDCWD, path, &fd, NULL) &&
	       file_read_into(fd, path, text, sizeof text, NULL) &&
	       process_stat_parse(text, stat, NULL);
}

static bool is_copy(pid_t pid, uint64_t since_ticks)
{
	struct process_stat stat;
	return read_stat(pid, &stat) && stat.exit_signal.known && !stat.exit_signal.value &&
	       stat.start_ticks >= since_ticks;
}

static pid_t find_copy_of(const struct process_files *files, pid_t thread, uint64_t since_ticks)
{
	char path[64];
	_cleanup_free_ char *text = NULL;
	size_t size;
	snprintf(path, sizeof path, "task/%d/children", (int)thread);
	if (!file_read_path(files->dir, path, CHILDREN_TEXT_MAX, &text, &size, NULL))
		return 0;
	for (char *at = text, *end; at; at = end == at ? NULL : end) {
		long child = strtol(at, &end, 10);
		if (end != at && child > 0 && is_copy((pid_t)child, since_ticks))
			return (pid_t)child;
	}
	return 0;
}

static pid_t find_copy(const struct process_files *files, uint64_t since_ticks)
{
	pid_list threads = {0};
	pid_t found = 0;
	list_threads(files, &threads);
	for (size_t i = 0; i < threads.count && !found; i++)
		found = find_copy_of(files, threads.items[i], since_ticks);
	vec_deinit(&threads);
	return found;
}

bool frozen_clean_up(const struct process_files *files, uint64_t since_ticks, int64_t wait_ns,
		     struct error *error)
{
	int64_t deadline_ns = clock_monotonic_ns() + wait_ns;
	for (int found = 0; found < COPIES_MAX;) {
		pid_t copy = find_copy(files, since_ticks);
		if (copy) {
			kill(copy, SIGKILL);
			if (!reap(files, find_own_id(copy), error))
				return false;
			found++;
		} else if (found || process_ended(files) || clock_monotonic_ns() >= deadline_ns) {
			return true;
		} else {
			sleep_ms(ATTEMPT_MS);
		}
	}
	return error_set(error, ERROR_LIMIT, "process %d has more copies than anybody made",
			 (int)files->pid);
}
