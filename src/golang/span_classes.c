// SPDX-License-Identifier: Apache-2.0
// In: the spans of a heap. Out: their sums by size class.
#include "golang/span_classes.h"

static void add(struct go_span_class *row, const struct go_span *span)
{
	uint64_t free_slots = span->slots - span->object_count;
	row->spans++;
	row->span_bytes += span->bytes;
	row->objects += span->object_count;
	row->objects_bytes += span->object_count * span->object_size;
	row->free_slots += free_slots;
	row->free_bytes += free_slots * span->object_size;
	row->tail_bytes += span->bytes - span->slots * span->object_size;
}

void go_span_classes_sum(const struct go_spans *spans, struct go_span_classes *out)
{
	*out = (struct go_span_classes){0};
	for (size_t i = 0; i < GO_SPAN_CLASSES; i++)
		out->rows[i].has_pointers = !(i & 1);
	VEC_FOREACH (span, &spans->spans) {
		if (span->state != GO_SPAN_IN_USE)
			continue;
		bool large = span->span_class >> 1 == 0;
		struct go_span_class *row = &out->rows[span->span_class % GO_SPAN_CLASSES];
		if (span->span_class >= GO_SPAN_CLASSES ||
		    (!large && row->spans && row->object_bytes != span->object_size)) {
			out->mismatched_spans++;
			continue;
		}
		row->object_bytes = large ? 0 : span->object_size;

		add(row, span);
		add(&out->total, span);
		out->unswept_spans += span->unswept;
	}
}
