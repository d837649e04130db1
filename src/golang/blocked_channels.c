// SPDX-License-Identifier: Apache-2.0
// In: g.waiting of goroutines. Out: the channels that they wait on, and who waits on which side.
#include <stdlib.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "golang/blocked_priv.h"
#include "target/ranges.h"

enum {
	SUDOG_BYTES_MAX = 256,
	SUDOGS_MAX = 4 << 20,
	CASES_MAX = 256, // of one select
};

static uint64_t traceable(const struct go_record *record, enum go_field field)
{
	const struct go_layout *layout = record->layout;
	struct reader reader = reader_over(record->bytes, record->size);
	uint64_t vu =
		layout_has(layout, GO_TRACEABLE_VU) ? (uint64_t)layout->offset[GO_TRACEABLE_VU] : 0;
	reader_seek(&reader, (uint64_t)layout->offset[field] + vu);
	return reader_u64(&reader);
}

bool blocked_parse_sudog(const struct go_record *record, taddr_t address,
			 struct blocked_sudog *sudog)
{
	*sudog = (struct blocked_sudog){
		.address = address,
		.g = record_u64(record, GO_SUDOG_G),
		.channel = traceable(record, GO_SUDOG_C),
		.elem = traceable(record, GO_SUDOG_ELEM),
		.next = record_u64(record, GO_SUDOG_NEXT),
		.waitlink = record_u64(record, GO_SUDOG_WAITLINK),
	};
	return sudog->g != 0;
}

bool blocked_read_sudog(const struct go_runtime *runtime, taddr_t address,
			struct blocked_sudog *sudog)
{
	uint8_t bytes[SUDOG_BYTES_MAX];
	struct go_record record = {&runtime->layout, bytes,
				   (size_t)runtime->layout.offset[GO_SIZEOF_SUDOG]};
	return record.size <= sizeof bytes &&
	       target_read(runtime->target, address, bytes, record.size, NULL) &&
	       blocked_parse_sudog(&record, address, sudog);
}

// ---- the places in queues ----

struct round {
	struct blocked_walk *walk;
	VEC(struct target_range) next;
};

static void visit_sudog(void *context, const struct target_range *range, const uint8_t *bytes)
{
	struct round *round = context;
	struct blocked_walk *walk = round->walk;
	struct go_record record = {&walk->runtime->layout, bytes, range->size};
	struct blocked_sudog sudog;
	bool is_new;
	if (!bytes || !blocked_parse_sudog(&record, range->start, &sudog) ||
	    sudog.g != walk->goroutines->list.items[range->index].address || !sudog.channel)
		return;
	sudog.owner = range->index;
	map_put(&walk->by_address, sudog.address, walk->sudogs.count, &is_new);
	if (!is_new)
		return;
	vec_push(&walk->sudogs, sudog);
	if (sudog.waitlink)
		vec_push(&round->next, {sudog.waitlink, range->size, range->index});
}

// One round for each case of a select; most have but one.
static void read_sudogs(struct blocked_walk *walk)
{
	struct round round = {.walk = walk};
	VEC(struct target_range) now = {0};
	uint32_t size = (uint32_t)walk->runtime->layout.offset[GO_SIZEOF_SUDOG];
	for (size_t i = 0; i < walk->goroutines->list.count; i++) {
		const struct go_goroutine *goroutine = &walk->goroutines->list.items[i];
		if (goroutine->waiting && goroutine->wait_reason)
			vec_push(&now, {goroutine->waiting, size, (uint32_t)i});
	}
	for (int cases = 0; now.count && cases < CASES_MAX; cases++) {
		if (walk->sudogs.count + now.count > SUDOGS_MAX)
			break;
		round.next.count = 0;
		target_read_ranges(walk->runtime->target, now.items, now.count, visit_sudog,
				   &round);
		now.count = 0;
		VEC_FOREACH (range, &round.next)
			vec_push(&now, *range);
	}
	vec_deinit(&now);
	vec_deinit(&round.next);
}

// ---- channels ----

// Follows a queue along the places that were read; the rest is of goroutines that have moved on.
static uint64_t mark_queue(struct blocked_walk *walk, taddr_t first, taddr_t channel, bool sends)
{
	uint64_t count = 0;
	for (taddr_t at = first; at;) {
		uint64_t *index = map_find(&walk->by_address, at);
		struct blocked_sudog *sudog = index ? &walk->sudogs.items[*index] : NULL;
		if (!sudog || sudog->channel != channel || sudog->sends || sudog->receives)
			break;
		sudog->sends = sends;
		sudog->receives = !sends;
		count++;
		at = sudog->next;
	}
	return count;
}

