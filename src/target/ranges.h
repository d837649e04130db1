// SPDX-License-Identifier: Apache-2.0
/*
 * Many small pieces of a target's memory, read with few system calls and past the cache: ranges
 * that lie close together are read as one. What is seen is as new as the call.
 */
#pragma once

#include "target/target.h"

enum { TARGET_RANGE_MAX = 64 << 10 }; // bytes of one range; more is cut

struct target_range {
	taddr_t start;
	uint32_t size;  // at most TARGET_RANGE_MAX
	uint32_t index; // the caller's own
};

// `bytes` are those of the range, or NULL where they could not all be read.
typedef void target_range_visit(void *context, const struct target_range *range,
				const uint8_t *bytes);

// Sorts `ranges` by address, in place, and visits each once, in that order.
void target_read_ranges(struct target *target, struct target_range *ranges, size_t count,
			target_range_visit *visit, void *context);
