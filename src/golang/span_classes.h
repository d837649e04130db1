// SPDX-License-Identifier: Apache-2.0
/*
 * The spans of the heap by size class: what is in use, and what is free inside spans that cannot be
 * given back because something else in them is in use. Object sizes are those that the spans have.
 */
#pragma once

#include "golang/size_classes.h"
#include "golang/spans.h"

struct go_span_class {
	uint64_t object_bytes; // 0 for large objects, which have a span and a size each
	bool has_pointers;
	uint64_t spans, span_bytes;
	uint64_t objects, objects_bytes; // in use; garbage that is not swept yet included
	uint64_t free_slots, free_bytes;
	uint64_t tail_bytes; // behind the last slot: too short for one
};

struct go_span_classes {
	struct go_span_class rows[GO_SPAN_CLASSES]; // by span class; rows 0 and 1: large objects
	struct go_span_class total;                 // object_bytes 0
	uint64_t unswept_spans;
	uint64_t mismatched_spans; // another size than others of the class, or no class: in no row
};

void go_span_classes_sum(const struct go_spans *spans, struct go_span_classes *out);
