// SPDX-License-Identifier: Apache-2.0
/*
 * What a whyoom that was killed has left behind: kills that it held (hold_record.h), and captures
 * in
 * `.partial` directories (store.h). Those of a watch that lives are locked, and not touched.
 *
 * Of the captures, what was written is evidence: the newest whole one becomes an incident, with the
 * others below it, or the newest of which anything is there; its report says that it is partial. A
 * directory without anything is removed, and so are baselines of a process that lives on, and is
 * about to be watched again.
 */
#pragma once

#include "store/writer.h"
#include "watch/progress.h"

// `state_path` NULL: no holds are looked for. `timeline` NULL: it is told nothing.
void leftover_take(const char *out, const char *state_path, struct store_writer *timeline,
		   const struct progress *progress);
