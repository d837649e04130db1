// SPDX-License-Identifier: Apache-2.0
/*
 * The memory of the whole machine, /proc/meminfo: what is the limit of a process that has no other.
 * Read at most each NODE_MEMORY_FRESH_NS, however many ask.
 */
#pragma once

#include <stdint.h>

#include "base/error.h"

#define NODE_MEMORY_FRESH_NS ((int64_t)20000000)

struct node_memory {
	int fd; // -1: not open
	int64_t read_ns;
	int64_t total_bytes, available_bytes;
};

#define NODE_MEMORY_NONE ((struct node_memory){.fd = -1})

bool node_memory_open(const char *proc_root, struct node_memory *memory,
		      struct error *error) must_check;
void node_memory_close(struct node_memory *memory);
bool node_memory_read(struct node_memory *memory, int64_t now_ns, struct error *error) must_check;
