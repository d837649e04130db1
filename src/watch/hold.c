// SPDX-License-Identifier: Apache-2.0
// In: a v1 cgroup. Out: a kill that waits, and a guard that lets it go whatever happens to us.
#include "watch/hold.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
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
	pid_t guard;
	int channel;
	int control; // to undo it ourselves should the guard be gone
	enum hold_state state;
	int os_errno; // of a failed undo, else 0
	bool guard_ended;
};

static void free_hold(struct hold **hold)
{
	if (!*hold)
		return;
	cleanup_close(&(*hold)->channel);
	cleanup_close(&(*hold)->control);
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

static bool check_free(struct cgroup *cgroup, struct error *error)
{
	struct cgroup_sample sample;
	if (cgroup_get_version(cgroup) != CGROUP_V1)
		return error_set(error, ERROR_UNSUPPORTED,
				 "holding the kill is not available on cgroup v2 yet");
	if (!cgroup_sample(cgroup, &sample, error))
		return false;
	if (!sample.oom_kill_disabled.known)
		return error_set(error, ERROR_UNSUPPORTED, "%s: no memory.oom_control",
				 cgroup_get_path(cgroup));
	if (!sample.oom_kill_disabled.value)
		return check_not_inside(cgroup, error);
	error_set(error, ERROR_USAGE,
		  "the kill in %s is held already, not by this whyoom: left as it is",
		  cgroup_get_path(cgroup));
	return error_hint(error, "writing 0 to its memory.oom_control lets the kill happen");
}

static bool open_control(struct cgroup *cgroup, int *control, struct error *error)
{
	*control = openat(cgroup_get_dir(cgroup), "memory.oom_control", O_WRONLY | O_CLOEXEC);
	if (*control >= 0)
		return true;
	error_set_os(error, errno, "may not hold the kill: cannot write %s/memory.oom_control",
		     cgroup_get_path(cgroup));
	return error_hint(error, "holding needs root and a cgroup mount that is not read-only");
}

// ---- the caller's side ----

static void undo_ourselves(struct hold *hold)
{
	hold->guard_ended = true;
	hold->state = HOLD_GUARD_LOST;
	if (write(hold->control, "0", 1) != 1)
		hold->os_errno = errno == ENODEV ? 0 : errno;
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
	return !hold->os_errno ||
	       error_set_os(error, hold->os_errno, "cannot let the kill go: memory.oom_control");
}

static void collect_guard(struct hold *hold)
{
	while (waitpid(hold->guard, NULL, 0) < 0 && errno == EINTR)
		;
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

bool hold_begin(struct cgroup *cgroup, int64_t limit_ns, struct hold **hold, struct error *error)
{
	int channel[2];
	if (limit_ns <= 0)
		return error_set(error, ERROR_USAGE, "holding the kill needs a time limit");
	if (!check_free(cgroup, error))
		return false;
	_cleanup_(free_hold) struct hold *begun = alloc_zero(sizeof *begun);
	begun->channel = begun->control = -1;
	_cleanup_close_ int event = -1;
	if (!open_control(cgroup, &begun->control, error) ||
	    !cgroup_watch_oom(cgroup, &event, error))
		return false;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, channel) != 0)
		return error_set_os(error, errno, "cannot make the guard's channel");
	begun->channel = channel[0];
	struct hold_guard guard = {.channel = channel[1],
				   .control = begun->control,
				   .event = event,
				   .limit_ns = limit_ns};
	guard.status = openat(cgroup_get_dir(cgroup), "memory.oom_control", O_RDONLY | O_CLOEXEC);
	bool armed = fork_guard(begun, &guard, cgroup, error);
	cleanup_close(&guard.status);
	if (!armed)
		return false;
	*hold = take_ptr(begun);
	return true;
}
