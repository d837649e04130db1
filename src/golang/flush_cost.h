// SPDX-License-Identifier: Apache-2.0
/*
 * What a flush of the processors' caches costs the runtime itself: lists of spans grow, and the
 * structures of freed spans go back. It is what makes GCSys, OtherSys and MSpanInuse of
 * ReadMemStats differ from what they were a moment before. Source: runtime/mspanset.go (push),
 * runtime/malloc.go (persistentalloc1), runtime/mheap.go (freeMSpanLocked).
 *
 * Memory for the lists comes from the processor that flushes, which nobody knows beforehand. Where
 * that makes a difference, `depends` is set and the smallest numbers are given: the true ones may
 * be higher by PERSISTENT_CHUNK bytes of Sys, and lower by a few structures.
 */
#pragma once

#include "golang/size_classes.h"
#include "golang/structs.h"

// How many spans of each class the flush puts on the list of those with and without free slots.
struct go_flush_pushes {
	uint16_t partial[GO_SPAN_CLASSES], full[GO_SPAN_CLASSES];
};

struct go_flush_cost {
	uint64_t list_bytes;    // moved from OtherSys to GCSys
	uint64_t chunk_bytes;   // new in OtherSys
	uint64_t freed_structs; // spans' structures that leave MSpanInuse
	bool depends;
};

// `heap` is the address of mheap_. False where the layout lacks a field or memory cannot be read:
// then the cost is not known.
bool go_flush_cost_compute(const struct go_runtime *runtime, taddr_t heap, uint32_t sweepgen,
			   const struct go_flush_pushes *pushes, const go_addresses *processors,
			   uint64_t freed_spans, struct go_flush_cost *out) must_check;
