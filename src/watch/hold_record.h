// SPDX-License-Identifier: Apache-2.0
/*
 * What a hold has changed, on disk before it is changed: for when whyoom and its guard are killed
 * at the same instant. One small text file for each cgroup, in the folder where relief keeps its
 * notes (relief/record.h), locked as long as the watch or its guard lives: one that nobody has
 * locked was left behind. The next `whyoom watch`, or `whyoom relieve --undo`, puts back what is
 * still as whyoom left it.
 */
#pragma once

#include <limits.h>
#include <stdint.h>

#include "base/error.h"
#include "base/vec.h"
#include "system/cgroup.h"

struct hold_notes;

struct hold_record {
	int fd; // -1: none is kept
	int version;
	uint64_t inode; // of the cgroup's directory
	char boot_id[40];
	char path[PATH_MAX]; // of the cgroup
};

// `record` is left without a file where `state_path` is NULL. ERROR_USAGE where another whyoom
// holds that cgroup.
bool hold_record_open(const char *state_path, const struct cgroup *cgroup,
		      struct hold_record *record, struct error *error) must_check;
// Removes the file: nothing is left to undo.
void hold_record_end(struct hold_record *record, const char *state_path, bool undone);

// For the guard: they allocate nothing. 0 or errno. `sync`: on disk when it returns; without it it
// outlives whyoom, but not the machine, whose cgroups go with it.
int hold_record_write(const struct hold_notes *notes, bool sync);
void hold_record_clear(const struct hold_notes *notes);

enum hold_left_outcome {
	HOLD_LEFT_RESTORED,
	HOLD_LEFT_GONE,     // the cgroup is not there any more
	HOLD_LEFT_NOT_OURS, // somebody else has set it since
	HOLD_LEFT_FAILED,   // see `error`; tried again next time
};

struct hold_left {
	enum hold_left_outcome outcome;
	char path[PATH_MAX];
	struct error error;
};

typedef VEC(struct hold_left) hold_left_list;

// Puts back what holds have left behind whose processes are gone. Appends one for each.
bool hold_recover(const char *state_path, hold_left_list *found, struct error *error) must_check;
// What there is to say of it, one line.
struct hold_left_text {
	char text[PATH_MAX + 800];
};
struct hold_left_text hold_left_text(const struct hold_left *left);