static uint64_t queue_head(const struct go_record *record, enum go_field queue)
{
	const int *offset = record->layout->offset;
	struct reader reader = reader_over(record->bytes, record->size);
	reader_seek(&reader, (uint64_t)offset[queue] + (uint64_t)offset[GO_WAITQ_FIRST]);
	return reader_u64(&reader);
}

static void visit_channel(void *context, const struct target_range *range, const uint8_t *bytes)
{
	struct blocked_walk *walk = context;
	struct go_channel *channel = &walk->out->channels.items[range->index];
	struct go_record record = {&walk->runtime->layout, bytes, range->size};
	if (!bytes)
		return;
	channel->length = record_u64(&record, GO_HCHAN_QCOUNT);
	channel->capacity = record_u64(&record, GO_HCHAN_DATAQSIZ);
	channel->element_bytes = record_u16(&record, GO_HCHAN_ELEMSIZE);
	channel->closed = record_u32(&record, GO_HCHAN_CLOSED) == 1;
	channel->timer = layout_has(record.layout, GO_HCHAN_TIMER) &&
			 record_u64(&record, GO_HCHAN_TIMER) != 0;
	channel->receivers =
		mark_queue(walk, queue_head(&record, GO_HCHAN_RECVQ), channel->address, false);
	channel->senders =
		mark_queue(walk, queue_head(&record, GO_HCHAN_SENDQ), channel->address, true);
}

static void read_channels(struct blocked_walk *walk)
{
	struct go_blocks *out = walk->out;
	uint32_t size = (uint32_t)walk->runtime->layout.offset[GO_SIZEOF_HCHAN];
	VEC_FOREACH (sudog, &walk->sudogs) {
		bool is_new;
		map_put(&walk->channels, sudog->channel, out->channels.count, &is_new);
		if (is_new)
			vec_push(&out->channels, {.address = sudog->channel,
						  .index = (uint32_t)out->channels.count});
	}
	_cleanup_free_ struct target_range *ranges =
		alloc_array(out->channels.count, sizeof *ranges);
	for (size_t i = 0; i < out->channels.count; i++)
		ranges[i] =
			(struct target_range){out->channels.items[i].address, size, (uint32_t)i};
	target_read_ranges(walk->runtime->target, ranges, out->channels.count, visit_channel, walk);
}

// ---- goroutines ----

static int by_owner(const void *a, const void *b)
{
	const struct blocked_sudog *left = a, *right = b;
	if (left->owner != right->owner)
		return left->owner < right->owner ? -1 : 1;
	return (left->address > right->address) - (left->address < right->address);
}

static bool says_send(const char *reason, bool *sends)
{
	*sends = reason[0] == 'c' && reason[5] == 's'; // "chan send", "chan receive"
	return reason[0] == 'c';
}

static void fill_block(struct blocked_walk *walk, const struct blocked_sudog *first, size_t count)
{
	struct go_blocks *out = walk->out;
	const char *reason = walk->goroutines->list.items[first->owner].wait_reason;
	struct go_wait_case *cases = arena_array(&out->arena, count, sizeof *cases);
	struct go_block *block = arena_alloc(&out->arena, sizeof *block);
	if (!cases || !block)
		return;
	for (size_t i = 0; i < count; i++) {
		bool sends;
		cases[i] = (struct go_wait_case){
			.channel = (uint32_t)*map_find(&walk->channels, first[i].channel),
			.known = first[i].sends || first[i].receives,
			.sends = first[i].sends,
		};
		if (!cases[i].known && says_send(reason, &sends)) {
			cases[i].known = true;
			cases[i].sends = sends;
		}
	}
	*block = (struct go_block){
		.kind = reason[0] == 's' ? GO_BLOCK_SELECT : GO_BLOCK_CHANNEL,
		.cases = cases,
		.case_count = (uint32_t)count,
		.cases_cut = count >= CASES_MAX,
		.address = count == 1 ? first->channel : 0,
	};
	out->list.items[first->owner] = block;
}

void blocked_channels(struct blocked_walk *walk)
{
	read_sudogs(walk);
	read_channels(walk);
	if (!walk->sudogs.count)
		return;
	qsort(walk->sudogs.items, walk->sudogs.count, sizeof *walk->sudogs.items, by_owner);
	map_deinit(&walk->by_address); // its indexes are stale now
	for (size_t i = 0; i < walk->sudogs.count;) {
		size_t end = i + 1;
		while (end < walk->sudogs.count &&
		       walk->sudogs.items[end].owner == walk->sudogs.items[i].owner)
			end++;
		fill_block(walk, &walk->sudogs.items[i], end - i);
		i = end;
	}
}
