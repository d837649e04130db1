// SPDX-License-Identifier: Apache-2.0
/*
 * The three heap sizes of the last collection, as GODEBUG=gctrace=1 prints them ("4->5->1 MB").
 * Source: runtime/mgc.go (work.heap0, heap1, heap2: three numbers side by side in every version),
 * Go 1.19 and later.
 *
 * What is allocated while a collection marks counts as marked. A program that allocates fast so
 * seems to have a large live heap; `heap_after - heap_before` of it is only as old as that.
 *
 * The first of the three belongs to the next collection as soon as that begins, so between that and
 * its end they are not known; a collection may be waited for.
 */
#pragma once

#include "golang/runtime.h"

struct go_last_collection {
	bool known;
	uint64_t heap_before; // live, as the pacer counts, when it began
	uint64_t heap_after;  // and when it had marked
	uint64_t marked;
	uint64_t survived; // of what was there when it began: the rest of `marked` is younger
};

// `patience_ns`: how long to wait for the end of a collection; not where the target stands still.
void go_last_collection_read(const struct go_runtime *runtime, int64_t patience_ns,
			     struct go_last_collection *out);
