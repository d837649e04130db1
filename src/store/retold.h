// SPDX-License-Identifier: Apache-2.0
/*
 * A stored incident, told again in the reader's language. What is stored is English; the same rules
 * over the same facts say it in another one. Where they would say something else, because they are
 * other rules by now, the stored words stay.
 */
#pragma once

#include "report/instant.h"
#include "store/incident_files.h"

struct retold {
	struct instant *instant, *before; // before NULL: no baseline
	struct snapshot_baseline baseline;
	struct verdict verdict;
	struct report report; // borrows from all of these
};

// Of files that incident_files_load has checked; `baseline` NULL: none. False where the language is
// English, or the stored words have to stay.
bool incident_retell(const struct incident_files *files, const struct incident_files *baseline,
		     struct retold *retold) must_check;
void retold_deinit(struct retold *retold);
