// SPDX-License-Identifier: Apache-2.0
// In: a mapping and the pagemap. Out: which of its bytes are resident.
#include <stdlib.h>

#include "base/alloc.h"
#include "ledger/process_ledger_priv.h"
#include "system/pagemap.h"

void residency_read(int pagemap_fd, const struct mapping *mapping, struct residency *residency)
{
	uint64_t pages = (mapping->end - mapping->start) / pagemap_page_bytes();
	*residency = (struct residency){.start = mapping->start};
	if (pagemap_fd < 0 || pages > PAGEMAP_LIMIT_PAGES)
		return;
	residency->bits = alloc_try_array(pages / 8 + 1, 1);
	if (residency->bits &&
	    !pagemap_fill_resident(pagemap_fd, mapping->start, mapping->end, residency->bits,
				   &residency->zeros_told, NULL))
		residency_deinit(residency);
}

void residency_deinit(struct residency *residency)
{
	free(residency->bits);
	residency->bits = NULL;
}

static int64_t count_pages(const struct residency *residency, uint64_t first, uint64_t count)
{
	return (int64_t)pagemap_count_bits(residency->bits, first, count);
}

int64_t residency_bytes(const struct residency *residency, taddr_t start, taddr_t end)
{
	uint64_t page = pagemap_page_bytes();
	uint64_t from = start - residency->start, to = end - residency->start;
	if (!residency->bits || from >= to)
		return from < to ? (int64_t)(to - from) : 0;
	uint64_t first = from / page, last = (to - 1) / page;
	if (first == last)
		return count_pages(residency, first, 1) * (int64_t)(to - from);
	return count_pages(residency, first, 1) * (int64_t)((first + 1) * page - from) +
	       count_pages(residency, first + 1, last - first - 1) * (int64_t)page +
	       count_pages(residency, last, 1) * (int64_t)(to - last * page);
}
