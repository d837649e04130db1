// SPDX-License-Identifier: Apache-2.0
/*
 * The channel with the largest backlog: its buffer has room for many, and what lies in it waits for
 * whoever takes it out. Channels are found by what they look like: every object of their size class
 * is looked at, and one is a channel when its numbers fit each other and its buffer is where and as
 * large as makechan would have made it.
 *
 * Source: runtime/chan.go (hchan, makechan). Read without a lock from a process that runs.
 */
#pragma once

#include "golang/spans.h"

struct go_backlog {
	taddr_t channel;           // 0: none has a backlog; then all is 0
	uint64_t length, capacity; // elements
	uint64_t bytes;            // of the elements with what they hold; see holdings.h
	bool estimated;            // by the first of them
	bool receivers, senders;   // goroutines wait on it, on that side
};

// `spans` of the same runtime.
bool go_backlog_find(const struct go_runtime *runtime, const struct go_spans *spans,
		     struct go_backlog *out, struct error *error) must_check;
