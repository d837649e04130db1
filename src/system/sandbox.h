// SPDX-License-Identifier: Apache-2.0
/*
 * Giving privileges up for good, before the first foreign byte is looked at.
 *
 * After sandbox_enter the process works on the descriptors it has: it reads, writes, maps memory
 * and looks at clocks. It cannot open, connect, trace, execute, signal others or become anybody
 * again; such calls fail with EPERM. It ends with its parent, and by the kernel's hand after
 * SANDBOX_CPU_SECONDS of computing or SANDBOX_MEMORY_BYTES of address space. Root becomes nobody
 * (65534) without groups; every capability goes, for any user. Call it while the process has one
 * thread, and leave by _exit (the leak checker of AddressSanitizer wants to trace at exit).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

#define SANDBOX_CPU_SECONDS  60
#define SANDBOX_MEMORY_BYTES ((uint64_t)3 << 30)

enum sandbox_flags {
	SANDBOX_DEFAULT = 0,
	SANDBOX_KEEP_USER = 1, // stay the same user, without capabilities
	SANDBOX_FILES = 2,     // may open and change files: confine_to_directory first
	SANDBOX_LASTING = 4,   // no limit of computing time, and it may outlive its parent
	SANDBOX_SOCKET = 8,    // may talk over the sockets that are open, and make no new ones
};

// After a failure the process may have lost some privileges and not others: end it.
bool sandbox_enter(enum sandbox_flags flags, struct error *error) must_check;

struct sandbox_report {
	uid_t uid;
	gid_t gid;
	int group_count;
	bool capabilities_empty; // permitted, effective and inheritable
	bool bounding_empty;     // false where the kernel did not let us drop it; harmless here
	bool no_new_privileges;
	bool dumpable;
	int seccomp_mode; // 0 none, 2 filter
};

struct sandbox_report sandbox_get_report(void);
