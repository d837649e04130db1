// SPDX-License-Identifier: Apache-2.0
/*
 * Which files the page cache and the shared memory of a cgroup consist of.
 *
 * The kernel does not say it; what can be found is looked at: the regular files that the processes
 * of the cgroup have open (deleted ones too), those they have mapped, the files beside the open
 * ones (one level: rotated logs are there), those in their working directories, and what lies in
 * the tmpfs that they see, with memfd and SysV segments. What is in the cache of a file that nobody
 * has open any more, in a directory where nothing is open, has no name here.
 *
 * When what runs: file_cache_collect needs privileges (/proc/PID/fd, root and map_files of others,
 * page frames), so it belongs to the phase before sandbox_enter. It opens foreign files and maps
 * them, and looks at names and at the kernel's numbers, never at contents. struct file_cache is
 * plain data: everything after that (ledger/file_ledger.h) needs nothing.
 *
 * How files are opened: O_PATH and fstat first; only a regular file is opened for reading, with
 * O_NONBLOCK and O_NOATIME. Nothing on a file system of the network, of FUSE or of the kernel's own
 * (proc, sysfs, cgroup) is opened. Paths are followed below /proc/PID/root, symbolic links inside
 * of it. Not ruled out: opening breaks a lease (fcntl F_SETLEASE) that the process holds on its
 * file, and waits for a fanotify listener that asks to decide on each open.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/vec.h"
#include "system/cgroup.h"
#include "system/known.h"

#define FILE_CACHE_PROCESSES_MAX   1024
#define FILE_CACHE_OPEN_FILES_MAX  8192 // a process
#define FILE_CACHE_NAMESPACES_MAX  32   // of mounts
#define FILE_CACHE_DIRECTORIES_MAX 64
#define FILE_CACHE_ENTRIES_MAX     4096   // a directory; rotated logs beyond them too
#define FILE_CACHE_NAMES_MAX       262144 // a directory; only their names
#define FILE_CACHE_TMPFS_MAX       32768  // entries in all tmpfs
#define FILE_CACHE_FILES_MAX       65536  // that have something in memory
#define FILE_CACHE_WAITING_MAX     4096   // open files that are kept for later, see `wait`
#define FILE_CACHE_REST_BYTES      ((uint64_t)256 << 10) // of the charge; not worth looking for
#define FILE_CACHE_BUDGET_NS       ((int64_t)1000000000)

enum file_found {
	FILE_OPEN,
	FILE_MAPPED,
	FILE_BESIDE,   // in the directory of an open file, or in a working directory
	FILE_ON_TMPFS, // in a tmpfs that a process of the cgroup sees
	FILE_SYSV,     // a SysV segment that nobody is attached to
};

struct cached_file {
	const char *path;  // as its process sees it, without " (deleted)"; untrusted
	const char *mount; // of shared memory: the tmpfs' mount point, "memfd", "SysV", "anonymous"
	enum file_found found;
	pid_t pid;    // one that has it open or mapped, or sees it
	bool deleted; // it has no name any more
	bool log;     // by its name; for one of FILE_BESIDE: of an open log
	bool rotated; // a log that was put aside: "app.log.1", "app-2026-01-02.log.gz"
	bool shmem;
	uint64_t size_bytes, cached_bytes;
	struct known_u64 dirty_bytes, writeback_bytes, evicted_bytes; // Linux 6.5 and later
	// Of the cached bytes, what this cgroup is charged: the rest was first touched by others.
	struct known_u64 charged_bytes;
	bool sampled; // the charge is estimated from a sample of its pages
	bool cut;     // only the head of the file was looked at
};

struct file_cache {
	VEC(struct cached_file) list; // with anything in memory; the most first
	struct arena texts;
	uint64_t files_seen, processes_seen, processes_gone;
	uint64_t remote_files; // on the network or FUSE, not looked at
	uint64_t unreadable_files;
	bool charge_known;          // charged_bytes are there
	struct error charge_absent; // else why not
	bool partial;               // a limit was reached: there may be more files
	char partial_reason[128];
};

struct file_cache_request {
	const char *proc_root; // "/proc"
	int cgroup_dir;        // cgroup_get_dir
	const struct cgroup_pids *pids;
	int64_t budget_ns; // of time; 0: FILE_CACHE_BUDGET_NS
	// What the cgroup is charged for files, shared memory with them, where that is known: once
	// as much was found, files that are neither open nor mapped are not looked at.
	struct known_u64 charge_bytes;
	/*
	 * NULL, or called once everything that goes with its process is open: the open and mapped
	 * files, the directories. When it returns true their pages are counted, with the budget
	 * anew, though the processes may have ended meanwhile; false: nobody wants to know any
	 * more. Memory that only an open file keeps (memfd, deleted tmpfs files) is counted before,
	 * so that nothing here keeps it from being freed.
	 */
	bool (*wait)(void *context);
	void *wait_context;
};

// Never fails: what cannot be seen is counted, and said.
void file_cache_collect(const struct file_cache_request *request, struct file_cache *cache);
void file_cache_deinit(struct file_cache *cache);

// Whether the name is that of a log, as people name them, and whether `name` is a rotated form of
// the log `current` beside it.
bool file_name_is_log(const char *path);
bool file_name_is_rotated(const char *current, const char *name);
