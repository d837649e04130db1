// SPDX-License-Identifier: Apache-2.0
// What the C programs and the cgo program of the tests do with malloc. Sizes are in bytes.
#pragma once

#include <stddef.h>

void scenario_leak(size_t bytes);                  // small blocks, kept
void scenario_small(size_t count);                 // `count` blocks of 40 bytes, kept
void scenario_holes(size_t bytes);                 // blocks, each second one freed again
void scenario_fast(size_t count);                  // blocks of 40 bytes, all but the last freed
void scenario_mmapped(size_t count, size_t bytes); // with mappings of their own, kept
// What one thread does: takes blocks and frees all but the last, which holds the heap's end up.
void scenario_churn(size_t bytes);
// Waits until scenario_release was called.
void scenario_wait(void);
void scenario_release(void);
// Where scenario_info writes; opened before, for it allocates.
int scenario_open(const char *path);
// mallinfo2 as a line of JSON, then what malloc_info writes. Allocates nothing.
void scenario_info(void);
