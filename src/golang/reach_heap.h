// SPDX-License-Identifier: Apache-2.0
// The heap as objects that are marked once, and read when first needed. Private to golang/.
#pragma once

#include "golang/spans.h"

#define REACH_NO_OBJECT UINT64_MAX

struct reach_heap {
	struct target *target;
	const struct go_spans *spans;
	uint64_t *first;            // by span: the number of its first object
	uint8_t **bytes;            // by span: a copy, NULL until it is needed
	uint64_t *marked, *watched; // bits, by object
	uint32_t *pages; // span + 1 by page from `low` on; NULL: the heap is too far spread
	taddr_t low, high;
	uint64_t object_count, copied_bytes, unreadable;
};

bool reach_heap_init(struct reach_heap *heap, struct target *target, const struct go_spans *spans,
		     struct error *error) must_check;
void reach_heap_deinit(struct reach_heap *heap);
// The object that `address` lies in, or REACH_NO_OBJECT; `span` is its span's index.
uint64_t reach_heap_find(const struct reach_heap *heap, taddr_t address, size_t *span);
taddr_t reach_heap_address(const struct reach_heap *heap, size_t span, uint64_t object);
// Its bytes, or NULL: it has no pointers, or cannot be read.
const uint8_t *reach_heap_bytes(struct reach_heap *heap, size_t span, uint64_t object,
				uint64_t *size);

static inline bool reach_bit(const uint64_t *bits, uint64_t index)
{
	return bits[index / 64] >> (index % 64) & 1;
}

static inline void reach_set_bit(uint64_t *bits, uint64_t index)
{
	bits[index / 64] |= (uint64_t)1 << (index % 64);
}
