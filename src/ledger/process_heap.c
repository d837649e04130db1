// SPDX-License-Identifier: Apache-2.0
// In: mappings of the Go heap, spans, resident pages. Out: objects, free slots, idle pages, stacks.
#include <string.h>

#include "ledger/process_ledger_priv.h"

// Whether a span lies, as a whole or in part, from `first` to `last`.
static bool holds_span(const struct go_spans *spans, uint64_t first, uint64_t last)
{
	const struct go_span *items = spans->spans.items;
	size_t low = 0, high = spans->spans.count; // the first span at `first` or behind it
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (items[middle].start < first)
			low = middle + 1;
		else
			high = middle;
	}
	return (low < spans->spans.count && items[low].start <= last) ||
	       (low && items[low - 1].bytes > first - items[low - 1].start);
}

// Names that the runtime gives to memory of the heap (Go 1.25 and later, where the kernel keeps
// names). Source: callers of runtime.setVMAName.
static bool has_heap_name(const char *name)
{
	static const char *const names[] = {
		"[anon: Go: heap]", "[anon: Go: heap reservation]", "[anon: Go: user arena chunk]",
		"[anon: Go: used]", "[anon: Go: unused]",
	};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (strcmp(name, names[i]) == 0)
			return true;
	return false;
}

// The heap's arenas are Go's alone: a mapping is of the heap when there is a span in an arena that
// it reaches into.
bool is_go_heap(const struct builder *builder, const struct mapping *mapping)
{
	if (!builder->input->spans || !is_private_anonymous(mapping))
		return false;
	return has_heap_name(mapping->name) ||
	       holds_span(builder->input->spans, mapping->start & ~(uint64_t)(GO_ARENA_BYTES - 1),
			  (mapping->end - 1) | (GO_ARENA_BYTES - 1));
}

static int64_t share(int64_t bytes, uint64_t part, uint64_t whole)
{
	return whole ? (int64_t)((double)bytes * ((double)part / (double)whole)) : 0;
}

static void add_uncertain(struct builder *builder, enum account account, int64_t bytes,
			  int64_t uncertain)
{
	builder_add(builder, account, bytes);
	builder->uncertain[account] += min_bytes(uncertain, bytes);
}

// `resident` bytes of objects, by how many there are of each kind. Of those on pages that are not
// there, `missing` bytes, it is not known which kind they are; nor whether `uncertain` bytes are
// objects at all.
static void account_objects(struct builder *builder, const struct go_span *span, int64_t resident,
			    int64_t missing, int64_t uncertain)
{
	uint64_t count = span->object_count;
	const struct go_span_marks *marks = builder->input->marks;
	uint64_t marked = marks && span->marked_count < count ? span->marked_count : count;
	int64_t live = marked == count ? resident : share(resident, marked, count);
	int64_t dead = resident - live;
	uncertain +=
		marks && marks->collected ? resident : min_bytes(missing, min_bytes(live, dead));
	add_uncertain(builder, ACCOUNT_LIVE, live, uncertain);
	add_uncertain(builder, span->unswept ? ACCOUNT_GARBAGE : ACCOUNT_YOUNG, dead, uncertain);
}

// Free stacks of a span are not the first or the last: which pages they are in is not known.
static void account_stacks(struct builder *builder, const struct go_span *span, int64_t resident)
{
	uint64_t used = span->object_count * span->object_size;
	if (!span->object_size) { // work buffers of the collector: runtime/mgcwork.go
		builder_add(builder, ACCOUNT_METADATA + GO_OWN_GC, resident);
		return;
	}
	if (span->object_size >= span->bytes) // one large stack
		used = span->bytes;
	int64_t free_bytes =
		used < span->bytes ? share(resident, span->bytes - used, span->bytes) : 0;
	int64_t missing = (int64_t)span->bytes - resident;
	add_uncertain(builder, ACCOUNT_STACKS_INUSE, resident - free_bytes,
		      min_bytes(missing, free_bytes));
	add_uncertain(builder, ACCOUNT_STACKS_FREE, free_bytes, missing);
}

// The entry of a size: its own, an empty one, or that of the size with the least. The sizes of
// small objects are few, and each has its own.
static struct untouched *untouched_of(struct builder *builder, const struct go_span *span)
{
	struct untouched *least = &builder->untouched[UNTOUCHED_CLASSES];
	if (span->span_class >> 1)
		return &builder->untouched[span->span_class >> 1];
	for (int i = UNTOUCHED_CLASSES; i < UNTOUCHED_SIZES; i++) {
		struct untouched *size = &builder->untouched[i];
		if (size->object_size == span->object_size)
			return size;
		if (size->bytes < least->bytes)
			least = size;
	}
	return least;
}

// Pages of objects that are not there were never written to: the runtime gives out fresh pages as
// they come, of zeros. `missing` of the span are of objects, if its free slots are on pages that
// are not there as far as they can be.
static void note_untouched(struct builder *builder, const struct go_span *span, int64_t missing)
{
	if (missing <= 0)
		return;
	builder->untouched_bytes += missing;
	struct untouched *size = untouched_of(builder, span);
	if (size->object_size == span->object_size)
		size->bytes += missing;
	else if (size->bytes < missing)
		*size = (struct untouched){span->object_size, missing};
}

