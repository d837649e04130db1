// SPDX-License-Identifier: Apache-2.0
// Shared by the files that find out what goroutines wait on. Private to golang/.
#pragma once

#include "golang/blocked.h"

struct blocked_sudog {
	taddr_t address, g, channel, elem, next, waitlink;
	uint32_t owner; // index of the goroutine
	bool receives, sends;
};

// A goroutine in the list of a condition.
struct blocked_waiter {
	taddr_t list, sudog;
};

struct blocked_walk {
	const struct go_runtime *runtime;
	const struct go_goroutines *goroutines;
	struct go_blocks *out;
	VEC(struct blocked_sudog) sudogs;
	struct map by_address; // sudog -> index
	struct map channels;   // address -> index in out->channels
	struct map conds;      // goroutine -> its place in `waiters`
	VEC(struct blocked_waiter) waiters;
	struct map learned; // by stack: where on it the word was that led to the object
};

// The sudog at `address`, or false where it makes no sense.
bool blocked_read_sudog(const struct go_runtime *runtime, taddr_t address,
			struct blocked_sudog *sudog);
bool blocked_parse_sudog(const struct go_record *record, taddr_t address,
			 struct blocked_sudog *sudog);
// Channels of all that wait in their queues.
void blocked_channels(struct blocked_walk *walk);
// One goroutine that waits for something else; false where it is not known.
bool blocked_find_semaphore(struct blocked_walk *walk, const struct go_goroutine *goroutine,
			    struct go_block *block);
bool blocked_find_network(struct blocked_walk *walk, const struct go_goroutine *goroutine,
			  struct go_block *block);

// Whether a structure may be at `address`: what a word leads to is tried only there.
bool blocked_can_read(const struct blocked_walk *walk, taddr_t address);

// The words on top of a goroutine's stack, tried one by one, first where the last goroutine with
// the same stack had it.
typedef bool blocked_try(struct blocked_walk *walk, const struct go_goroutine *goroutine,
			 taddr_t word, struct go_block *block);
bool blocked_try_words(struct blocked_walk *walk, const struct go_goroutine *goroutine,
		       blocked_try *attempt, struct go_block *block);
