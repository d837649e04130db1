// SPDX-License-Identifier: Apache-2.0
// The stacks of a heap profile and of the one before it, compact, for the page's flame graphs.
#pragma once

#include <jansson.h>

#include "profile/profile.h"

// {"before": bool, "functions": [{"name", "file", "owner"}], "frames": [[function, line]],
//  "stacks": [[now, published, before, frame...]], "left_out": [n, now, published, before]}
// Frames are indexes, the innermost first. `identity` is that of a report's JSON: whose code a
// function is. JSON null where there is no heap.
json_t *page_graph_to_json(const json_t *identity, const struct profile *heap,
			   const struct profile *before);
