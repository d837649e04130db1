// SPDX-License-Identifier: Apache-2.0
// In: addresses of objects. Out: how many bytes they and their buffers are.
#include "golang/holdings.h"

#include "golang/structs.h"

enum {
	OBJECTS_MAX = 1 << 18,       // that are looked at
	SCANNED_BYTES_MAX = 4 << 10, // of one of them
	ALL_SCANNED_BYTES_MAX = 256 << 20,
	STEPS = 2, // along pointers
};

uint64_t holdings_word(const uint8_t *bytes, size_t size, size_t offset)
{
	struct reader reader = reader_over(bytes, size);
	reader_seek(&reader, offset);
	return reader_u64(&reader);
}

bool holdings_is_new(struct holdings *holdings, taddr_t address)
{
	bool first;
	map_put(&holdings->seen, address, 0, &first);
	return first;
}

static void count(struct holdings *holdings, const struct go_span *span, bool added)
{
	holdings->objects += added;
	if (!added && !(span->span_class & 1))
		return;
	holdings->bytes += span->object_size;
	if (span->object_size > holdings->largest_bytes)
		holdings->largest_bytes = span->object_size;
}

// Where the object has pointers it is looked at in the next round.
static void visit(struct holdings *holdings, taddr_t address, bool added)
{
	const struct go_span *span = go_spans_find(holdings->spans, address);
	if (!span || span->state != GO_SPAN_IN_USE || !span->object_size)
		return;
	if (holdings->seen.count >= OBJECTS_MAX) {
		holdings->cut = true;
		return;
	}
	taddr_t start = address - (address - span->start) % span->object_size;
	if (!holdings_is_new(holdings, start))
		return;
	count(holdings, span, added);
	uint64_t size =
		span->object_size < SCANNED_BYTES_MAX ? span->object_size : SCANNED_BYTES_MAX;
	if (span->span_class & 1)
		return;
	if (holdings->scanned_bytes + size > ALL_SCANNED_BYTES_MAX) {
		holdings->cut = true;
		return;
	}
	holdings->scanned_bytes += size;
	vec_push(&holdings->next, {start, (uint32_t)size, 0});
}

void holdings_add(struct holdings *holdings, taddr_t address)
{
	visit(holdings, address, true);
}

void holdings_add_words(struct holdings *holdings, const uint8_t *bytes, size_t size)
{
	for (size_t at = 0; at + 8 <= size; at += 8)
		visit(holdings, holdings_word(bytes, size, at), true);
}

static void visit_object(void *context, const struct target_range *range, const uint8_t *bytes)
{
	for (size_t at = 0; bytes && at + 8 <= range->size; at += 8)
		visit(context, holdings_word(bytes, range->size, at), false);
}

void holdings_follow(struct holdings *holdings)
{
	for (int step = 0; step < STEPS && holdings->next.count; step++) {
		VEC(struct target_range) now = {0};
		VEC_FOREACH (range, &holdings->next)
			vec_push(&now, *range);
		holdings->next.count = 0;
		target_read_ranges(holdings->runtime->target, now.items, now.count, visit_object,
				   holdings);
		vec_deinit(&now);
	}
}

void holdings_deinit(struct holdings *holdings)
{
	map_deinit(&holdings->seen);
	vec_deinit(&holdings->next);
}
