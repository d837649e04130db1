// SPDX-License-Identifier: Apache-2.0
// In: goroutines, what they wait on, the heap. Out: which of them nothing can wake.
#include "golang/reach.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/reader.h"
#include "golang/moduledata.h"
#include "golang/reach_heap.h"

enum {
	PIECE_BYTES = 1 << 20, // of variables and stacks, at once
	STACK_BYTES_MAX = 64 << 20,
	STACKS_BYTES_MAX = 128 << 20, // of all stacks, and
	STACK_BYTES_MEAN = 32 << 10,  // so much for each
	G_BYTES_MAX = 1024,
	HEAP_NO_WAITER = -1,
};

// Where the words come from that are looked at.
struct origin {
	enum { FROM_VARIABLES, FROM_STACK, FROM_HEAP } kind;
	uint32_t goroutine; // its index
	taddr_t address;    // of the first word
};

struct object {
	uint64_t number;
	size_t span;
};

// A goroutine that waits on an object, in a list of those that wait on the same.
struct waiter {
	uint32_t goroutine;
	int64_t next; // index, or HEAP_NO_WAITER
};

struct search {
	const struct go_runtime *runtime;
	const struct go_goroutines *goroutines;
	const struct go_blocks *blocks;
	struct reach_heap heap;
	struct go_reach *out;
	VEC(struct object) objects; // marked, their words not looked at yet
	VEC(uint32_t) ready;        // goroutines that can run, their stacks not looked at yet
	VEC(struct waiter) waiters;
	struct map first_waiter; // by object's number: index in waiters
	bool stuck_only; // at the end: those that nothing can wake are looked at for holders
	uint64_t stack_bytes_left;
	uint8_t *piece;
};

void go_reach_deinit(struct go_reach *reach)
{
	vec_deinit(&reach->states);
	vec_deinit(&reach->holders);
	map_deinit(&reach->by_object);
}

const struct go_holders *go_reach_holders(const struct go_reach *reach, taddr_t object)
{
	const uint64_t *index = map_find(&reach->by_object, hash_u64(object));
	return index ? &reach->holders.items[*index] : NULL;
}

// ---- words ----

static bool is_object(const struct search *search, taddr_t address, uint64_t object)
{
	size_t span;
	return reach_heap_find(&search->heap, address, &span) == object;
}

static bool waits_on(const struct search *search, uint32_t goroutine, uint64_t object)
{
	const struct go_block *block = search->blocks->list.items[goroutine];
	if (!block)
		return false;
	for (uint32_t i = 0; i < block->case_count; i++)
		if (is_object(search,
			      search->blocks->channels.items[block->cases[i].channel].address,
			      object))
			return true;
	return is_object(search, block->address, object);
}

// The entry of an object, also under `address`, which lies in it: small locks share one.
static struct go_holders *holders_of(struct search *search, taddr_t base, taddr_t address)
{
	struct go_reach *out = search->out;
	bool is_new;
	uint64_t index = *map_put(&out->by_object, hash_u64(base), out->holders.count, &is_new);
	if (is_new)
		vec_push(&out->holders, {.object = base});
	if (address != base)
		map_put(&out->by_object, hash_u64(address), index, &is_new);
	return &out->holders.items[index];
}

// The first few, each once.
static void note_id(uint64_t *ids, uint32_t *count, uint64_t id)
{
	uint32_t kept = *count < REACH_HOLDERS_KEPT ? *count : REACH_HOLDERS_KEPT;
	for (uint32_t i = 0; i < kept; i++)
		if (ids[i] == id)
			return;
	if (*count < REACH_HOLDERS_KEPT)
		ids[*count] = id;
	(*count)++;
}

static void note_stack(const struct search *search, struct go_holders *holders, uint32_t goroutine)
{
	uint64_t id = search->goroutines->list.items[goroutine].id;
	if (search->stuck_only)
		note_id(holders->stuck_ids, &holders->stuck, id);
	else
		note_id(holders->goroutine_ids, &holders->goroutines, id);
}

// Those that wait on the object refer to it, too: they do not count.
static void note_holder(struct search *search, const struct object *object,
			const struct origin *origin, uint64_t offset)
{
	taddr_t base = reach_heap_address(&search->heap, object->span, object->number);
	if (origin->kind == FROM_STACK && waits_on(search, origin->goroutine, object->number))
		return;
	struct go_holders *holders = holders_of(search, base, base);
	if (origin->kind == FROM_HEAP)
		holders->heap_objects++;
	else if (origin->kind == FROM_STACK)
		note_stack(search, holders, origin->goroutine);
	else if (!holders->variables++)
		holders->variable = origin->address + offset;
}

static void wake(struct search *search, uint32_t goroutine)
{
	uint8_t *state = &search->out->states.items[goroutine];
	if (*state != GO_REACH_UNSERVED)
		return;
	*state = GO_REACH_SERVED;
	vec_push(&search->ready, goroutine);
}

