// SPDX-License-Identifier: Apache-2.0
// What the guard process gets from hold_begin, and what it says back.
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "watch/hold.h"

struct hold_message {
	enum hold_state state;
	int os_errno; // why the setting could not be written, else 0
};

struct hold_guard {
	int channel;      // the caller; its end means that the caller died
	int control;      // memory.oom_control, to write
	int status;       // memory.oom_control, to read
	int event;        // fires when the cgroup runs out of memory, and when it is removed
	int parent_pidfd; // readable when the caller died; -1 before Linux 5.3
	pid_t parent;
	int64_t limit_ns;
};

// The whole life of the guard process. Allocates nothing.
_Noreturn void hold_guard_run(struct hold_guard *guard);
