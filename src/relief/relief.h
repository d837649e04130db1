// SPDX-License-Identifier: Apache-2.0
/*
 * Relief of one Go process: look, decide, write, and undo.
 *
 *   relief_open   opens every descriptor, also the one to write by; with privileges, reads nothing
 *   relief_look   a child in the sandbox reads the target and sends numbers (facts.h); the room
 *                 comes from the kernel (room.h)
 *   relief_plan_make, relief_plan_allowed (plan.h)  arithmetic
 *   relief_apply  notes the change on disk (record.h), then writes (golang/settings_write.h)
 *   relief_undo   writes back what the notes say was there, where it still is what whyoom wrote
 *
 * The process that calls this keeps its privileges and looks at no byte of the target but the
 * settings themselves. It may die at any moment: each write is one store, and noted before.
 */
#pragma once

#include "relief/plan.h"
#include "relief/record.h"

struct relief;

// Fails where the target may not be written to: before anything else is done.
bool relief_open(const char *proc_root, pid_t pid, struct relief **relief,
		 struct error *error) must_check;
void relief_close(struct relief *relief); // NULL is allowed
// `with_memory` false: the settings alone are needed, not the ledger and the room.
bool relief_look(struct relief *relief, bool with_memory, struct error *error) must_check;
// What the last look found; borrowed.
const struct relief_facts *relief_get_facts(const struct relief *relief);
const struct relief_room *relief_get_room(const struct relief *relief);

// Writes the plan's changes. After a failure those that were made already are taken back.
// `record_path` (may be NULL) is where the note is.
bool relief_apply(struct relief *relief, const struct relief_plan *plan, const char *state_path,
		  char record_path[PATH_MAX + 64], struct error *error) must_check;

enum relief_undone {
	RELIEF_RESTORED, // to what was there before
	RELIEF_WAS_SO,   // it was that already
	RELIEF_NOT_OURS, // somebody else changed it since: left alone
	RELIEF_NOT_YET,  // see relief_undo
};

struct relief_undo {
	enum go_setting_id setting;
	enum relief_undone outcome;
	int64_t before, written; // as noted
	int64_t found;           // what it was when it was undone
};

struct relief_undos {
	struct relief_undo items[GO_SETTING_COUNT];
	size_t count; // 0: whyoom changed nothing of what was asked for
	bool stale;   // the note is of another process that had this id; it was removed
};

// Undoes the changes of `settings` (a bit each), after relief_look. The memory limit stays
// (RELIEF_NOT_YET) where GOGC was off and no collection has taken the old GOGC over yet: without
// both nothing would start one.
bool relief_undo(struct relief *relief, unsigned int settings, const char *state_path,
		 struct relief_undos *undos, struct error *error) must_check;
// The process has ended: its note goes. True where there was one.
bool relief_forget(pid_t pid, const char *state_path);
