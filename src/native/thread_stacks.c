// SPDX-License-Identifier: Apache-2.0
// In: anonymous memory. Out: the stacks whose descriptors lie in it, from list to list.
#include "native/thread_stacks.h"

#include <inttypes.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/map.h"

enum {
	PAGE_BYTES = 4096,
	DESCRIPTOR_ALIGN = 64,
	DESCRIPTOR_BYTES = 2304, // to 2.36; later ones have more, which is not read
	SELF_OFFSET = 16,        // tcbhead_t.self; .tcb is at 0
	LIST_OFFSET = 704,       // struct pthread.list
	TID_OFFSET = 720,        // struct pthread.tid
	SMALL_BYTES = 64 << 10,  // a mapping that is looked through as a whole
	TAIL_BYTES = 16 << 10,   // of larger ones
	NEIGHBOURS = 4, // list heads that lie beside one that was found: used, user, cached
	TOP_BYTES_MAX = 16 << 20, // thread-local data and the descriptor above the stack itself
	THREAD_ID_MAX = 1 << 22,  // PID_MAX_LIMIT
	TAILS_MAX = 8192,
};
#define ARENA_ALIGN     ((uint64_t)64 << 20) // of malloc
#define STACK_BYTES_MAX ((uint64_t)1 << 40)

struct stack_search {
	struct target *target;
	const struct maps *maps;
	struct thread_stacks *out;
	struct map seen;      // descriptors and list heads
	size_t bounds_offset; // of the stack's bounds in a descriptor; 0: not known yet
	uint64_t bytes_left;
};

struct descriptor {
	taddr_t address, next, previous;
	uint32_t thread_id;
	struct thread_stack stack;
	bool has_stack;
};

static uint64_t word_at(const uint8_t *bytes, size_t offset)
{
	uint64_t value;
	memcpy(&value, bytes + offset, sizeof value); // amd64 only: little-endian
	return value;
}

static bool is_writable(const struct maps *maps, taddr_t address)
{
	const struct mapping *mapping = maps_find(maps, address);
	return mapping && mapping->perms[1] == 'w';
}

static bool points_to_itself(const uint8_t *bytes, taddr_t address)
{
	return word_at(bytes, 0) == address && word_at(bytes, SELF_OFFSET) == address;
}

// stackblock, stackblock_size, guardsize: the guard is a part of the block.
static bool take_bounds(struct descriptor *descriptor, const uint8_t *bytes, size_t offset)
{
	taddr_t start = word_at(bytes, offset);
	uint64_t size = word_at(bytes, offset + 8), guard = word_at(bytes, offset + 16);
	taddr_t address = descriptor->address;
	if (!start || start % PAGE_BYTES || size % PAGE_BYTES || guard % PAGE_BYTES ||
	    size > STACK_BYTES_MAX || guard >= size || address < start + guard ||
	    address - start >= size || size - (address - start) > TOP_BYTES_MAX)
		return false;
	descriptor->has_stack = true;
	descriptor->stack = (struct thread_stack){
		.start = start + guard,
		.end = start + size,
		.guard_bytes = guard,
		.descriptor = address,
		.thread_id = descriptor->thread_id,
		.cached = descriptor->thread_id == 0,
	};
	return true;
}

static void find_bounds(struct stack_search *search, struct descriptor *descriptor,
			const uint8_t *bytes)
{
	if (search->bounds_offset && take_bounds(descriptor, bytes, search->bounds_offset))
		return;
	for (size_t at = TID_OFFSET + 8; at + 24 <= DESCRIPTOR_BYTES; at += 8)
		if (take_bounds(descriptor, bytes, at)) {
			search->bounds_offset = at;
			return;
		}
}

static bool read_descriptor(struct stack_search *search, taddr_t address,
			    struct descriptor *descriptor)
{
	uint8_t bytes[DESCRIPTOR_BYTES];
	if (address % DESCRIPTOR_ALIGN ||
	    !target_read_bulk(search->target, address, bytes, sizeof bytes, NULL) ||
	    !points_to_itself(bytes, address))
		return false;
	uint64_t thread_id = word_at(bytes, TID_OFFSET) & UINT32_MAX;
	if (thread_id == UINT32_MAX) // pthread_join was there
		thread_id = 0;
	*descriptor = (struct descriptor){.address = address,
					  .next = word_at(bytes, LIST_OFFSET),
					  .previous = word_at(bytes, LIST_OFFSET + 8),
					  .thread_id = (uint32_t)thread_id};
	if (thread_id > THREAD_ID_MAX || !is_writable(search->maps, descriptor->next) ||
	    !is_writable(search->maps, descriptor->previous))
		return false;
	find_bounds(search, descriptor, bytes);
	return true;
}

