// SPDX-License-Identifier: Apache-2.0
// In: a cgroup. Out: a kill that waits, and a guard that lets it go whatever happens to us.
#include "watch/hold.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "watch/hold_priv.h"

#define ANSWER_NS 2000000000 // how long the guard may take to answer

struct hold {
	const struct hold_kind *kind;
	pid_t guard;
	int channel;
	const char *state_path;  // of its record; NULL: none
	struct hold_files files; // to undo it ourselves should the guard be gone
	enum hold_state state;
	int os_errno; // of a failed undo, else 0
	bool guard_ended;
};

static void free_hold(struct hold **hold)
{
	if (!*hold)
		return;
	cleanup_close(&(*hold)->channel);
	for (int i = 0; i < HOLD_FILES_MAX; i++)
		cleanup_close(&(*hold)->files.fds[i]);
	if ((*hold)->files.notes)
		hold_record_end(&(*hold)->files.notes->record, (*hold)->state_path,
				!(*hold)->os_errno);
	if ((*hold)->files.notes)
		munmap((*hold)->files.notes, sizeof *(*hold)->files.notes);
	free(*hold);
}

static bool check_not_inside(struct cgroup *cgroup, struct error *error)
{
	_cleanup_(cgroup_pids_deinit) struct cgroup_pids pids = {0};
	if (!cgroup_read_pids(cgroup, &pids, error))
		return false;
	VEC_FOREACH (pid, &pids.list) {
		if (*pid != getpid())
			continue;
		error_set(error, ERROR_USAGE,
			  "cannot hold the kill in %s: whyoom itself runs in that cgroup",
			  cgroup_get_path(cgroup));
		return error_hint(error, "it would sleep with the others; start it in a cgroup of "
					 "its own");
	}
	return true;
}

bool hold_open_file(const struct cgroup *cgroup, const char *name, int flags, int *fd,
		    struct error *error)
{
	*fd = openat(cgroup_get_dir(cgroup), name, flags | O_CLOEXEC);
	if (*fd >= 0)
		return true;
	error_set_os(error, errno, "may not hold the kill: cannot open %s/%s",
		     cgroup_get_path(cgroup), name);
	return error_hint(error, "holding needs root and a cgroup mount that is not read-only");
}

