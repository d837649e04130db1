// SPDX-License-Identifier: Apache-2.0
/*
 * The runs of pages that the Go heap consists of. Source: runtime/mheap.go (mheap.allspans, mspan),
 * runtime/mgcsweep.go (sweepgen).
 */
#pragma once

#include "base/vec.h"
#include "golang/runtime.h"

enum { GO_PAGE_BYTES = 8192, GO_ARENA_BYTES = 64 << 20 };

// Pieces that lie so close together count as one extent.
enum { GO_EXTENTS_MAX = 65536, GO_EXTENT_GAP_BYTES = 4 << 10 };

enum go_span_state { GO_SPAN_FREE = 0, GO_SPAN_IN_USE = 1, GO_SPAN_STACK = 2 };

struct go_span {
	taddr_t start;
	uint64_t bytes;
	uint64_t object_size;  // the whole span for one large object
	uint64_t object_count; // allocated; garbage that is not swept yet included. Of stacks:
			       // stacks
	enum go_span_state state;
	bool unswept;
	uint8_t span_class; // size class << 1 | 1 where objects have no pointers
	uint32_t slots;     // objects that fit; of stacks 0
	// Of object_count, those that the last collection marked, or that began while it marked
	// (go_span_marks_read). The others are garbage where the span is not swept yet, and
	// allocated since where it is.
	uint32_t marked_count;
	taddr_t mark_bits;  // of the last collection, a bit a slot; 0: none
	bool marks_in_span; // the marks are at the end of the span's first page: Green Tea
};

struct go_extent {
	taddr_t start, end;
};

struct go_spans {
	VEC(struct go_span) spans; // in use or stacks only, sorted by start
	uint64_t heap_alloc;       // sum of object_count * object_size over spans in use
	uint64_t heap_objects;
	uint64_t heap_inuse;  // bytes of spans in use
	uint64_t stack_bytes; // bytes of spans that hold goroutine stacks and the runtime's own
	uint64_t failed;      // spans that could not be read or made no sense
	// Where the structures (mspan) themselves are, free ones included: sorted, close ones as
	// one, GO_EXTENTS_MAX at most.
	VEC(struct go_extent) structs;
	VEC(struct go_extent) bitmaps; // and the bits of them; by go_span_marks_read
	taddr_t table;                 // mheap.allspans
	uint64_t table_bytes;
	uint32_t sweepgen;
};

bool go_spans_read(const struct go_runtime *runtime, struct go_spans *spans,
		   struct error *error) must_check;
void go_spans_deinit(struct go_spans *spans);
// The span that holds `address`, or NULL. Borrowed.
const struct go_span *go_spans_find(const struct go_spans *spans, taddr_t address);
