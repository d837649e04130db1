// SPDX-License-Identifier: Apache-2.0
/*
 * Taking a snapshot of a live process or of a core file, in two steps: capture_open needs
 * privileges and looks at nothing but the kernel's own numbers; capture_take works on the open
 * descriptors, after the privileges are gone, and looks at the foreign bytes. Between them stands
 * sandbox_enter(). Where a foreign name decides what is to be opened, a child without privileges
 * reads the name (system/scout.h).
 */
#pragma once

#include <sys/types.h>

#include "snapshot/snapshot.h"
#include "snapshot/still.h"

enum capture_part {
	CAPTURE_HEAP = 1,
	CAPTURE_GOROUTINES = 2,
	CAPTURE_LEDGER = 4,
	CAPTURE_RAW_STACKS = 8,      // resolve every raw stack of the buckets, for printing them
	CAPTURE_EACH_GOROUTINE = 16, // with CAPTURE_GOROUTINES: keep them one by one as well
	CAPTURE_RUNTIME = 32,        // collector, settings, metrics, size classes, scheduler
	CAPTURE_BLOCK = 64,          // the block profile
	CAPTURE_MUTEX = 128,         // the mutex profile
	CAPTURE_NATIVE = 256,        // with CAPTURE_LEDGER: what C allocators hold; it takes longer
	CAPTURE_LABELS = 512,        // with CAPTURE_GOROUTINES: other labels are other groups
	CAPTURE_BLOCKED = 1024,      // with CAPTURE_EACH_GOROUTINE: what they wait on
	CAPTURE_WHO = 2048,          // with CAPTURE_BLOCKED: who could wake them; reads the heap
	CAPTURE_IN_HASTE = 4096,     // wait for nothing
	CAPTURE_ALL = CAPTURE_HEAP | CAPTURE_GOROUTINES | CAPTURE_LEDGER,
};

struct capture;

// `cgroup_path` NULL: the one of the process. A process without a memory cgroup is no error: the
// snapshot says so.
bool capture_open(const char *proc_root, pid_t pid, const char *cgroup_path,
		  struct capture **capture, struct error *error) must_check;
// Of a process that was opened: the executable to take instead of its own. For a program in an
// emulator, or a file with the symbols that its own lacks.
bool capture_use_exe(struct capture *capture, const char *exe_path, struct error *error) must_check;
// The same, found out: where the process is qemu, the one Go program that it runs; where it is another
// one that is not Go, the one library that is, if there is one.
bool capture_find_guest(struct capture *capture, struct error *error) must_check;
// A core file, and its executable; `exe_path` NULL: the file that the core names, if it is the same
// build, else what the core itself holds of it.
bool capture_open_core(const char *core_path, const char *exe_path, struct capture **capture,
		       struct error *error) must_check;
// Of a process, with privileges: what its descriptors are, for CAPTURE_BLOCKED. Without, or where
// it fails, they are known by their numbers only.
void capture_open_sockets(struct capture *capture);
void capture_close(struct capture *capture);
// Of a process: the descriptors of it, borrowed; the process that all of them belong to is one.
struct process_files;
const struct process_files *capture_get_files(const struct capture *capture);

// Both with privileges. Between them capture_take, in another process, reads a target that stands
// still; without the first it reads a live one. See snapshot/still.h.
bool capture_hold_still(struct capture *capture, enum still_mode mode,
			struct error *error) must_check;
// False when something of us may be left in the target. capture_close does it too.
bool capture_let_go(struct capture *capture, struct error *error) must_check;

// Fails only where nothing can be said: the process is gone. Everything else that is missing is
// absent in the snapshot, with its reason. `default_sample_type` is for the heap profile.
bool capture_take(struct capture *capture, unsigned int parts, const char *default_sample_type,
		  struct snapshot **snapshot, struct error *error) must_check;

/*
 * What takes longer than a kill may wait, so it comes after capture_take.
 *
 * capture_more_begin, with privileges: which files the cgroup's page cache is, if it is worth
 * looking; a child opens what would go with the processes (system/file_survey.h). Nothing else
 * waits for it.
 */
void capture_more_begin(struct capture *capture, const char *proc_root);
// Whether so much of the process is neither Go's nor a file's that its C heap should be looked at.
bool capture_worth_native(const struct snapshot *snapshot);
// The ledgers anew, with what C allocators have in use and free. Only while the process lives; on
// failure the snapshot stays what it was.
bool capture_more_native(struct capture *capture, struct snapshot *snapshot,
			 struct error *error) must_check;
// The files, which also works once the process has ended. False: see `files_absent`.
bool capture_more_files(struct capture *capture, struct snapshot *snapshot);

void snapshot_free(struct snapshot *snapshot);
static inline void snapshot_freep(struct snapshot **snapshot)
{
	snapshot_free(*snapshot);
}
