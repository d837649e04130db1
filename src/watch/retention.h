// SPDX-License-Identifier: Apache-2.0
/*
 * Incidents that are kept: by count, age and size together, the oldest go first. Only what is
 * whyoom's in that folder is ever removed: directories named incident-... with a manifest in them,
 * and bundles incident-....tar.zst. Never the newest, never one that is named to be spared, nothing
 * that is still being written (.partial). Links are not followed.
 */
#pragma once

#include "watch/config.h"
#include "watch/progress.h"

// `newest` and `spared`: paths whose last part is the name of one to spare; NULL or "": none.
// Returns how many were removed; says so, and what could not be.
int retention_apply(const char *out, const struct watch_keep *keep, const char *newest,
		    const char *spared, const struct progress *progress);
