// SPDX-License-Identifier: Apache-2.0
/*
 * One process as /proc shows it. Open first (needs privileges), then drop them, then read: the
 * descriptors keep what the opener was allowed to see.
 *
 * process_files_open needs `mem` and `maps`, which the kernel gives only to those who may trace
 * the process, and `status` and `stat`. Every other descriptor is -1 where it is missing. All of
 * them belong to one process even when its pid is used again: they are opened below one directory
 * descriptor, and a process that ended meanwhile is reported.
 *
 * Formats: proc_pid_status(5), proc_pid_stat(5); Linux fs/proc/array.c.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "system/known.h"

struct process_files {
	pid_t pid;
	int pidfd; // -1 where proc_root shows another pid namespace, or a fixture
	int dir;
	int mem, maps, status, stat; // always open
	int smaps, statm, cgroup, exe, pagemap, cmdline, comm, environ;
	char *exe_path; // what the link says, with " (deleted)" where the file is gone; may be NULL
};

#define PROCESS_FILES_NONE                     \
	((struct process_files){.pidfd = -1,   \
				.dir = -1,     \
				.mem = -1,     \
				.maps = -1,    \
				.status = -1,  \
				.stat = -1,    \
				.smaps = -1,   \
				.statm = -1,   \
				.cgroup = -1,  \
				.exe = -1,     \
				.pagemap = -1, \
				.cmdline = -1, \
				.comm = -1,    \
				.environ = -1})

// `proc_root` is "/proc" as a rule. On success the caller owns *files.
bool process_files_open(const char *proc_root, pid_t pid, struct process_files *files,
			struct error *error) must_check;
void process_files_close(struct process_files *files);
// True once the process ended (also as a zombie). False where there is no pidfd to ask.
bool process_ended(const struct process_files *files);

#define PROCESS_NAME_MAX       64
#define PROCESS_PID_LEVELS_MAX 32

struct process_status {
	char name[PROCESS_NAME_MAX]; // untrusted; as the kernel escapes it
	char state;                  // R S D T t Z X I
	struct known_u64 uid;        // real
	struct known_u64 threads;
	struct known_u64 vm_size_bytes, vm_rss_bytes, vm_peak_rss_bytes, vm_swap_bytes,
		vm_pte_bytes;
	struct known_u64 rss_anon_bytes, rss_file_bytes, rss_shmem_bytes;
	struct known_u64 vm_data_bytes; // private and writable, touched or not
	struct known_u64 tracer_pid;    // 0: nobody traces it
	struct known_u64 seccomp_mode;  // 0 none, 1 strict, 2 filter
	// The pid in each namespace, from that of /proc to the innermost; 0 levels when not told.
	pid_t ns_pids[PROCESS_PID_LEVELS_MAX];
	size_t ns_pid_count;
};

struct process_stat {
	pid_t pid, parent_pid;
	char name[PROCESS_NAME_MAX]; // untrusted
	char state;
	bool kernel_thread;
	uint64_t thread_count;
	uint64_t start_ticks; // since boot
	uint64_t vm_size_bytes;
	// The program's own code, end exclusive; both 0 to a reader who may not trace the process.
	uint64_t code_start, code_end;
	uint64_t rss_pages;           // not exact: the kernel batches it a thread
	struct known_u64 exit_signal; // what its parent gets when it ends; 0: nothing
	// A wait status. The kernel shows 0 to a reader who may not trace the process.
	struct known_u64 exit_status;
};

bool process_status_parse(const char *text, struct process_status *status,
			  struct error *error) must_check;
bool process_stat_parse(const char *text, struct process_stat *stat,
			struct error *error) must_check;
bool process_status_read(const struct process_files *files, struct process_status *status,
			 struct error *error) must_check;
bool process_stat_read(const struct process_files *files, struct process_stat *stat,
		       struct error *error) must_check;

// When the machine booted, by the clocks of now.
int64_t process_boot_unix_ns(void);
int64_t process_start_unix_ns(const struct process_stat *stat, int64_t boot_unix_ns);
