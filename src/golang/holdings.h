// SPDX-License-Identifier: Apache-2.0
/*
 * What a container of the program holds: the objects that were put into it, and the memory without
 * pointers (buffers, strings) that they refer to, or that what they refer to refers to. What else
 * they lead to may be shared with others, so it does not count. Private to golang/.
 */
#pragma once

#include "base/map.h"
#include "golang/spans.h"
#include "target/ranges.h"

struct holdings {
	const struct go_runtime *runtime; // borrowed, as the spans are
	const struct go_spans *spans;
	struct map seen; // objects, by address: each counts once
	VEC(struct target_range) next;
	uint64_t objects, bytes; // objects: that were put there; bytes: with what they hold
	uint64_t largest_bytes;  // of one object of the heap among these
	uint64_t scanned_bytes;
	bool cut; // there are more than the budget allows to look at
};

// Something at `address` was put into the container; what is no object of the heap is passed over.
void holdings_add(struct holdings *holdings, taddr_t address);
// The same of each word of `bytes`.
void holdings_add_words(struct holdings *holdings, const uint8_t *bytes, size_t size);
// Whether it is the first time.
bool holdings_is_new(struct holdings *holdings, taddr_t address);
// Counts what these refer to.
void holdings_follow(struct holdings *holdings);
void holdings_deinit(struct holdings *holdings);

// The word at `offset`; 0 behind the end.
uint64_t holdings_word(const uint8_t *bytes, size_t size, size_t offset);
