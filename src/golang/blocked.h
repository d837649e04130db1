// SPDX-License-Identifier: Apache-2.0
/*
 * What a goroutine waits on: the channels of its operation or its select, the semaphore of a lock,
 * the descriptor of the network poller, the time at which it wakes.
 *
 * Channels are known from g.waiting, the list of the goroutine's places in queues (sudog). For
 * locks and the poller nothing in g leads there: the words on top of its stack are tried, and one
 * counts only where the structure that it leads to names this very goroutine. Where none does, it
 * is not known.
 *
 * Source: runtime/chan.go, select.go, sema.go (semacquire1, notifyListWait), netpoll.go (pollDesc),
 * time.go (timeSleep), sync/mutex.go, rwmutex.go, waitgroup.go.
 */
#pragma once

#include "golang/goroutines.h"

enum go_block_kind {
	GO_BLOCK_UNKNOWN,
	GO_BLOCK_CHANNEL,
	GO_BLOCK_SELECT,
	GO_BLOCK_FOR_EVER, // a nil channel, a select without cases
	GO_BLOCK_MUTEX,
	GO_BLOCK_RWMUTEX_READ,
	GO_BLOCK_RWMUTEX_WRITE,
	GO_BLOCK_WAITGROUP,
	GO_BLOCK_COND,
	GO_BLOCK_SEMAPHORE, // of something else
	GO_BLOCK_NETWORK,
	GO_BLOCK_SLEEP,
};

struct go_channel {
	taddr_t address;
	uint64_t length, capacity; // elements in the buffer
	uint64_t element_bytes;
	uint64_t receivers, senders; // goroutines that wait on it
	uint32_t index;              // in the list of all
	bool closed;
	bool timer; // the runtime's own timer sends to it (Go 1.23 and later)
};

struct go_wait_case {
	uint32_t channel; // index in the list of all
	bool known;       // whether it sends is known
	bool sends;
};

struct go_block {
	enum go_block_kind kind;
	taddr_t address; // of the lock, the wait group, the condition, or the poller's descriptor
	taddr_t sudog;   // its place in a semaphore's queue; 0: none
	const struct go_wait_case *cases;
	uint32_t case_count;
	bool cases_cut;
	bool writes;      // GO_BLOCK_NETWORK
	uint64_t fd;      // GO_BLOCK_NETWORK
	int64_t wakes_ns; // GO_BLOCK_SLEEP, a deadline: the target's monotonic clock; 0: none
	// What the structure says of itself.
	bool locked;            // GO_BLOCK_MUTEX
	int64_t count, waiters; // wait group: its counter; RWMutex: readers; how many it says wait
};

struct go_blocks {
	struct arena arena;
	VEC(struct go_channel) channels;
	VEC(taddr_t) sudogs;               // that were looked at, of goroutines that wait
	VEC(const struct go_block *) list; // parallel to goroutines->list; NULL: it does not wait
};

// Of the goroutines that were just read.
bool go_blocks_read(const struct go_runtime *runtime, const struct go_goroutines *goroutines,
		    struct go_blocks *blocks, struct error *error) must_check;
void go_blocks_deinit(struct go_blocks *blocks);