static bool map_notes(struct hold *hold, struct error *error)
{
	void *page = mmap(NULL, sizeof *hold->files.notes, PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (page == MAP_FAILED)
		return error_set_os(error, errno, "cannot share memory with the guard");
	hold->files.notes = page;
	hold->files.notes->record.fd = -1;
	return true;
}

// ---- the caller's side ----

static void undo_ourselves(struct hold *hold)
{
	hold->guard_ended = true;
	hold->state = HOLD_GUARD_LOST;
	int why = hold->kind->undo(&hold->files);
	hold->os_errno = why == ENODEV ? 0 : why;
}

static bool is_final(const struct hold *hold)
{
	return hold->state != HOLD_ARMED && hold->state != HOLD_UNDER_OOM;
}

static void take_message(struct hold *hold, const struct hold_message *message)
{
	hold->state = message->state;
	hold->os_errno = message->os_errno;
}

// Takes one message, waiting up to `timeout_ms`. False when there is no more to come for now.
static bool take_next(struct hold *hold, int timeout_ms)
{
	struct pollfd event = {.fd = hold->channel, .events = POLLIN};
	struct hold_message message;
	int ready;
	if (hold->guard_ended)
		return false;
	do
		ready = poll(&event, 1, timeout_ms);
	while (ready < 0 && errno == EINTR);
	if (ready <= 0)
		return false;
	ssize_t size;
	// A guard that ended with our word unread resets the channel; what it said comes after
	// that.
	do
		size = recv(hold->channel, &message, sizeof message, MSG_DONTWAIT);
	while (size < 0 && (errno == EINTR || errno == ECONNRESET));
	if (size == (ssize_t)sizeof message) {
		take_message(hold, &message);
		return true;
	}
	hold->guard_ended = true;
	if (!is_final(hold))
		undo_ourselves(hold);
	return false;
}

enum hold_state hold_get_state(struct hold *hold)
{
	while (take_next(hold, 0))
		;
	return hold->state;
}

int hold_event_fd(const struct hold *hold)
{
	return hold->channel;
}

static void collect_guard(struct hold *hold)
{
	while (waitpid(hold->guard, NULL, 0) < 0 && errno == EINTR)
		;
}

static void close_channel(struct hold *hold)
{
	if (hold->channel >= 0)
		close(hold->channel);
	hold->channel = -1;
}

// The guard is our child and not yet collected: its pid cannot be anybody else's.
static void kill_guard(struct hold *hold)
{
	kill(hold->guard, SIGKILL);
	collect_guard(hold); // nothing is written by it after this
	undo_ourselves(hold);
}

bool hold_release(struct hold *hold, struct error *error)
{
	int64_t deadline_ns = clock_monotonic_ns() + ANSWER_NS;
	hold_get_state(hold);
	if (!is_final(hold) && send(hold->channel, "r", 1, MSG_NOSIGNAL) != 1)
		kill_guard(hold);
	while (!is_final(hold) && clock_monotonic_ns() < deadline_ns)
		take_next(hold, 100);
	if (!is_final(hold))
		kill_guard(hold);
	return !hold->os_errno || error_set_os(error, hold->os_errno, "cannot let the kill go: %s",
					       hold->kind->file_name);
}

bool hold_end(struct hold *hold, struct error *error)
{
	_cleanup_(free_hold) struct hold *ended = hold;
	if (!ended)
		return true;
	bool released = hold_release(ended, error);
	close_channel(ended);
	collect_guard(ended);
	return released;
}

// Waits for the guard's first word.
static bool await_armed(struct hold *hold, const struct cgroup *cgroup, struct error *error)
{
	struct hold_message message;
	ssize_t size;
	do
		size = recv(hold->channel, &message, sizeof message, 0);
	while (size < 0 && errno == EINTR);
	bool armed = size == (ssize_t)sizeof message && !message.os_errno;
	if (armed)
		return true;
	close_channel(hold);
	collect_guard(hold);
	return error_set_os(error, size == (ssize_t)sizeof message ? message.os_errno : ECHILD,
			    "cannot hold the kill in %s", cgroup_get_path(cgroup));
}

static bool fork_guard(struct hold *hold, struct hold_guard *guard, const struct cgroup *cgroup,
		       struct error *error)
{
	guard->parent = getpid();
	guard->parent_pidfd = (int)syscall(SYS_pidfd_open, guard->parent, 0);
	hold->guard = fork();
	if (hold->guard == 0)
		hold_guard_run(guard);
	int why = errno;
	if (guard->parent_pidfd >= 0)
		close(guard->parent_pidfd);
	cleanup_close(&guard->channel);
	guard->channel = -1;
	if (hold->guard < 0)
		return error_set_os(error, why, "cannot start the guard process");
	return await_armed(hold, cgroup, error);
}

static struct hold *make_hold(const struct cgroup *cgroup)
{
	struct hold *hold = alloc_zero(sizeof *hold);
	hold->kind = cgroup_get_version(cgroup) == CGROUP_V1 ? &hold_kind_v1 : &hold_kind_v2;
	hold->channel = -1;
	for (int i = 0; i < HOLD_FILES_MAX; i++)
		hold->files.fds[i] = -1;
	return hold;
}

bool hold_begin(struct cgroup *cgroup, int64_t limit_ns, const char *state_path, struct hold **hold,
		struct error *error)
{
	int channel[2];
	if (limit_ns <= 0)
		return error_set(error, ERROR_USAGE, "holding the kill needs a time limit");
	_cleanup_(free_hold) struct hold *begun = make_hold(cgroup);
	if (!map_notes(begun, error) || !begun->kind->open(cgroup, &begun->files, error) ||
	    !check_not_inside(cgroup, error) ||
	    !hold_record_open(state_path, cgroup, &begun->files.notes->record, error))
		return false;
	begun->state_path = state_path;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, channel) != 0)
		return error_set_os(error, errno, "cannot make the guard's channel");
	begun->channel = channel[0];
	struct hold_guard guard = {.kind = begun->kind,
				   .files = begun->files,
				   .channel = channel[1],
				   .limit_ns = limit_ns};
	if (!fork_guard(begun, &guard, cgroup, error))
		return false;
	*hold = take_ptr(begun);
	return true;
}