// `bytes` of a span, of which `resident` are in memory. `known`: the others are not in swap either.
static void account_piece(struct builder *builder, const struct go_span *span, uint64_t bytes,
			  int64_t resident, bool known)
{
	uint64_t objects = span->object_count * span->object_size;
	if (span->state == GO_SPAN_STACK) {
		account_stacks(builder, span, resident);
		return;
	}
	if (bytes != span->bytes)
		objects = (uint64_t)((double)objects * ((double)bytes / (double)span->bytes));
	int64_t missing = (int64_t)bytes - resident;
	int64_t of_objects = min_bytes(resident, (int64_t)objects);
	int64_t at_least = (int64_t)objects - missing;
	int64_t uncertain = of_objects - (at_least > 0 ? at_least : 0);
	if (objects == bytes) // one object, or no gap between them
		uncertain = 0;
	account_objects(builder, span, of_objects, missing, uncertain);
	add_uncertain(builder, ACCOUNT_FREE_SLOTS, resident - of_objects, uncertain);
	if (known)
		note_untouched(builder, span, (int64_t)objects - of_objects);
}

// The spans of the mapping; returns the resident bytes in them, `limit` at most. Spans are sorted,
// and so are mappings: next_span moves on.
static int64_t account_spans(struct builder *builder, const struct mapping *mapping,
			     const struct residency *residency, int64_t limit)
{
	const struct go_spans *spans = builder->input->spans;
	bool all_known = (residency->bits || !limit) && !known_or_zero(mapping->swap_bytes);
	int64_t left = limit;
	while (builder->next_span < spans->spans.count) {
		const struct go_span *span = &spans->spans.items[builder->next_span];
		if (span->start >= mapping->end)
			break;
		// The kernel may have split the heap's mapping inside a span: then this is a piece.
		taddr_t start =
			max_address(max_address(span->start, mapping->start), builder->done);
		taddr_t end = min_address(span->start + span->bytes, mapping->end);
		if (start < end) { // else it overlaps: it moved while it was read, or is a lie
			// What is more than the limit are pages of zeros: read, never written to.
			int64_t resident = min_bytes(residency_bytes(residency, start, end), left);
			left -= resident;
			account_piece(builder, span, end - start, resident, all_known);
			builder->done = end;
		}
		if (span->start + span->bytes > mapping->end)
			break; // the rest is in the next mapping
		builder->next_span++;
	}
	return limit - left;
}

// What is resident outside of spans is idle. What smaps and pagemap do not agree on is explained by
// nothing; where pages of zeros cannot be told from others, pagemap is too high and smaps bounds
// it.
void account_heap(struct builder *builder, const struct mapping *mapping)
{
	int64_t rss = resident_bytes_of(mapping), lazy = known_or_zero(mapping->lazy_free_bytes);
	struct residency residency = {0};
	if (rss)
		residency_read(builder->input->pagemap_fd, mapping, &residency);
	int64_t there = rss;
	if (residency.bits) {
		int64_t counted = residency_bytes(&residency, mapping->start, mapping->end);
		there = residency.zeros_told ? counted : min_bytes(counted, rss);
	}
	int64_t idle = there - account_spans(builder, mapping, &residency, there);
	if (!residency.bits && rss)
		for (int i = ACCOUNT_LIVE; i <= ACCOUNT_STACKS_FREE; i++)
			builder->uncertain[i] = builder->bytes[i];
	int64_t lazy_idle = min_bytes(lazy, idle);
	builder_add(builder, ACCOUNT_LAZY_FREE, lazy_idle);
	builder_add(builder, ACCOUNT_IDLE, idle - lazy_idle);
	builder_add(builder, ACCOUNT_UNEXPLAINED, rss - there);
	builder->go_huge += known_or_zero(mapping->anon_huge_bytes);
	builder->go_lazy_claimed += lazy;
	residency_deinit(&residency);
}

static void split_cached_stacks(struct builder *builder)
{
	int64_t cached = min_bytes((int64_t)builder->input->stats->held.cached_stack_bytes,
				   builder->bytes[ACCOUNT_STACKS_INUSE]);
	if (cached <= 0)
		return;
	builder_add(builder, ACCOUNT_STACKS_INUSE, -cached);
	builder_add(builder, ACCOUNT_STACKS_FREE, cached);
	builder->uncertain[ACCOUNT_STACKS_INUSE] += cached;
	builder->uncertain[ACCOUNT_STACKS_FREE] += cached;
}

// More idle pages than the runtime had when its spans were read: they are of spans made since, or
// the kernel put a huge page where the runtime had returned small ones.
static void doubt_idle(struct builder *builder)
{
	const struct go_memstats *stats = builder->input->stats;
	int64_t counted = (int64_t)(stats->heap_idle - stats->heap_released);
	int64_t idle = builder->bytes[ACCOUNT_IDLE];
	if (counted >= 0 && idle > counted)
		builder->uncertain[ACCOUNT_IDLE] += idle - counted;
}

void finish_heap(struct builder *builder)
{
	if (!builder->input->stats)
		return;
	split_cached_stacks(builder);
	doubt_idle(builder);
}
