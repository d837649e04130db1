// SPDX-License-Identifier: Apache-2.0
// What a goroutine waits on, as a text for people.
#pragma once

#include "base/strbuf.h"
#include "golang/reach.h"

struct sockets;

// Everything is borrowed.
struct block_texts {
	const struct go_blocks *blocks; // NULL: not known
	const struct go_reach *reach;   // NULL: not searched
	struct sockets *sockets;        // NULL: descriptors are numbers
	int64_t now_ns;                 // the target's monotonic clock; 0: not known
};

void block_describe(const struct block_texts *texts, const struct go_block *block,
		    struct strbuf *out);
