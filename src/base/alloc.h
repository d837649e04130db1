// SPDX-License-Identifier: Apache-2.0
// Small allocations of fixed size abort when the machine has no memory left: nothing sensible can
// follow. Sizes that come from a target, a file or a user must go through alloc_try_array().
#pragma once

#include <stdbool.h>
#include <stddef.h>

void *alloc_zero(size_t size);                    // aborts on failure
void *alloc_array(size_t count, size_t size);     // overflow-checked, zeroed; aborts on failure
void *alloc_try_array(size_t count, size_t size); // overflow-checked, zeroed; NULL on failure
char *alloc_string(const char *text);             // strdup; NULL stays NULL
char *alloc_format(const char *format, ...) __attribute__((format(printf, 1, 2)));
