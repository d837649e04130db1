// SPDX-License-Identifier: Apache-2.0
/*
 * Who could wake a goroutine that waits on a channel or a lock: whether anything that can still run
 * refers to that object, directly or through others.
 *
 * Everything is scanned conservatively, word by word: variables, the stacks of goroutines that can
 * run, and each heap object that these lead to. A goroutine that waits on an object counts as one
 * that can run once its object was reached; so it goes on until nothing is new. What is left waits
 * on objects that only such goroutines refer to, which wait themselves: nobody can serve them.
 *
 * A word that only looks like a pointer makes an object reached: errors are on the side of
 * "somebody may". Not looked at, and so not proven: registers, memory of C, what finalizers and
 * cleanups refer to, and what a target that runs meanwhile moves from where it was not looked at to
 * where it was.
 *
 * It costs a copy of the pointerful part of the heap, and about a second a gigabyte.
 *
 * Source: runtime/mgcmark.go (the collector's own leak detection of Go 1.26 does the same).
 */
#pragma once

#include "golang/blocked.h"
#include "golang/spans.h"

#define REACH_BYTES_MAX ((uint64_t)3 << 29) // of the heap, copied; more is not searched
enum { REACH_HOLDERS_KEPT = 4 };

enum go_reach_state {
	GO_REACH_NOT_ASKED, // it runs, sleeps, waits for the network or for what is not known
	GO_REACH_SERVED,    // something that can run refers to what it waits on
	GO_REACH_UNSERVED,  // nothing that was found does
};

// Who refers to an object that is waited on.
struct go_holders {
	taddr_t object;
	uint64_t goroutine_ids[REACH_HOLDERS_KEPT];   // of stacks that refer to it
	uint32_t goroutines, variables, heap_objects; // words in each that do
	taddr_t variable;                             // the first
	// Of goroutines that nothing can wake themselves.
	uint64_t stuck_ids[REACH_HOLDERS_KEPT];
	uint32_t stuck;
};

struct go_reach {
	VEC(uint8_t) states; // enum go_reach_state, parallel to goroutines->list
	VEC(struct go_holders) holders;
	struct map by_object; // address of the object -> index in holders
	uint64_t unserved, objects, bytes;
	uint64_t unreadable; // spans and stacks that could not be read
};

bool go_reach_find(const struct go_runtime *runtime, const struct go_goroutines *goroutines,
		   const struct go_blocks *blocks, const struct go_spans *spans,
		   struct go_reach *reach, struct error *error) must_check;
void go_reach_deinit(struct go_reach *reach);
// Who refers to `object`; NULL: it is not on the heap, or nobody waits on it. Borrowed.
const struct go_holders *go_reach_holders(const struct go_reach *reach, taddr_t object);
