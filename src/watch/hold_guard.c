// SPDX-License-Identifier: Apache-2.0
// In: five descriptors of a v1 cgroup and of the caller. Out: memory.oom_control as it was before,
// at the latest when the deadline passes or the caller is gone.
#include "watch/hold_priv.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
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

// hold_begin refuses where the old value was not 0, so 0 is what was there before.
static int set_disabled(const struct hold_guard *guard, bool disabled)
{
	return write(guard->control, disabled ? "1" : "0", 1) == 1 ? 0 : errno;
}

static _Noreturn void finish(const struct hold_guard *guard, enum hold_state state)
{
	int why = set_disabled(guard, false);
	if (why == ENODEV)
		tell(guard, HOLD_CGROUP_GONE, 0);
	else
		tell(guard, state, why);
	_exit(0);
}

// What the event meant: 1 under OOM, 0 not any more, -1 the cgroup is gone.
static int read_under_oom(const struct hold_guard *guard)
{
	char text[256];
	ssize_t size = pread(guard->status, text, sizeof text - 1, 0);
	if (size < 0)
		return errno == ENODEV ? -1 : 0;
	text[size] = '\0';
	return strstr(text, "under_oom 1\n") != NULL;
}

static void take_event(const struct hold_guard *guard, int64_t *deadline_ns)
{
	uint64_t count;
	(void)!read(guard->event, &count, sizeof count);
	int under_oom = read_under_oom(guard);
	if (under_oom < 0)
		finish(guard, HOLD_CGROUP_GONE);
	if (!under_oom || *deadline_ns)
		return;
	*deadline_ns = clock_monotonic_ns() + guard->limit_ns;
	tell(guard, HOLD_UNDER_OOM, 0);
}

static int wait_ms(const struct hold_guard *guard, int64_t deadline_ns)
{
	int64_t wait = INT_MAX;
	if (deadline_ns)
		wait = (deadline_ns - clock_monotonic_ns() + 999999) / 1000000;
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

static _Noreturn void stand_guard(const struct hold_guard *guard)
{
	int64_t deadline_ns = 0; // 0: no OOM yet
	for (;;) {
		struct pollfd fds[] = {
			{.fd = guard->channel, .events = POLLIN},
			{.fd = guard->event, .events = POLLIN},
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
		if (ready > 0 && fds[1].revents)
			take_event(guard, &deadline_ns);
		if (deadline_ns && clock_monotonic_ns() >= deadline_ns)
			finish(guard, HOLD_RELEASED_BY_DEADLINE);
	}
}

_Noreturn void hold_guard_run(struct hold_guard *guard)
{
	const int kept[] = {guard->channel, guard->control, guard->status, guard->event,
			    guard->parent_pidfd};
	guard_stand_alone("whyoom-guard", kept, sizeof kept / sizeof kept[0]);
	int why = guard->status < 0 ? EBADF : set_disabled(guard, true);
	tell(guard, HOLD_ARMED, why);
	if (why)
		_exit(1);
	stand_guard(guard);
}
