// SPDX-License-Identifier: Apache-2.0
// In: goroutines that wait. Out: what each waits on.
#include "golang/blocked.h"

#include <string.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "golang/blocked_priv.h"
#include "golang/structs.h"
#include "target/ranges.h"

enum { TRIED_WORDS = 160, LOWEST_ADDRESS = 4096, STRUCT_BYTES_MAX = 512 };

void go_blocks_deinit(struct go_blocks *blocks)
{
	vec_deinit(&blocks->channels);
	vec_deinit(&blocks->sudogs);
	vec_deinit(&blocks->list);
	arena_deinit(&blocks->arena);
}

// ---- words of a stack ----

// Most words are no pointers, and a read that fails counts as a hole in what was seen.
bool blocked_can_read(const struct blocked_walk *walk, taddr_t address)
{
	const struct target_mapping *mapping = target_find_mapping(walk->runtime->target, address);
	return mapping && mapping->readable && mapping->end - address >= STRUCT_BYTES_MAX;
}

static bool try_at(struct blocked_walk *walk, const struct go_goroutine *goroutine, size_t place,
		   blocked_try *attempt, struct go_block *block)
{
	uint64_t word;
	return target_read_u64(walk->runtime->target, goroutine->stack_pointer + 8 * place, &word,
			       NULL) &&
	       word >= LOWEST_ADDRESS && !(word & 7) &&
	       (word < goroutine->stack_low || word >= goroutine->stack_high) &&
	       blocked_can_read(walk, word) && attempt(walk, goroutine, word, block);
}

bool blocked_try_words(struct blocked_walk *walk, const struct go_goroutine *goroutine,
		       blocked_try *attempt, struct go_block *block)
{
	bool is_new;
	if (!goroutine->stack || goroutine->stack_pointer < goroutine->stack_low ||
	    goroutine->stack_pointer >= goroutine->stack_high)
		return false;
	uint64_t *learned = map_put(&walk->learned, hash_u64((uintptr_t)goroutine->stack),
				    TRIED_WORDS, &is_new);
	if (*learned < TRIED_WORDS && try_at(walk, goroutine, *learned, attempt, block))
		return true;
	size_t words = (goroutine->stack_high - goroutine->stack_pointer) / 8;
	for (size_t i = 0; i < words && i < TRIED_WORDS; i++) {
		if (!try_at(walk, goroutine, i, attempt, block))
			continue;
		*learned = i;
		return true;
	}
	return false;
}

// ---- sleep ----

static bool find_sleep(const struct blocked_walk *walk, const struct go_goroutine *goroutine,
		       struct go_block *block)
{
	const struct go_layout *layout = &walk->runtime->layout;
	uint64_t when = 0;
	block->kind = GO_BLOCK_SLEEP;
	if (goroutine->sleep_until_ns)
		when = (uint64_t)goroutine->sleep_until_ns;
	else if (!goroutine->timer || !layout_has(layout, GO_TIMER_WHEN) ||
		 !target_read_u64(walk->runtime->target,
				  goroutine->timer + (uint64_t)layout->offset[GO_TIMER_WHEN], &when,
				  NULL))
		return true;
	block->wakes_ns = (int64_t)when > 0 ? (int64_t)when : 0;
	return true;
}

// ---- one goroutine ----

static bool starts(const char *text, const char *with)
{
	return strncmp(text, with, strlen(with)) == 0;
}

static bool find_other(struct blocked_walk *walk, const struct go_goroutine *goroutine,
		       struct go_block *block)
{
	const char *reason = goroutine->wait_reason;
	if (strstr(reason, "nil chan") || strstr(reason, "no cases")) {
		block->kind = GO_BLOCK_FOR_EVER;
		return true;
	}
	if (strcmp(reason, "sleep") == 0)
		return find_sleep(walk, goroutine, block);
	if (strcmp(reason, "IO wait") == 0)
		return blocked_find_network(walk, goroutine, block);
	if (starts(reason, "semacquire") || starts(reason, "sync."))
		return blocked_find_semaphore(walk, goroutine, block);
	return false;
}

// Those without channels; blocked_channels has filled the others.
static void find_others(struct blocked_walk *walk)
{
	struct go_blocks *out = walk->out;
	for (size_t i = 0; i < out->list.count; i++) {
		const struct go_goroutine *goroutine = &walk->goroutines->list.items[i];
		struct go_block block = {0};
		if (out->list.items[i] || !goroutine->wait_reason || goroutine->system ||
		    !find_other(walk, goroutine, &block))
			continue;
		struct go_block *kept = arena_alloc(&out->arena, sizeof *kept);
		if (!kept)
			return;
		*kept = block;
		out->list.items[i] = kept;
	}
}

bool go_blocks_read(const struct go_runtime *runtime, const struct go_goroutines *goroutines,
		    struct go_blocks *blocks, struct error *error)
{
	static const enum go_field needed[] = {
		GO_SIZEOF_SUDOG,   GO_SUDOG_G,     GO_SUDOG_NEXT,   GO_SUDOG_ELEM,
		GO_SUDOG_WAITLINK, GO_SUDOG_C,     GO_SIZEOF_HCHAN, GO_HCHAN_QCOUNT,
		GO_HCHAN_DATAQSIZ, GO_HCHAN_RECVQ, GO_HCHAN_SENDQ};
	struct go_blocks made = {0};
	struct blocked_walk walk = {.runtime = runtime, .goroutines = goroutines, .out = &made};
	if (!layout_require(&runtime->layout, needed, sizeof needed / sizeof *needed, error))
		return false;
	for (size_t i = 0; i < goroutines->list.count; i++)
		vec_push(&made.list, NULL);
	target_forget(runtime->target);
	blocked_channels(&walk);
	find_others(&walk);
	VEC_FOREACH (sudog, &walk.sudogs)
		vec_push(&made.sudogs, sudog->address);
	VEC_FOREACH (block, &made.list)
		if (*block && (*block)->sudog)
			vec_push(&made.sudogs, (*block)->sudog);
	vec_deinit(&walk.sudogs);
	map_deinit(&walk.by_address);
	map_deinit(&walk.channels);
	map_deinit(&walk.learned);
	map_deinit(&walk.conds);
	vec_deinit(&walk.waiters);
	*blocks = made;
	return true;
}