// False where it is there already, or there are too many.
static bool add_descriptor(struct stack_search *search, const struct descriptor *descriptor)
{
	bool is_new;
	map_put(&search->seen, descriptor->address, 0, &is_new);
	if (!is_new || search->out->list.count == THREAD_STACKS_MAX)
		return false;
	if (descriptor->has_stack)
		vec_push(&search->out->list, descriptor->stack);
	return true;
}

static bool read_link(struct stack_search *search, taddr_t link, taddr_t *next, taddr_t *previous)
{
	uint8_t bytes[16];
	if (link % 8 || !is_writable(search->maps, link) ||
	    !target_read_bulk(search->target, link, bytes, sizeof bytes, NULL))
		return false;
	*next = word_at(bytes, 0);
	*previous = word_at(bytes, 8);
	return true;
}

// One way around a list. What is no descriptor is its head, of which a list has one.
static bool follow_list(struct stack_search *search, taddr_t link, taddr_t *head)
{
	taddr_t at = link;
	*head = 0;
	for (size_t steps = 0; steps < THREAD_STACKS_MAX; steps++) {
		struct descriptor descriptor;
		taddr_t next, previous, back;
		if (!read_link(search, at, &next, &previous))
			return false;
		if (read_descriptor(search, at - LIST_OFFSET, &descriptor))
			add_descriptor(search, &descriptor);
		else if (*head)
			return false;
		else
			*head = at;
		if (!read_link(search, next, &back, &previous) || previous != at)
			return false;
		at = next;
		if (at == link)
			return *head != 0;
	}
	return false;
}

// In a live program the list changes under the walk.
static bool follow_again(struct stack_search *search, taddr_t link, taddr_t *head)
{
	for (int attempt = 0; attempt < 4; attempt++)
		if (follow_list(search, link, head))
			return true;
	return false;
}

// The heads of the other lists lie beside this one.
static void follow_neighbours(struct stack_search *search, taddr_t head)
{
	for (int i = -NEIGHBOURS; i <= NEIGHBOURS; i++) {
		bool is_new;
		taddr_t other = head + (taddr_t)(i * 16), next, previous, found;
		map_put(&search->seen, other, 0, &is_new);
		if (!is_new || !read_link(search, other, &next, &previous) || next == other)
			continue;
		// Only where the list leads to a descriptor is it one of these.
		struct descriptor descriptor;
		if (read_descriptor(search, next - LIST_OFFSET, &descriptor) &&
		    descriptor.previous == other && !follow_again(search, other, &found)) {
			search->out->complete = false;
			error_set(&search->out->why_not, ERROR_BAD_DATA,
				  "the list of stacks at 0x%" PRIx64 " does not close", other);
		}
	}
}

static void follow_descriptor(struct stack_search *search, taddr_t address)
{
	struct descriptor descriptor;
	taddr_t head;
	if (map_find(&search->seen, address) || !read_descriptor(search, address, &descriptor))
		return;
	if (follow_again(search, address + LIST_OFFSET, &head))
		follow_neighbours(search, head);
	else if (descriptor.has_stack) {
		add_descriptor(search, &descriptor);
		search->out->complete = false;
		error_set(&search->out->why_not, ERROR_BAD_DATA,
			  "the list of stacks with that of thread %" PRIu32 " does not close",
			  descriptor.thread_id);
	}
}

static void look_through(struct stack_search *search, taddr_t start, taddr_t end)
{
	_cleanup_free_ uint8_t *bytes = alloc_array(end - start, 1);
	if (end - start > search->bytes_left)
		return;
	search->bytes_left -= end - start;
	if (!target_read_bulk(search->target, start, bytes, end - start, NULL))
		return;
	for (uint64_t at = 0; at + SELF_OFFSET + 8 <= end - start; at += DESCRIPTOR_ALIGN)
		if (points_to_itself(bytes + at, start + at))
			follow_descriptor(search, start + at);
}