static void wake_waiters(struct search *search, uint64_t object)
{
	const uint64_t *index = map_find(&search->first_waiter, hash_u64(object));
	for (int64_t i = index ? (int64_t)*index : HEAP_NO_WAITER; i != HEAP_NO_WAITER;
	     i = search->waiters.items[i].next)
		wake(search, search->waiters.items[i].goroutine);
}

static void take_word(struct search *search, uint64_t word, const struct origin *origin,
		      uint64_t offset)
{
	struct object object;
	struct reach_heap *heap = &search->heap;
	if (word < heap->low || word >= heap->high)
		return;
	object.number = reach_heap_find(heap, word, &object.span);
	if (object.number == REACH_NO_OBJECT)
		return;
	bool watched = reach_bit(heap->watched, object.number);
	if (watched)
		note_holder(search, &object, origin, offset);
	if (reach_bit(heap->marked, object.number) || search->stuck_only)
		return;
	reach_set_bit(heap->marked, object.number);
	vec_push(&search->objects, object);
	if (watched)
		wake_waiters(search, object.number);
}

static void take_words(struct search *search, const uint8_t *bytes, uint64_t size,
		       const struct origin *origin)
{
	struct reader reader = reader_over(bytes, size);
	for (uint64_t offset = 0; offset + 8 <= size; offset += 8)
		take_word(search, reader_u64(&reader), origin, offset);
}

static void drain_objects(struct search *search)
{
	struct origin origin = {.kind = FROM_HEAP};
	while (search->objects.count) {
		struct object object = search->objects.items[--search->objects.count];
		uint64_t size;
		const uint8_t *bytes =
			reach_heap_bytes(&search->heap, object.span, object.number, &size);
		search->out->objects++;
		if (!bytes)
			continue;
		search->out->bytes += size;
		take_words(search, bytes, size, &origin);
	}
}

// ---- roots ----

static void take_range(struct search *search, taddr_t start, taddr_t end, struct origin origin)
{
	while (start < end && end - start >= 8) { // `end` may be the last address there is
		uint64_t size = end - start < PIECE_BYTES ? end - start : PIECE_BYTES;
		size -= size % 8;
		origin.address = start;
		if (target_read_bulk(search->runtime->target, start, search->piece, size, NULL))
			take_words(search, search->piece, size, &origin);
		else
			search->out->unreadable++;
		start += size;
	}
}

// What is too long, or too much together, was not read by anybody who looked.
static void take_stack(struct search *search, taddr_t low, taddr_t high, struct origin origin)
{
	uint64_t size = high - low;
	if (size > STACK_BYTES_MAX || size > search->stack_bytes_left) {
		search->out->unreadable++;
		return;
	}
	search->stack_bytes_left -= size;
	take_range(search, low, high, origin);
}

static void take_goroutine(struct search *search, uint32_t index)
{
	const struct go_goroutine *goroutine = &search->goroutines->list.items[index];
	struct origin origin = {.kind = FROM_STACK, .goroutine = index};
	taddr_t low = goroutine->stack_pointer;
	uint32_t g_size = (uint32_t)search->runtime->layout.offset[GO_SIZEOF_G];
	bool runs = goroutine->status == GO_STATUS_RUNNING || low < goroutine->stack_low ||
		    low >= goroutine->stack_high;
	if (runs)
		low = goroutine->stack_low;
	take_stack(search, low, goroutine->stack_high, origin);
	take_range(search, goroutine->address, goroutine->address + g_size, origin);
}

static bool take_variables(struct search *search, struct error *error)
{
	static const enum go_data_range ranges[] = {GO_RANGE_DATA, GO_RANGE_BSS};
	struct go_moduledata module;
	taddr_t address;
	if (!go_runtime_symbol(search->runtime, GO_SYMBOL_MODULEDATA, &address, error) ||
	    !moduledata_read(search->runtime->target, address, &module, error))
		return false;
	for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++) {
		const struct go_range *range = &module.data[ranges[i]];
		if (range->end - range->start < REACH_BYTES_MAX)
			take_range(search, (range->start + 7) & ~(taddr_t)7, range->end,
				   (struct origin){.kind = FROM_VARIABLES});
	}
	return true;
}

// ---- who waits ----

// Structures of the runtime that lead from everywhere to everything: all goroutines, and places in
// queues. They count as seen, and their words are not looked at.
static void hide(struct search *search, taddr_t address)
{
	size_t span;
	uint64_t object = reach_heap_find(&search->heap, address, &span);
	if (object != REACH_NO_OBJECT)
		reach_set_bit(search->heap.marked, object);
}

