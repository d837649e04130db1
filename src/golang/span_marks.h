// SPDX-License-Identifier: Apache-2.0
/*
 * Which objects of the heap the last collection found alive, counted by span. Source:
 * runtime/mgcsweep.go (sweep makes the marks a span's allocBits, which stay as they are until the
 * next sweep), runtime/mbitmap.go (gcBits), runtime/mgcmark_greenteagc.go (marks inside a span).
 *
 * Objects that were allocated while the collection marked are marked. What a collection finds dead
 * stays allocated until its span is swept: then it is garbage and nothing else.
 */
#pragma once

#include "golang/spans.h"

struct go_span_marks {
	uint64_t failed; // spans whose marks could not be read: all their objects count as marked
	bool collected;  // a collection went by meanwhile: the counts are of two of them
};

// Fills marked_count of each span in use. `spans` were just read of the same runtime.
bool go_span_marks_read(const struct go_runtime *runtime, struct go_spans *spans,
			struct go_span_marks *out, struct error *error) must_check;

// Objects that the last collection found dead and whose slots are not free yet.
static inline uint64_t go_span_garbage(const struct go_span *span)
{
	return span->unswept ? span->object_count - span->marked_count : 0;
}
