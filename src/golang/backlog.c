// SPDX-License-Identifier: Apache-2.0
// In: the spans that channels may lie in. Out: the channel whose buffer holds most.
#include "golang/backlog.h"

#include <math.h>

#include "golang/holdings.h"
#include "golang/structs.h"

enum {
	CAPACITY_MIN = 64,           // less is no queue
	LENGTH_MIN = 64,             // likewise
	SLACK_BYTES = 32,            // between a channel's size and that of its class
	INLINE_BYTES_MIN = 32 << 10, // a buffer of the same object: only where it is large
	SPAN_BYTES_MAX = 64 << 20,   // that are looked at
	KEPT = 4,                    // longest ones of which it is asked what they hold
	ELEMENTS_MAX = 1 << 16,      // of one
	ELEMENT_BYTES_MAX = 16 << 20,
	FEWER = 8, // times
};
static const uint64_t BYTES_MAX = (uint64_t)1 << 52; // no memory is as large

struct queue {
	taddr_t channel, buffer;
	uint64_t length, capacity, element_bytes, first;
	bool receivers, senders;
};

struct search {
	const struct go_runtime *runtime;
	const struct go_spans *spans;
	uint64_t channel_bytes; // hchan
	struct queue kept[KEPT];
	size_t count;
};

// ---- channels ----

static uint64_t waiter(const struct go_record *record, enum go_field queue)
{
	struct reader reader = reader_over(record->bytes, record->size);
	reader_seek(&reader, (uint64_t)record->layout->offset[queue] +
				     (uint64_t)record->layout->offset[GO_WAITQ_FIRST]);
	return reader_u64(&reader);
}

static bool numbers_fit(const struct queue *queue, uint64_t next)
{
	return queue->capacity >= CAPACITY_MIN && queue->capacity <= UINT32_MAX &&
	       queue->length >= LENGTH_MIN && queue->length <= queue->capacity &&
	       queue->element_bytes && queue->first < queue->capacity && next < queue->capacity &&
	       (queue->first + queue->length) % queue->capacity == next;
}

// The buffer is the rest of the same object, or an object of its own.
static bool buffer_fits(const struct search *search, const struct queue *queue)
{
	uint64_t header = (search->channel_bytes + 7) & ~(uint64_t)7;
	uint64_t bytes = queue->capacity * queue->element_bytes; // of 32 and 16 bits
	const struct go_span *span = go_spans_find(search->spans, queue->buffer);
	if (!span || span->state != GO_SPAN_IN_USE || !span->object_size)
		return false;
	uint64_t within = (queue->buffer - span->start) % span->object_size;
	if (queue->buffer == queue->channel + header)
		return span->object_size >= bytes + header;
	return within <= 8 && span->object_size >= bytes; // 8: a header that says its type
}

static void keep(struct search *search, const struct queue *queue)
{
	size_t shortest = 0;
	if (search->count < KEPT) {
		search->kept[search->count++] = *queue;
		return;
	}
	for (size_t i = 1; i < KEPT; i++)
		if (search->kept[i].length < search->kept[shortest].length)
			shortest = i;
	if (queue->length > search->kept[shortest].length)
		search->kept[shortest] = *queue;
}

static void try_channel(struct search *search, taddr_t address, const uint8_t *bytes)
{
	struct go_record record = {&search->runtime->layout, bytes, search->channel_bytes};
	struct queue queue = {
		.channel = address,
		.buffer = record_u64(&record, GO_HCHAN_BUF),
		.length = record_u64(&record, GO_HCHAN_QCOUNT),
		.capacity = record_u64(&record, GO_HCHAN_DATAQSIZ),
		.element_bytes = record_u16(&record, GO_HCHAN_ELEMSIZE),
		.first = record_u64(&record, GO_HCHAN_RECVX),
		.receivers = waiter(&record, GO_HCHAN_RECVQ) != 0,
		.senders = waiter(&record, GO_HCHAN_SENDQ) != 0,
	};
	if (numbers_fit(&queue, record_u64(&record, GO_HCHAN_SENDX)) && buffer_fits(search, &queue))
		keep(search, &queue);
}

static void visit_channels(void *context, const struct target_range *range, const uint8_t *bytes)
{
	struct search *search = context;
	uint64_t step = search->spans->spans.items[range->index].object_size;
	for (uint64_t at = 0; bytes && at + search->channel_bytes <= range->size; at += step)
		try_channel(search, range->start + at, bytes + at);
}

static bool may_hold_channels(const struct search *search, const struct go_span *span)
{
	if (span->state != GO_SPAN_IN_USE || !span->object_count)
		return false;
	if (span->span_class & 1)
		return span->object_size >= INLINE_BYTES_MIN;
	return span->object_size >= search->channel_bytes &&
	       span->object_size <= search->channel_bytes + SLACK_BYTES;
}

