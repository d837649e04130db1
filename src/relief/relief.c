// SPDX-License-Identifier: Apache-2.0
// In: a process id, a plan. Out: its settings are changed, and it is on disk what they were.
#include "relief/relief.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "relief/relief_priv.h"
#include "snapshot/heap_profile.h"
#include "system/process.h"
#include "system/scout.h"

bool relief_open(const char *proc_root, pid_t pid, struct relief **out, struct error *error)
{
	struct relief *relief = alloc_zero(sizeof *relief);
	struct process_stat stat;
	relief->writer.mem = -1;
	snprintf(relief->proc_root, sizeof relief->proc_root, "%s", proc_root);
	bool ok = capture_open(proc_root, pid, NULL, &relief->capture, error);
	if (ok) {
		relief->files = capture_get_files(relief->capture);
		ok = process_stat_read(relief->files, &stat, error) &&
		     go_settings_writer_open(relief->files, &relief->writer, error);
	}
	if (!ok) {
		relief_close(relief);
		return false;
	}
	relief->start_ticks = stat.start_ticks;
	*out = relief;
	return true;
}

void relief_close(struct relief *relief)
{
	if (!relief)
		return;
	go_settings_writer_close(&relief->writer);
	capture_close(relief->capture);
	free(relief);
}

const struct relief_facts *relief_get_facts(const struct relief *relief)
{
	return &relief->facts;
}

const struct relief_room *relief_get_room(const struct relief *relief)
{
	return &relief->room;
}

// In the sandbox.
static bool look(void *context, void *answer, struct error *error)
{
	const struct relief *relief = context;
	unsigned int parts = CAPTURE_RUNTIME | (relief->with_memory ? CAPTURE_LEDGER : 0);
	_cleanup_(snapshot_freep) struct snapshot *snapshot = NULL;
	return capture_take(relief->capture, parts, HEAP_INUSE_SPACE, &snapshot, error) &&
	       relief_facts_gather(snapshot, answer, error);
}

bool relief_look(struct relief *relief, bool with_memory, struct error *error)
{
	struct relief_facts facts;
	relief->with_memory = with_memory;
	if ((with_memory &&
	     !relief_room_read(relief->proc_root, relief->files->pid, &relief->room, error)) ||
	    !scout_run(look, relief, &facts, sizeof facts, error) ||
	    !relief_facts_check(&facts, error))
		return false;
	relief->facts = facts;
	return true;
}

bool relief_load_record(const struct relief *relief, const struct relief_state *state,
			struct relief_record *record, bool *stale, struct error *error)
{
	return relief_record_begin(relief->files->pid, relief->start_ticks, 0, "", record, error) &&
	       relief_record_load(state, record, stale, error);
}

static bool note(const struct relief *relief, const struct relief_plan *plan,
		 const struct relief_state *state, struct relief_record *record,
		 struct error *error)
{
	bool stale;
	if (!relief_load_record(relief, state, record, &stale, error))
		return false;
	for (size_t i = 0; i < plan->change_count; i++) {
		const struct relief_change *change = &plan->changes[i];
		if (!relief_record_add(record, go_setting_name(change->setting), change->before,
				       change->after, error))
			return false;
	}
	return relief_record_store(state, record, error);
}

static bool write_change(const struct relief *relief, const struct relief_change *change, bool back,
			 struct error *error)
{
	struct go_setting_place place = relief->facts.settings[change->setting].place;
	place.value = back ? change->after : change->before;
	return go_setting_write(&relief->writer, change->setting, &place,
				back ? change->before : change->after, error);
}

static bool write_all(const struct relief *relief, const struct relief_plan *plan,
		      struct error *error)
{
	for (size_t i = 0; i < plan->change_count; i++) {
		if (write_change(relief, &plan->changes[i], false, error))
			continue;
		while (i-- > 0)
			(void)!write_change(relief, &plan->changes[i], true, NULL);
		return false;
	}
	return true;
}

bool relief_apply(struct relief *relief, const struct relief_plan *plan, const char *state_path,
		  char record_path[PATH_MAX + 64], struct error *error)
{
	struct relief_state state;
	struct relief_record record;
	if (!relief_state_open(state_path, &state, error))
		return false;
	bool ok = note(relief, plan, &state, &record, error) && write_all(relief, plan, error);
	if (ok && record_path)
		relief_record_path(&state, &record, record_path);
	relief_state_close(&state);
	return ok;
}
