// SPDX-License-Identifier: Apache-2.0
/*
 * How much of an open file is in memory, and which cgroup that is charged to.
 *
 * A page of a file is charged to the cgroup that touched it first, whoever uses it now. The kernel
 * says of each page frame whose it is (/proc/kpagecgroup, for root). Frames are found by mapping
 * the file here and making only those of its pages present that mincore(2) says are in memory: a
 * page that goes in between is read again, one at a time; nothing else is. A page is made present
 * by having the kernel copy a byte of it into a file of ours that nobody reads: when the file is
 * cut short meanwhile, that says EFAULT where our own read would be SIGBUS. The mapping is marked
 * random, and the kernel's own ways to pin pages (process_vm_readv, MADV_POPULATE_READ) are not
 * used, so that looking leaves no trace in its order of eviction.
 *
 * Privileged: opens, maps and needs CAP_SYS_ADMIN for the frames. Counts stay right without it.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/vec.h"
#include "system/cgroup.h"
#include "system/known.h"

// A file with more pages in memory is judged by as many of its windows as hold about that many.
#define PAGE_OWNER_SAMPLE_PAGES 16384
#define PAGE_OWNER_WINDOW_BYTES ((uint64_t)2 << 20)
#define PAGE_OWNER_WINDOWS_MAX  4096
// Without cachestat(2), before Linux 6.5 and on overlayfs: of a larger file only the head is
// counted.
#define PAGE_OWNER_MINCORE_LIMIT_BYTES ((uint64_t)16 << 30)

struct page_owner {
	int pagemap, kpagecgroup; // -1 where the kernel does not let us look
	int kpageflags, sink;
	bool no_cachestat;
	VEC(uint64_t) groups; // inode numbers of the cgroup and of those below it, sorted
};

#define PAGE_OWNER_NONE \
	((struct page_owner){.pagemap = -1, .kpagecgroup = -1, .kpageflags = -1, .sink = -1})

// Never fails: what cannot be opened leaves the charge unknown, and `why_not` says so.
void page_owner_open(struct page_owner *owner, int cgroup_dir, struct error *why_not);
void page_owner_close(struct page_owner *owner);

struct page_count {
	uint64_t cached_bytes;
	struct known_u64 dirty_bytes, writeback_bytes; // by cachestat
	struct known_u64 evicted_bytes;                // was in memory, and is remembered
	struct known_u64 charged_bytes;                // of the cached ones: to the cgroup
	bool shmem;           // its pages are, whatever file system it is on
	bool sampled;         // the charge is the share of a sample
	bool cut;             // only the head of the file was looked at
	uint64_t first_frame; // of the first page that was looked at; 0: none. Names the file's
			      // memory
};

// `fd` is open for reading, of a regular file of `size_bytes`. ERROR_OS where not even the number
// of pages in memory is to be had.
bool page_owner_count(struct page_owner *owner, int fd, uint64_t size_bytes,
		      struct page_count *count, struct error *error) must_check;