static void find_channels(struct search *search)
{
	VEC(struct target_range) ranges = {0};
	uint64_t total = 0;
	for (size_t i = 0; i < search->spans->spans.count && total < SPAN_BYTES_MAX; i++) {
		const struct go_span *span = &search->spans->spans.items[i];
		if (!may_hold_channels(search, span))
			continue;
		uint64_t size = span->span_class & 1 ? search->channel_bytes : span->bytes;
		if (size > TARGET_RANGE_MAX)
			size = TARGET_RANGE_MAX;
		vec_push(&ranges, {span->start, (uint32_t)size, (uint32_t)i});
		total += size;
	}
	target_read_ranges(search->runtime->target, ranges.items, ranges.count, visit_channels,
			   search);
	vec_deinit(&ranges);
}

// ---- what they hold ----

static void visit_elements(void *context, const struct target_range *range, const uint8_t *bytes)
{
	if (bytes)
		holdings_add_words(context, bytes, range->size);
}

static void add_elements(struct holdings *holdings, const struct queue *queue, uint64_t first,
			 uint64_t count)
{
	VEC(struct target_range) ranges = {0};
	uint64_t step = TARGET_RANGE_MAX / queue->element_bytes;
	for (uint64_t i = 0; i < count; i += step) {
		uint64_t part = count - i < step ? count - i : step;
		vec_push(&ranges, {queue->buffer + (first + i) * queue->element_bytes,
				   (uint32_t)(part * queue->element_bytes), 0});
	}
	target_read_ranges(holdings->runtime->target, ranges.items, ranges.count, visit_elements,
			   holdings);
	vec_deinit(&ranges);
}

// Of the first `count` elements: what they hold. False where it is more than is looked at.
static bool add_first(const struct search *search, const struct queue *queue, uint64_t count,
		      uint64_t *bytes)
{
	struct holdings holdings = {.runtime = search->runtime, .spans = search->spans};
	uint64_t behind = queue->capacity - queue->first; // up to the buffer's end
	add_elements(&holdings, queue, queue->first, count < behind ? count : behind);
	if (count > behind)
		add_elements(&holdings, queue, 0, count - behind);
	holdings_follow(&holdings);
	*bytes = holdings.bytes;
	bool all = !holdings.cut;
	holdings_deinit(&holdings);
	return all;
}

// Where its first elements hold more objects than are looked at, fewer of them stand for all.
static struct go_backlog weigh(const struct search *search, const struct queue *queue)
{
	uint64_t count = queue->length < ELEMENTS_MAX ? queue->length : ELEMENTS_MAX, held;
	if (count * queue->element_bytes > ELEMENT_BYTES_MAX)
		count = ELEMENT_BYTES_MAX / queue->element_bytes;
	bool all;
	while (!(all = add_first(search, queue, count, &held)) && count >= FEWER * LENGTH_MIN)
		count /= FEWER;
	double of_all = count < queue->length // as it is, where no more than that was looked at
				? (double)held / (double)count * (double)queue->length
				: (double)held;
	double bytes = (double)(queue->length * queue->element_bytes) + round(of_all);
	return (struct go_backlog){
		.channel = queue->channel,
		.length = queue->length,
		.capacity = queue->capacity,
		.bytes = bytes < (double)BYTES_MAX ? (uint64_t)bytes : BYTES_MAX,
		.estimated = count < queue->length || !all,
		.receivers = queue->receivers,
		.senders = queue->senders,
	};
}

bool go_backlog_find(const struct go_runtime *runtime, const struct go_spans *spans,
		     struct go_backlog *out, struct error *error)
{
	static const enum go_field needed[] = {GO_SIZEOF_HCHAN, GO_HCHAN_QCOUNT, GO_HCHAN_DATAQSIZ,
					       GO_HCHAN_BUF,    GO_HCHAN_SENDX,  GO_HCHAN_RECVX,
					       GO_HCHAN_RECVQ,  GO_HCHAN_SENDQ,  GO_WAITQ_FIRST};
	struct go_backlog largest = {0};
	if (!layout_require(&runtime->layout, needed, sizeof needed / sizeof *needed, error))
		return false;
	struct search search = {.runtime = runtime,
				.spans = spans,
				.channel_bytes = (uint64_t)runtime->layout.offset[GO_SIZEOF_HCHAN]};
	find_channels(&search);
	for (size_t i = 0; i < search.count; i++) {
		struct go_backlog backlog = weigh(&search, &search.kept[i]);
		if (backlog.bytes > largest.bytes)
			largest = backlog;
	}
	*out = largest;
	return true;
}