// False where what it waits on is no object of the heap: any code can reach a variable.
static bool watch(struct search *search, uint32_t goroutine, taddr_t address)
{
	size_t span;
	bool is_new;
	uint64_t object = reach_heap_find(&search->heap, address, &span);
	if (object == REACH_NO_OBJECT)
		return false;
	reach_set_bit(search->heap.watched, object);
	holders_of(search, reach_heap_address(&search->heap, span, object), address);
	uint64_t *first =
		map_put(&search->first_waiter, hash_u64(object), search->waiters.count, &is_new);
	int64_t next = is_new ? HEAP_NO_WAITER : (int64_t)*first;
	*first = search->waiters.count;
	vec_push(&search->waiters, {goroutine, next});
	return true;
}

static bool watch_cases(struct search *search, uint32_t goroutine, const struct go_block *block)
{
	if (block->cases_cut)
		return false;
	for (uint32_t i = 0; i < block->case_count; i++) {
		const struct go_channel *channel =
			&search->blocks->channels.items[block->cases[i].channel];
		if (channel->timer || !watch(search, goroutine, channel->address))
			return false;
	}
	return true;
}

static bool can_only_be_served(struct search *search, uint32_t goroutine,
			       const struct go_block *block)
{
	switch (block->kind) {
	case GO_BLOCK_FOR_EVER:
		return true;
	case GO_BLOCK_CHANNEL:
	case GO_BLOCK_SELECT:
		return watch_cases(search, goroutine, block);
	case GO_BLOCK_MUTEX:
	case GO_BLOCK_RWMUTEX_READ:
	case GO_BLOCK_RWMUTEX_WRITE:
	case GO_BLOCK_WAITGROUP:
	case GO_BLOCK_COND:
		return watch(search, goroutine, block->address);
	default:
		return false;
	}
}

static bool is_asked(const struct go_block *block)
{
	return block && block->kind != GO_BLOCK_UNKNOWN && block->kind != GO_BLOCK_SEMAPHORE &&
	       block->kind != GO_BLOCK_NETWORK && block->kind != GO_BLOCK_SLEEP;
}

static void sort_goroutines(struct search *search)
{
	const struct go_goroutines *goroutines = search->goroutines;
	for (size_t i = 0; i < goroutines->list.count; i++)
		hide(search, goroutines->list.items[i].address);
	VEC_FOREACH (sudog, &search->blocks->sudogs)
		hide(search, *sudog);
	for (uint32_t i = 0; i < goroutines->list.count; i++) {
		const struct go_block *block = search->blocks->list.items[i];
		bool asked = is_asked(block);
		bool waits = asked && can_only_be_served(search, i, block);
		vec_push(&search->out->states, waits   ? GO_REACH_UNSERVED
					       : asked ? GO_REACH_SERVED
						       : GO_REACH_NOT_ASKED);
		if (!waits)
			vec_push(&search->ready, i);
	}
}

// A lock may be held by one of them.
static void look_at_stuck(struct search *search)
{
	search->stuck_only = true;
	for (uint32_t i = 0; i < search->out->states.count; i++) {
		if (search->out->states.items[i] != GO_REACH_UNSERVED)
			continue;
		search->out->unserved++;
		take_goroutine(search, i);
	}
}

static bool run(struct search *search, struct error *error)
{
	sort_goroutines(search);
	if (!take_variables(search, error))
		return false;
	drain_objects(search);
	while (search->ready.count) {
		take_goroutine(search, search->ready.items[--search->ready.count]);
		drain_objects(search);
	}
	look_at_stuck(search);
	search->out->unreadable += search->heap.unreadable;
	return search->heap.copied_bytes < REACH_BYTES_MAX - ((uint64_t)64 << 20) ||
	       error_set(error, ERROR_LIMIT,
			 "the heap has more than %" PRIu64
			 " MiB of objects with pointers: not searched",
			 (uint64_t)(REACH_BYTES_MAX >> 20));
}

bool go_reach_find(const struct go_runtime *runtime, const struct go_goroutines *goroutines,
		   const struct go_blocks *blocks, const struct go_spans *spans,
		   struct go_reach *reach, struct error *error)
{
	struct go_reach made = {0};
	struct search search = {
		.runtime = runtime, .goroutines = goroutines, .blocks = blocks, .out = &made};
	search.stack_bytes_left =
		STACKS_BYTES_MAX + goroutines->list.count * (uint64_t)STACK_BYTES_MEAN;
	bool ok = reach_heap_init(&search.heap, runtime->target, spans, error);
	search.piece = alloc_array(PIECE_BYTES, 1);
	ok = ok && run(&search, error);
	reach_heap_deinit(&search.heap);
	vec_deinit(&search.objects);
	vec_deinit(&search.ready);
	vec_deinit(&search.waiters);
	map_deinit(&search.first_waiter);
	free(search.piece);
	if (ok)
		*reach = made;
	else
		go_reach_deinit(&made);
	return ok;
}
