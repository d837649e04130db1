// SPDX-License-Identifier: Apache-2.0
/*
 * The time between two looks at a process: a few words of its Go runtime are read again and again
 * (golang/gauge.h), in the sandbox, and a person at a terminal sees them move. The struct lies in
 * memory that the processes of one command share: one finds the places, one watches, one decides.
 */
#pragma once

#include "snapshot/swings.h"
#include "system/process.h"

struct between {
	int64_t apart_ns;
	bool progress; // to a terminal on stderr: isatty() is not for the sandbox
	struct go_gauge_places places;
	struct swings swings;
};

// Takes apart_ns; as long again at most, when the heap grew and nothing was collected meanwhile:
// until it is, nobody knows what of it will be kept. False when the process ended.
bool between_watch(struct between *between, const struct process_files *files);
