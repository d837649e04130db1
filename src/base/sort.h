// SPDX-License-Identifier: Apache-2.0
// Numbers sorted in linear time: for tables of a hundred thousand addresses and more.
#pragma once

#include <stddef.h>
#include <stdint.h>

struct sort_key {
	uint64_t key;
	uint64_t value; // the caller's own, such as the place that it had
};

// By key, ascending; equal keys keep their order unless the machine has no memory for a copy.
void sort_keys(struct sort_key *keys, size_t count);
