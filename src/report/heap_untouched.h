// SPDX-License-Identifier: Apache-2.0
// Why the heap profile counts more than the ledger: objects that were allocated and not written to
// so far have no memory yet.
#pragma once

#include "snapshot/snapshot.h"

struct heap_untouched {
	int64_t bytes;
	int64_t object_bytes; // more than half of it is of objects of this size; 0: of many sizes
};

// False where it is too little to matter, or not known.
bool heap_untouched_find(const struct snapshot *snapshot, struct heap_untouched *out);
// A sentence without a full stop; for the caller to free.
char *heap_untouched_line(const struct heap_untouched *untouched);
