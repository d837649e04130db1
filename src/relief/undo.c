// SPDX-License-Identifier: Apache-2.0
// In: what whyoom noted of a process, and the process. Out: its settings are as before.
#include <string.h>

#include "relief/relief_priv.h"

struct undoing {
	struct relief *relief;
	struct relief_record *record;
	int64_t gc_percent; // that is in force from here on
};

// GOGC was off, and no collection has seen the one from before yet: the limit alone starts one.
static bool limit_is_needed(const struct undoing *undoing)
{
	return undoing->gc_percent >= 0 && undoing->relief->facts.gc_percent_goal == INT64_MAX;
}

static bool write_back(struct undoing *undoing, struct relief_undo *undo, struct error *error)
{
	const struct relief_facts *facts = &undoing->relief->facts;
	const struct go_setting_place *place = &facts->settings[undo->setting].place;
	if (undo->setting == GO_SETTING_MEMORY_LIMIT && limit_is_needed(undoing) &&
	    undo->before == INT64_MAX) {
		undo->outcome = RELIEF_NOT_YET;
		return true;
	}
	undo->outcome = RELIEF_RESTORED;
	if (undo->setting == GO_SETTING_GC_PERCENT)
		undoing->gc_percent = undo->before;
	return go_setting_write(&undoing->relief->writer, undo->setting, place, undo->before,
				error);
}

static bool undo_one(struct undoing *undoing, enum go_setting_id setting,
		     const struct relief_entry *entry, struct relief_undos *undos,
		     struct error *error)
{
	const struct snapshot_setting *found = &undoing->relief->facts.settings[setting];
	struct relief_undo undo = {.setting = setting,
				   .before = entry->before,
				   .written = entry->written,
				   .found = found->place.value};
	if (!snapshot_has(&found->absent)) {
		if (error)
			*error = found->absent;
		return false;
	}
	if (undo.found == undo.before)
		undo.outcome = RELIEF_WAS_SO;
	else if (!relief_entry_is_ours(entry, undo.found))
		undo.outcome = RELIEF_NOT_OURS;
	else if (!write_back(undoing, &undo, error))
		return false;
	undos->items[undos->count++] = undo;
	if (undo.outcome != RELIEF_NOT_YET)
		relief_record_drop(undoing->record, go_setting_name(setting));
	return true;
}

static bool undo_all(struct undoing *undoing, unsigned int settings, struct relief_undos *undos,
		     struct error *error)
{
	// GOGC first: without it nothing would start a collection once the limit is gone.
	static const enum go_setting_id order[] = {GO_SETTING_GC_PERCENT, GO_SETTING_MEMORY_LIMIT,
						   GO_SETTING_MEM_PROFILE_RATE};
	undoing->gc_percent = undoing->relief->facts.settings[GO_SETTING_GC_PERCENT].place.value;
	for (size_t i = 0; i < sizeof order / sizeof *order; i++) {
		const struct relief_entry *entry =
			relief_record_find(undoing->record, go_setting_name(order[i]));
		if (entry && settings & 1u << order[i] &&
		    !undo_one(undoing, order[i], entry, undos, error))
			return false;
	}
	return true;
}

bool relief_undo(struct relief *relief, unsigned int settings, const char *state_path,
		 struct relief_undos *out, struct error *error)
{
	struct relief_state state;
	struct relief_record record;
	struct relief_undos undos = {0};
	struct undoing undoing = {.relief = relief, .record = &record};
	if (!relief_state_open(state_path, &state, error))
		return false;
	bool ok = relief_load_record(relief, &state, &record, &undos.stale, error) &&
		  undo_all(&undoing, settings, &undos, error);
	// What was undone before a failure is noted as well.
	if ((ok || undos.count) && !relief_record_store(&state, &record, ok ? error : NULL))
		ok = false;
	relief_state_close(&state);
	if (ok)
		*out = undos;
	return ok;
}

bool relief_forget(pid_t pid, const char *state_path)
{
	struct relief_state state;
	struct relief_record record;
	bool stale = false;
	if (!relief_state_open(state_path, &state, NULL))
		return false;
	bool had = relief_record_begin(pid, 0, 0, "", &record, NULL) &&
		   relief_record_load(&state, &record, &stale, NULL) && stale;
	record.count = 0;
	if (had && !relief_record_store(&state, &record, NULL))
		had = false;
	relief_state_close(&state);
	return had;
}
