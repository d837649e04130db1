// SPDX-License-Identifier: Apache-2.0
// What the ways of taking a snapshot share: of a live process (capture.c, capture_exe.c), of a core
// (capture_core.c).
#pragma once

#include "golang/own_memory.h"
#include "golang/runtime.h"
#include "golang/span_marks.h"
#include "golang/spans.h"
#include "snapshot/capture.h"
#include "snapshot/cgroup_part.h"
#include "snapshot/convert.h"
#include "system/cgroup.h"
#include "system/file_survey.h"
#include "system/process.h"
#include "system/sockets.h"

struct core_files; // the open files of a core, see capture_core.c

struct capture {
	struct core_files *core;    // of a core: the rest is empty then
	struct process_files files; // of a process
	int guest; // the executable that was given, or that an emulator runs; -1: that of the
		   // process
	char *guest_path;
	size_t go_libraries; // that a program has loaded which is not Go, if they were looked for
	struct cgroup_place place;
	struct cgroup *cgroup;
	struct error cgroup_error; // why there is none
	struct cgroup_survey survey;
	struct container_sources *container; // NULL: in none
	struct sockets *sockets;             // NULL: not opened
	struct snapshot_surroundings surroundings;
	int64_t boot_unix_ns;
	struct file_survey *files_of_cgroup; // NULL: not begun, for the reason below
	struct error no_files;
	enum still_mode mode;
	struct still *still; // NULL in live mode
};

// What is needed while one snapshot is taken.
struct taking {
	struct capture *capture;
	struct snapshot *snapshot;
	unsigned int parts;
	const char *default_sample_type;
	int exe_fd;                  // what `image` is of; borrowed
	int mapped_exe_fd;           // what read-only pages are read from; borrowed, or -1
	struct mapped_file exe_file; // which mappings of a live process are the executable's
	struct error exe_error;      // why there is none
	struct elf_image *image;
	struct target *target;
	struct go_buildinfo info;
	struct go_runtime runtime;
	struct go_spans spans;
	struct go_span_marks marks;
	struct go_own_memory own;
	struct go_goroutine_reading *goroutine_reading; // until they are all read
	int64_t goroutines_ns;                          // when that was, by the monotonic clock
	struct go_goroutines goroutines;
	bool has_runtime, has_spans, has_marks, has_own, has_buckets, has_goroutines, has_account;
	char exe_path[4096]; // without " (deleted)"
};

// Whether that executable runs programs of another machine.
bool is_emulator(const char *exe_path);
// Of a live process: decides which executable it is that the Go runtime is in, and fills exe_fd,
// mapped_exe_fd, exe_file and image, or exe_error.
void taking_choose_exe(struct taking *taking);

void core_files_free(struct core_files *files);
// The whole of capture_take for a core.
bool taking_core(struct taking *taking, struct error *error) must_check;

// What the Go runtime says (capture_go.c), once `exe_fd`, `image` and `target` are there. Fails
// only where the target cannot be held still.
bool taking_go(struct taking *taking, struct error *error) must_check;
// The ledgers, while the target still stands still if it was asked to.
void taking_account(struct taking *taking);
// There is no Go runtime to be read, for that reason.
void taking_no_go(struct taking *taking, const struct error *why);
// Counts what was read and frees all but the snapshot; may be called with parts missing.
void taking_finish(struct taking *taking);
// A copy that lives as long as the snapshot.
const char *taking_keep(struct taking *taking, const char *text);
