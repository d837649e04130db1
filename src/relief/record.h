// SPDX-License-Identifier: Apache-2.0
/*
 * What whyoom changed, kept on disk so that it can be undone: one JSON file for each process or
 * cgroup, in a folder that only its owner may enter. It is written and synced before the change is
 * made, so that whyoom may die at any moment: what is on disk can at most say more than was done.
 *
 * A file counts only if it is a regular file of ours that nobody else can write, in a folder of the
 * same kind, and of this boot and this very process (start time) or cgroup (inode).
 */
#pragma once

#include <limits.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

enum { RELIEF_ENTRIES_MAX = 8, RELIEF_NAME_MAX = 48, RELIEF_BOOT_ID_MAX = 36 };

#define RELIEF_STATE_DEFAULT "/run/whyoom"

// One number that was changed.
struct relief_entry {
	char name[RELIEF_NAME_MAX]; // of a setting, or of a file of the cgroup
	int64_t before, written;    // of a cgroup: -1 is no limit
	int64_t earlier; // what whyoom wrote the time before, or `before`: it may still be that,
			 // where whyoom died between its note and its write
	int64_t unix_ns;
};

struct relief_record {
	char boot_id[RELIEF_BOOT_ID_MAX + 1];
	pid_t pid;            // 0: of a cgroup
	uint64_t start_ticks; // of the process
	uint64_t inode;       // of the cgroup's directory
	char path[PATH_MAX];  // of the cgroup, for people
	struct relief_entry entries[RELIEF_ENTRIES_MAX];
	size_t count;
};

struct relief_state {
	int dir;             // locked: one whyoom at a time
	char path[PATH_MAX]; // of the folder
};

// Makes the folder where it is missing (not those above it), and waits a little for another whyoom.
bool relief_state_open(const char *path, struct relief_state *state,
		       struct error *error) must_check;
void relief_state_close(struct relief_state *state);

// An empty record of that process or cgroup, of this boot.
bool relief_record_begin(pid_t pid, uint64_t start_ticks, uint64_t inode, const char *path,
			 struct relief_record *record, struct error *error) must_check;
// What is on disk for the process or cgroup of `record`, whose count is 0 then and stays so where
// there is nothing. A file of another process with that id, or of an earlier boot, is nothing:
// `stale` says so.
bool relief_record_load(const struct relief_state *state, struct relief_record *record, bool *stale,
			struct error *error) must_check;
// Notes a change from `before` to `written`. Where `before` is what whyoom itself wrote, what was
// there at the very first stays on record.
bool relief_record_add(struct relief_record *record, const char *name, int64_t before,
		       int64_t written, struct error *error) must_check;
// Whether whyoom is who made it `value`.
bool relief_entry_is_ours(const struct relief_entry *entry, int64_t value);
const struct relief_entry *relief_record_find(const struct relief_record *record, const char *name);
void relief_record_drop(struct relief_record *record, const char *name);
// On disk when it returns. A record without entries is removed.
bool relief_record_store(const struct relief_state *state, const struct relief_record *record,
			 struct error *error) must_check;
// "/run/whyoom/process-4711.json"
void relief_record_path(const struct relief_state *state, const struct relief_record *record,
			char path[PATH_MAX + 64]);
