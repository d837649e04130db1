// SPDX-License-Identifier: Apache-2.0
/*
 * Holding the kernel's kill, so that the evidence can be read before it.
 *
 * cgroup v1: while held, a process that hits the limit of this cgroup sleeps in its page fault
 * instead of being killed. (A system call that needs memory then gets ENOMEM, as the kernel does
 * it.) cgroup v2 has no such switch: whoever comes within a few percent of the limit is slowed down
 * by memory.high, then the whole cgroup is frozen (hold_v2.c). Only the limit of this very cgroup
 * is held: not one below it, not one above, not the machine's.
 *
 * A guard process does it: its own session, deaf to SIGINT, SIGTERM and SIGHUP, with a handful of
 * open descriptors and nothing else. It puts the old values back when the caller says so, when the
 * caller dies in whatever way, or when `limit_ns` have passed since the cgroup ran out of memory:
 * whichever is first. Should the guard itself die, the caller puts them back at its next call; if
 * both are killed at once, what is to be put back stands on disk (hold_record.h). What somebody
 * else has set meanwhile stays theirs.
 *
 * Call hold_begin early and from a process with one thread: it forks, and the guard keeps what
 * the caller's memory was.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "system/cgroup.h"

struct hold;

enum hold_state {
	HOLD_ARMED,                // the kill is held, nothing happened yet
	HOLD_UNDER_OOM,            // the cgroup is at its limit, or its edge; the deadline runs
	HOLD_RELEASED,             // by the caller
	HOLD_RELEASED_BY_DEADLINE, // the caller took too long
	HOLD_CGROUP_GONE,          // removed; nothing to undo
	HOLD_GUARD_LOST,           // the guard died; the caller has put the value back
};

// Refuses where the caller itself is in the cgroup (it would sleep too), where somebody else holds
// already, and without the right to write. `state_path` is the folder for what is noted; NULL: it
// is not; borrowed until hold_end.
bool hold_begin(struct cgroup *cgroup, int64_t limit_ns, const char *state_path, struct hold **hold,
		struct error *error) must_check;
// Readable when the state has changed; for poll. Borrowed.
int hold_event_fd(const struct hold *hold);
// Takes what the guard has said so far.
enum hold_state hold_get_state(struct hold *hold);
// Lets the kill happen. True where it was let go already, whoever did it.
bool hold_release(struct hold *hold, struct error *error) must_check;
// Releases what is still held, ends the guard and frees. False when the old value could not be
// put back; the hold is freed all the same. NULL is allowed.
bool hold_end(struct hold *hold, struct error *error) must_check;
