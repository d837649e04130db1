// SPDX-License-Identifier: Apache-2.0
// What hold.c, the guard process and the two versions of cgroups agree on.
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "watch/hold.h"
#include "watch/hold_record.h"

enum { HOLD_FILES_MAX = 6, HOLD_KEPT_MAX = HOLD_FILES_MAX + 3 };

// What the guard has changed, for the caller to undo should the guard be gone: in a page that both
// see. Set before the change, so that nothing is ever changed and not noted.
struct hold_notes {
	int64_t high_bytes;   // what memory.high was set to; 0: nothing
	int64_t high_earlier; // and the time before
	struct cgroup_limit high_before;
	bool frozen;
	bool disabled;             // v1: memory.oom_control
	struct hold_record record; // the same on disk
};

struct hold_files {
	int fds[HOLD_FILES_MAX]; // of one cgroup; -1: none
	int event;               // one of them, to poll
	struct hold_notes *notes;
};

enum hold_look { HOLD_LOOK_CALM, HOLD_LOOK_LIMIT, HOLD_LOOK_STUCK, HOLD_LOOK_GONE };

// What the guard knows from one look to the next.
struct hold_watch {
	uint64_t limit_bytes, edge_bytes;
	int64_t stuck_since_ns; // 0: it is not
	int64_t limit_ns;       // as the caller set it
};

// One a version. All but `open` run in the guard too: they allocate nothing.
struct hold_kind {
	short poll_events;
	int patrol_ms; // to look without an event; -1: not needed
	const char *file_name;
	// Refuses where the kill cannot be held, or somebody else holds it.
	bool (*open)(struct cgroup *cgroup, struct hold_files *files, struct error *error);
	int (*arm)(struct hold_files *files, struct hold_watch *watch); // 0 or errno
	enum hold_look (*look)(struct hold_files *files, struct hold_watch *watch);
	// 0 or errno; ENODEV: the cgroup is gone, so nothing is left to undo.
	int (*undo)(const struct hold_files *files);
};

extern const struct hold_kind hold_kind_v1, hold_kind_v2;

struct hold_message {
	enum hold_state state;
	int os_errno; // why the setting could not be written, else 0
};

struct hold_guard {
	const struct hold_kind *kind;
	struct hold_files files;
	int channel;      // the caller; its end means that the caller died
	int parent_pidfd; // readable when the caller died; -1 before Linux 5.3
	pid_t parent;
	int64_t limit_ns;
};

// The whole life of the guard process. Allocates nothing.
_Noreturn void hold_guard_run(struct hold_guard *guard);
// Opens a file of the cgroup. The caller closes it with the others.
bool hold_open_file(const struct cgroup *cgroup, const char *name, int flags, int *fd,
		    struct error *error) must_check;