static bool may_hold_descriptors(const struct mapping *mapping)
{
	return !mapping->inode && memcmp(mapping->perms, "rw-p", 4) == 0 &&
	       strncmp(mapping->name, "[anon: Go", 9) != 0 &&
	       strncmp(mapping->name, "[stack", 6) != 0;
}

static int by_start(const void *a, const void *b)
{
	const struct thread_stack *left = a, *right = b;
	return (left->start > right->start) - (left->start < right->start);
}

const struct thread_stack *thread_stacks_find(const struct thread_stacks *stacks, taddr_t address)
{
	size_t low = 0, high = stacks->list.count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (stacks->list.items[middle].end <= address)
			low = middle + 1;
		else
			high = middle;
	}
	return low < stacks->list.count && stacks->list.items[low].start <= address
		       ? &stacks->list.items[low]
		       : NULL;
}

static void sort_stacks(struct thread_stacks *stacks)
{
	if (stacks->list.count)
		qsort(stacks->list.items, stacks->list.count, sizeof *stacks->list.items, by_start);
}

// Sums them; what overlaps was moved while it was read, or is a lie.
static void finish(struct thread_stacks *stacks)
{
	size_t kept = 0;
	sort_stacks(stacks);
	for (size_t i = 0; i < stacks->list.count; i++) {
		const struct thread_stack *stack = &stacks->list.items[i];
		if (kept && stack->start < stacks->list.items[kept - 1].end)
			continue;
		stacks->list.items[kept++] = *stack;
		*(stack->cached ? &stacks->cached_count : &stacks->live_count) += 1;
		*(stack->cached ? &stacks->cached_bytes : &stacks->live_bytes) +=
			stack->end - stack->start;
	}
	stacks->list.count = kept;
}

// A stack lies above its guard, as a rule. What starts at a multiple of an arena's size is one.
static bool may_be_stack(const struct stack_search *search, const struct mapping *mapping)
{
	const struct mapping *below = mapping - 1;
	return mapping > search->maps->list.items && below->end == mapping->start &&
	       memcmp(below->perms, "---p", 4) == 0 && mapping->start % ARENA_ALIGN;
}

// A program's first thread has its descriptor in a small mapping of the dynamic linker, or where
// brk starts; it leads to the rest.
static void search_small(struct stack_search *search)
{
	VEC_FOREACH (mapping, &search->maps->list) {
		uint64_t size = mapping->end - mapping->start;
		bool is_brk = strcmp(mapping->name, "[heap]") == 0;
		if (may_hold_descriptors(mapping) && (is_brk || size <= SMALL_BYTES))
			look_through(search, mapping->start,
				     mapping->start +
					     (is_brk && size > TAIL_BYTES ? TAIL_BYTES : size));
	}
}

// Where it does not, the ends of larger mappings are stacks' as a rule.
static void search_tails(struct stack_search *search)
{
	size_t tails = 0, found = search->out->list.count;
	bool anywhere = search->seen.count == 0;
	sort_stacks(search->out);
	VEC_FOREACH (mapping, &search->maps->list) {
		struct thread_stacks known = {.list = {search->out->list.items, found, found}};
		if (!may_hold_descriptors(mapping) ||
		    mapping->end - mapping->start <= SMALL_BYTES ||
		    !(anywhere || may_be_stack(search, mapping)) ||
		    thread_stacks_find(&known, mapping->start) || tails++ == TAILS_MAX)
			continue;
		look_through(search, mapping->end - TAIL_BYTES, mapping->end);
	}
}

bool thread_stacks_read(struct target *target, const struct maps *maps, struct thread_stacks *out,
			struct error *error)
{
	struct thread_stacks stacks = {.complete = true};
	struct stack_search search = {.target = target,
				      .maps = maps,
				      .out = &stacks,
				      .bytes_left = THREAD_STACKS_SCAN_BYTES};
	if (!maps->list.count)
		return error_set(error, ERROR_NOT_FOUND, "the target has no mappings");
	search_small(&search);
	search_tails(&search);
	map_deinit(&search.seen);
	finish(&stacks);
	*out = stacks;
	return true;
}

void thread_stacks_deinit(struct thread_stacks *stacks)
{
	vec_deinit(&stacks->list);
}
