// SPDX-License-Identifier: Apache-2.0
// Who allocates is often not who keeps: a loader makes what a cache, which called it, or which its
// caller calls next, puts into its map or slice.
#pragma once

#include "verdict/sites.h"

struct keeper {
	// Of the program's own code; where the map or the slice grows.
	struct verdict_frame frame;
	const char *caller; // it and the site are called by that; "": it calls the site
	bool slice;         // else a map
	double table_bytes; // of those that grow there
};

// False: no function that leads to the site has one that grows, nor a single one that its caller
// calls as well.
bool keeper_find(const struct evidence *evidence, const struct site *site, struct keeper *out);
