// SPDX-License-Identifier: Apache-2.0
// In: a goroutine that waits for a semaphore, a condition or the network. Out: which.
#include <string.h>

#include "base/reader.h"
#include "golang/blocked_priv.h"

// Source: sync/mutex.go (Mutex{state int32; sema uint32}), rwmutex.go (RWMutex{w Mutex; writerSem,
// readerSem uint32; readerCount, readerWait int32}), waitgroup.go (WaitGroup{state uint64; sema}),
// the same in Go 1.11 to 1.27; runtime/sema.go (notifyList{wait, notify uint32; lock; head, tail}),
// sync/cond.go (Cond{noCopy; L; notify; checker}).
enum {
	MUTEX_SEMA = 4,
	WRITER_SEMA = 8,
	READER_SEMA = 12,
	READER_COUNT = 16,
	WAITGROUP_SEMA = 8,
	NOTIFY_HEAD = 16,
	COND_NOTIFY = 16,
	READERS_PENDING = 1 << 30, // less than this many readers: a writer waits or holds
	NOTIFY_STEPS_MAX = 4 << 20,
};

static bool has_frame(const struct go_goroutine *goroutine, const char *name)
{
	for (size_t i = 0; i < goroutine->stack->count && i < 16; i++) {
		const struct go_call *call = goroutine->stack->calls[i];
		for (size_t j = 0; j < call->frame_count; j++)
			if (strcmp(call->frames[j]->function, name) == 0)
				return true;
	}
	return false;
}

static uint32_t read_u32(const struct blocked_walk *walk, taddr_t address)
{
	uint32_t value = 0;
	return target_read_u32(walk->runtime->target, address, &value, NULL) ? value : 0;
}

static void fill_mutex(const struct blocked_walk *walk, taddr_t sema, struct go_block *block)
{
	uint32_t state = read_u32(walk, sema - MUTEX_SEMA);
	block->kind = GO_BLOCK_MUTEX;
	block->address = sema - MUTEX_SEMA;
	block->locked = state & 1;
	block->waiters = state >> 3;
}

static void fill_rwmutex(const struct blocked_walk *walk, taddr_t base, enum go_block_kind kind,
			 struct go_block *block)
{
	int32_t readers = (int32_t)read_u32(walk, base + READER_COUNT);
	block->kind = kind;
	block->address = base;
	block->locked = readers < 0;
	block->count = readers < 0 ? readers + READERS_PENDING : readers;
}

static void fill_waitgroup(const struct blocked_walk *walk, taddr_t base, struct go_block *block)
{
	block->kind = GO_BLOCK_WAITGROUP;
	block->address = base;
	block->count = (int32_t)read_u32(walk, base + 4);
	block->waiters = read_u32(walk, base) & INT32_MAX;
}

// The innermost lock decides: RWMutex.Lock takes a Mutex first.
static void fill_lock(const struct blocked_walk *walk, const struct go_goroutine *goroutine,
		      taddr_t sema, struct go_block *block)
{
	if (has_frame(goroutine, "sync.(*Mutex).lockSlow") ||
	    has_frame(goroutine, "internal/sync.(*Mutex).lockSlow"))
		fill_mutex(walk, sema, block);
	else if (has_frame(goroutine, "sync.(*RWMutex).RLock"))
		fill_rwmutex(walk, sema - READER_SEMA, GO_BLOCK_RWMUTEX_READ, block);
	else if (has_frame(goroutine, "sync.(*RWMutex).Lock"))
		fill_rwmutex(walk, sema - WRITER_SEMA, GO_BLOCK_RWMUTEX_WRITE, block);
	else if (has_frame(goroutine, "sync.(*WaitGroup).Wait"))
		fill_waitgroup(walk, sema - WAITGROUP_SEMA, block);
	else
		*block = (struct go_block){.kind = GO_BLOCK_SEMAPHORE, .address = sema};
}

static bool try_semaphore(struct blocked_walk *walk, const struct go_goroutine *goroutine,
			  taddr_t word, struct go_block *block)
{
	struct blocked_sudog sudog;
	if (!blocked_read_sudog(walk->runtime, word, &sudog) || sudog.g != goroutine->address ||
	    !sudog.elem || sudog.channel)
		return false;
	fill_lock(walk, goroutine, sudog.elem, block);
	block->sudog = word;
	return true;
}

