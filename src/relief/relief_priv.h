// SPDX-License-Identifier: Apache-2.0
// An open relief, for the files of this folder.
#pragma once

#include "golang/settings_write.h"
#include "relief/relief.h"
#include "snapshot/capture.h"

struct relief {
	struct capture *capture;
	const struct process_files *files; // of the capture
	struct go_settings_writer writer;
	char proc_root[64];
	uint64_t start_ticks;
	struct relief_facts facts;
	struct relief_room room;
	bool with_memory;
};

// The record of that process, as far as there is one.
bool relief_load_record(const struct relief *relief, const struct relief_state *state,
			struct relief_record *record, bool *stale, struct error *error) must_check;
