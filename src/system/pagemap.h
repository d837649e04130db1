// SPDX-License-Identifier: Apache-2.0
/*
 * Which pages of a process are in memory and which are swapped, from /proc/PID/pagemap. Frame
 * numbers are not needed, so an opener without CAP_SYS_ADMIN learns as much.
 *
 * Format: Linux Documentation/admin-guide/mm/pagemap.rst.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define PAGEMAP_LIMIT_PAGES ((uint64_t)1 << 28) // a call; 1 TiB of 4 KiB pages

struct pagemap_counts {
	uint64_t page_count;
	uint64_t present_count;
	uint64_t swapped_count;
	uint64_t shared_count; // of the present ones: file pages and shared anonymous memory
};

// `count` entries of the pages from `address` on. Returns false to stop the walk.
typedef bool pagemap_visit(void *context, uint64_t address, const uint64_t *entries, size_t count);

static inline bool pagemap_present(uint64_t entry)
{
	return entry >> 63 & 1;
}

static inline bool pagemap_swapped(uint64_t entry)
{
	return entry >> 62 & 1;
}

static inline bool pagemap_shared(uint64_t entry)
{
	return entry >> 61 & 1;
}

// ioctl: which pages are what, by range (Linux 6.7 and later).
unsigned long pagemap_scan_request(void);
uint64_t pagemap_page_bytes(void);
// `start` and `end` are multiples of the page size. ERROR_NOT_FOUND once the process has ended.
bool pagemap_walk(int fd, uint64_t start, uint64_t end, pagemap_visit *visit, void *context,
		  struct error *error) must_check;
bool pagemap_count(int fd, uint64_t start, uint64_t end, struct pagemap_counts *counts,
		   struct error *error) must_check;
// One bit a page from `start` on, the lowest bit first, set where the page is present. `bitmap`
// has room for (pages + 7) / 8 bytes; on failure its contents are not defined.
bool pagemap_fill_present(int fd, uint64_t start, uint64_t end, uint8_t *bitmap,
			  struct error *error) must_check;

/*
 * The same for the pages that count as resident memory. A page that was read and never written is
 * present, but it is the kernel's page of zeros and nobody's memory: only PAGEMAP_SCAN tells it
 * from others. Where the kernel lacks that, `*zeros_told` is false and it counts.
 */
bool pagemap_fill_resident(int fd, uint64_t start, uint64_t end, uint8_t *bitmap, bool *zeros_told,
			   struct error *error) must_check;
// How many bits are set of `count` from `first` on.
uint64_t pagemap_count_bits(const uint8_t *bitmap, uint64_t first, uint64_t count);