// Remembers all that wait in the list, so that a long one is followed once.
static void follow_list(struct blocked_walk *walk, taddr_t list)
{
	struct blocked_sudog sudog;
	uint64_t at;
	if (!target_read_u64(walk->runtime->target, list + NOTIFY_HEAD, &at, NULL))
		return;
	while (at && !(at & 7) && blocked_can_read(walk, at) &&
	       walk->waiters.count < NOTIFY_STEPS_MAX) {
		bool is_new;
		if (!blocked_read_sudog(walk->runtime, at, &sudog) || sudog.channel || sudog.elem)
			return;
		map_put(&walk->conds, hash_u64(sudog.g), walk->waiters.count, &is_new);
		if (!is_new)
			return;
		vec_push(&walk->waiters, {list, at});
		at = sudog.next;
	}
}

static bool find_waiter(const struct blocked_walk *walk, const struct go_goroutine *goroutine,
			struct go_block *block)
{
	const uint64_t *index = map_find(&walk->conds, hash_u64(goroutine->address));
	if (!index)
		return false;
	const struct blocked_waiter *waiter = &walk->waiters.items[*index];
	*block = (struct go_block){.kind = GO_BLOCK_COND,
				   .address = waiter->list - COND_NOTIFY,
				   .sudog = waiter->sudog};
	return true;
}

// A condition whose list has this goroutine in it: Cond.Wait keeps it for when it wakes.
static bool try_cond(struct blocked_walk *walk, const struct go_goroutine *goroutine, taddr_t word,
		     struct go_block *block)
{
	follow_list(walk, word + COND_NOTIFY);
	return find_waiter(walk, goroutine, block);
}

// Go 1.26 and later keep the place in g.waiting, with what it waits on, also for a condition.
static bool try_waiting(struct blocked_walk *walk, const struct go_goroutine *goroutine, bool cond,
			struct go_block *block)
{
	struct blocked_sudog sudog;
	if (!goroutine->waiting || !blocked_read_sudog(walk->runtime, goroutine->waiting, &sudog) ||
	    sudog.g != goroutine->address || !sudog.elem || sudog.channel)
		return false;
	if (cond)
		*block = (struct go_block){.kind = GO_BLOCK_COND,
					   .address = sudog.elem - COND_NOTIFY};
	else
		fill_lock(walk, goroutine, sudog.elem, block);
	block->sudog = goroutine->waiting;
	return true;
}

bool blocked_find_semaphore(struct blocked_walk *walk, const struct go_goroutine *goroutine,
			    struct go_block *block)
{
	bool cond = strcmp(goroutine->wait_reason, "sync.Cond.Wait") == 0;
	if (!goroutine->stack)
		return false;
	if (try_waiting(walk, goroutine, cond, block))
		return true;
	if (cond && find_waiter(walk, goroutine, block))
		return true;
	return blocked_try_words(walk, goroutine, cond ? try_cond : try_semaphore, block);
}

// ---- network ----

static bool read_field(const struct blocked_walk *walk, taddr_t structure, enum go_field field,
		       uint64_t *value)
{
	const struct go_layout *layout = &walk->runtime->layout;
	return layout_has(layout, field) &&
	       target_read_u64(walk->runtime->target, structure + (uint64_t)layout->offset[field],
			       value, NULL);
}

static bool try_descriptor(struct blocked_walk *walk, const struct go_goroutine *goroutine,
			   taddr_t word, struct go_block *block)
{
	uint64_t reader, writer, fd, deadline = 0;
	if (!read_field(walk, word, GO_POLL_DESC_RG, &reader) ||
	    !read_field(walk, word, GO_POLL_DESC_WG, &writer) ||
	    (reader != goroutine->address && writer != goroutine->address) ||
	    !read_field(walk, word, GO_POLL_DESC_FD, &fd) || fd > INT32_MAX)
		return false;
	bool writes = writer == goroutine->address;
	(void)!read_field(walk, word, writes ? GO_POLL_DESC_WD : GO_POLL_DESC_RD, &deadline);
	*block = (struct go_block){
		.kind = GO_BLOCK_NETWORK,
		.address = word,
		.fd = fd,
		.writes = writes,
		.wakes_ns = (int64_t)deadline > 0 ? (int64_t)deadline : 0,
	};
	return true;
}

bool blocked_find_network(struct blocked_walk *walk, const struct go_goroutine *goroutine,
			  struct go_block *block)
{
	return blocked_try_words(walk, goroutine, try_descriptor, block);
}
