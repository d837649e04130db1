// SPDX-License-Identifier: Apache-2.0
// In: descriptors of a cgroup and of the caller. Out: the kill held, and everything as it was
// before at the latest when the deadline passes or the caller is gone.
#include "watch/hold_priv.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "system/guard.h"

#define PARENT_CHECK_MS 200 // how often to look for the caller where there is no pidfd

static void tell(const struct hold_guard *guard, enum hold_state state, int os_errno)
{
	struct hold_message message = {.state = state, .os_errno = os_errno};
	(void)send(guard->channel, &message, sizeof message, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static _Noreturn void finish(const struct hold_guard *guard, enum hold_state state)
{
	int why = guard->kind->undo(&guard->files);
	if (why == ENODEV)
		tell(guard, HOLD_CGROUP_GONE, 0);
	else
		tell(guard, state, why);
	_exit(0);
}

static void look(struct hold_guard *guard, struct hold_watch *watch, int64_t *deadline_ns)
{
	if (*deadline_ns && guard->kind->patrol_ms >= 0)
		return; // it is stopped where it is
	switch (guard->kind->look(&guard->files, watch)) {
	case HOLD_LOOK_GONE:
		finish(guard, HOLD_CGROUP_GONE);
	case HOLD_LOOK_STUCK:
		finish(guard, HOLD_RELEASED_BY_DEADLINE);
	case HOLD_LOOK_CALM:
		return;
	case HOLD_LOOK_LIMIT:
		if (*deadline_ns)
			return;
		*deadline_ns = clock_monotonic_ns() + guard->limit_ns;
		tell(guard, HOLD_UNDER_OOM, 0);
	}
}

static int wait_ms(const struct hold_guard *guard, int64_t deadline_ns)
{
	int64_t wait = INT_MAX;
	if (deadline_ns)
		wait = (deadline_ns - clock_monotonic_ns() + 999999) / 1000000;
	else if (guard->kind->patrol_ms >= 0)
		wait = guard->kind->patrol_ms;
	if (guard->parent_pidfd < 0 && wait > PARENT_CHECK_MS)
		wait = PARENT_CHECK_MS;
	if (wait < 0)
		return 0;
	return wait > INT_MAX ? INT_MAX : (int)wait;
}

static bool parent_died(const struct hold_guard *guard, const struct pollfd *pidfd)
{
	return (pidfd->fd >= 0 && pidfd->revents) || getppid() != guard->parent;
}

static _Noreturn void stand_guard(struct hold_guard *guard, struct hold_watch *watch)
{
	int64_t deadline_ns = 0; // 0: not at the limit yet
	for (;;) {
		bool is_held = deadline_ns && guard->kind->patrol_ms >= 0;
		struct pollfd fds[] = {
			{.fd = guard->channel, .events = POLLIN},
			{.fd = is_held ? -1 : guard->files.event,
			 .events = guard->kind->poll_events},
			{.fd = guard->parent_pidfd, .events = POLLIN},
		};
		int ready = poll(fds, 3, wait_ms(guard, deadline_ns));
		if (ready < 0 && errno != EINTR)
			finish(guard, HOLD_RELEASED);
		// Any word of the caller is "release"; its silence for good is too.
		if (ready > 0 && fds[0].revents)
			finish(guard, HOLD_RELEASED);
		if (ready >= 0 && parent_died(guard, &fds[2]))
			finish(guard, HOLD_RELEASED);
		if ((ready > 0 && fds[1].revents) || (ready >= 0 && guard->kind->patrol_ms >= 0))
			look(guard, watch, &deadline_ns);
		if (deadline_ns && clock_monotonic_ns() >= deadline_ns)
			finish(guard, HOLD_RELEASED_BY_DEADLINE);
	}
}

_Noreturn void hold_guard_run(struct hold_guard *guard)
{
	struct hold_watch watch = {.limit_ns = guard->limit_ns};
	int kept[HOLD_KEPT_MAX] = {guard->channel, guard->parent_pidfd,
				   guard->files.notes->record.fd};
	memcpy(kept + 3, guard->files.fds, sizeof guard->files.fds);
	guard_stand_alone("whyoom-guard", kept, sizeof kept / sizeof kept[0]);
	(void)setpriority(PRIO_PROCESS, 0, -20); // it is one millisecond that counts
	int why = guard->kind->arm(&guard->files, &watch);
	if (why)
		(void)!guard->kind->undo(&guard->files);
	tell(guard, HOLD_ARMED, why);
	if (why)
		_exit(1);
	stand_guard(guard, &watch);
}
