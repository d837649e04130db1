// SPDX-License-Identifier: Apache-2.0
// In: an open pagemap and a range. Out: what the kernel says of each page, in 64 KiB batches.
#include "system/pagemap.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define BATCH_ENTRIES 8192

enum { SCAN_REGIONS = 1024, CATEGORY_PRESENT = 1 << 3, CATEGORY_ZERO_PAGE = 1 << 5 };

// Linux include/uapi/linux/fs.h: struct page_region, struct pm_scan_arg.
struct scan_region {
	uint64_t start, end, categories;
};

struct scan_arguments {
	uint64_t size, flags, start, end, walk_end, regions, region_count, page_limit;
	uint64_t inverted, mask, any_of, returned;
};

unsigned long pagemap_scan_request(void)
{
	return _IOWR('f', 16, struct scan_arguments);
}

uint64_t pagemap_page_bytes(void)
{
	return (uint64_t)sysconf(_SC_PAGESIZE);
}

static bool check_range(uint64_t start, uint64_t end, struct error *error)
{
	uint64_t page = pagemap_page_bytes();
	if (start > end || start % page || end % page)
		return error_set(error, ERROR_USAGE,
				 "pagemap: %#" PRIx64 "-%#" PRIx64 " is not a range of pages",
				 start, end);
	if ((end - start) / page > PAGEMAP_LIMIT_PAGES)
		return error_set(error, ERROR_LIMIT,
				 "pagemap: %#" PRIx64 "-%#" PRIx64 " is more than %" PRIu64
				 " pages",
				 start, end, PAGEMAP_LIMIT_PAGES);
	return true;
}

// Whole entries only. 0 with no error where the address space ends.
static bool read_batch(int fd, uint64_t first_page, uint64_t *entries, size_t want, size_t *got,
		       struct error *error)
{
	ssize_t size;
	do
		size = pread(fd, entries, want * sizeof *entries,
			     (off_t)(first_page * sizeof *entries));
	while (size < 0 && errno == EINTR);
	if (size < 0)
		return error_set_os(error, errno, "cannot read pagemap at page %#" PRIx64,
				    first_page);
	*got = (size_t)size / sizeof *entries;
	return true;
}

bool pagemap_walk(int fd, uint64_t start, uint64_t end, pagemap_visit *visit, void *context,
		  struct error *error)
{
	uint64_t entries[BATCH_ENTRIES], page_bytes = pagemap_page_bytes();
	if (!check_range(start, end, error))
		return false;
	uint64_t last = end / page_bytes;
	for (uint64_t page = start / page_bytes; page < last;) {
		size_t want = last - page < BATCH_ENTRIES ? (size_t)(last - page) : BATCH_ENTRIES;
		size_t got = 0;
		if (!read_batch(fd, page, entries, want, &got, error))
			return false;
		if (!got)
			return error_set(error, ERROR_NOT_FOUND,
					 "pagemap ends at %#" PRIx64 ": the process has ended, or "
					 "the range is not user memory",
					 page * page_bytes);
		if (!visit(context, page * page_bytes, entries, got))
			return true;
		page += got;
	}
	return true;
}

static bool count_batch(void *context, uint64_t address, const uint64_t *entries, size_t count)
{
	struct pagemap_counts *counts = context;
	(void)address;
	counts->page_count += count;
	for (size_t i = 0; i < count; i++) {
		counts->present_count += pagemap_present(entries[i]);
		counts->swapped_count += pagemap_swapped(entries[i]);
		counts->shared_count += pagemap_present(entries[i]) && pagemap_shared(entries[i]);
	}
	return true;
}

bool pagemap_count(int fd, uint64_t start, uint64_t end, struct pagemap_counts *counts,
		   struct error *error)
{
	struct pagemap_counts counted = {0};
	if (!pagemap_walk(fd, start, end, count_batch, &counted, error))
		return false;
	*counts = counted;
	return true;
}

struct bitmap {
	uint8_t *bytes;
	uint64_t next; // page, from the start of the range
};

static bool mark_batch(void *context, uint64_t address, const uint64_t *entries, size_t count)
{
	struct bitmap *bitmap = context;
	(void)address;
	for (size_t i = 0; i < count; i++, bitmap->next++)
		if (pagemap_present(entries[i]))
			bitmap->bytes[bitmap->next / 8] |= (uint8_t)(1U << (bitmap->next % 8));
	return true;
}

bool pagemap_fill_present(int fd, uint64_t start, uint64_t end, uint8_t *bytes, struct error *error)
{
	if (!check_range(start, end, error))
		return false;
	uint64_t pages = (end - start) / pagemap_page_bytes();
	memset(bytes, 0, (size_t)((pages + 7) / 8));
	struct bitmap bitmap = {.bytes = bytes};
	return pagemap_walk(fd, start, end, mark_batch, &bitmap, error);
}

static void set_bits(uint8_t *bytes, uint64_t first, uint64_t end)
{
	for (; first < end && first % 8; first++)
		bytes[first / 8] |= (uint8_t)(1U << first % 8);
	if (end - first >= 8)
		memset(bytes + first / 8, 0xff, (size_t)((end - first) / 8));
	for (first += (end - first) / 8 * 8; first < end; first++)
		bytes[first / 8] |= (uint8_t)(1U << first % 8);
}

uint64_t pagemap_count_bits(const uint8_t *bitmap, uint64_t first, uint64_t count)
{
	uint64_t set = 0, page = first, end = first + count;
	for (; page < end && page % 8; page++)
		set += bitmap[page / 8] >> (page % 8) & 1;
	for (; page + 8 <= end; page += 8)
		set += (uint64_t)__builtin_popcount(bitmap[page / 8]);
	for (; page < end; page++)
		set += bitmap[page / 8] >> (page % 8) & 1;
	return set;
}

// False where the kernel cannot; the bitmap is not defined then.
static bool scan(int fd, uint64_t start, uint64_t end, uint8_t *bytes)
{
	struct scan_region regions[SCAN_REGIONS];
	uint64_t page = pagemap_page_bytes();
	for (uint64_t at = start; at < end;) {
		struct scan_arguments arguments = {
			.size = sizeof arguments,
			.start = at,
			.end = end,
			.regions = (uintptr_t)regions,
			.region_count = SCAN_REGIONS,
			.mask = CATEGORY_PRESENT | CATEGORY_ZERO_PAGE,
			.inverted = CATEGORY_ZERO_PAGE,
			.returned = CATEGORY_PRESENT,
		};
		int found;
		do
			found = ioctl(fd, pagemap_scan_request(), &arguments);
		while (found < 0 && errno == EINTR);
		if (found < 0 || found > SCAN_REGIONS || arguments.walk_end <= at)
			return false;
		for (int i = 0; i < found; i++)
			if (regions[i].start >= at && regions[i].start < regions[i].end &&
			    regions[i].end <= end)
				set_bits(bytes, (regions[i].start - start) / page,
					 (regions[i].end - start) / page);
		at = arguments.walk_end;
	}
	return true;
}

bool pagemap_fill_resident(int fd, uint64_t start, uint64_t end, uint8_t *bitmap, bool *zeros_told,
			   struct error *error)
{
	if (!check_range(start, end, error))
		return false;
	uint64_t pages = (end - start) / pagemap_page_bytes();
	memset(bitmap, 0, (size_t)((pages + 7) / 8));
	*zeros_told = scan(fd, start, end, bitmap);
	return *zeros_told || pagemap_fill_present(fd, start, end, bitmap, error);
}
