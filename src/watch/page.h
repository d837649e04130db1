// SPDX-License-Identifier: Apache-2.0
// The page of an incident that was just stored. It is made of what is on disk already, so it delays
// no capture, and nothing is lost where it fails.
#pragma once

#include "base/error.h"
#include "snapshot/kill.h"

// Writes DIRECTORY/report.html. `db`: the timeline's database, or NULL. Nothing where this whyoom
// has no pages.
bool page_make(const char *directory, const char *db, const struct kill_facts *kill,
	       struct error *error) must_check;
