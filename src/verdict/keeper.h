// SPDX-License-Identifier: Apache-2.0
// Who allocates is often not who keeps: a loader makes what a cache, which called it, puts into its
// map.
#pragma once

#include "verdict/sites.h"

struct keeper {
	struct verdict_frame
		frame;    // of the program's own code, calls the site; where the map grows
	double map_bytes; // of the maps that grow there
};

// False: no function that leads to the site has a map that grows.
bool keeper_find(const struct evidence *evidence, const struct site *site, struct keeper *out);
