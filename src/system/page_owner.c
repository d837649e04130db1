// SPDX-License-Identifier: Apache-2.0
// In: an open file. Out: how many of its pages are in memory, and how many of them are charged to
// the cgroup.
#include "system/page_owner_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "system/pagemap.h"

#define CACHESTAT_NUMBER 451 // the same on all architectures; Linux 6.5
#define TOUCH_BATCH      512
// Reading a page's neighbours along costs nothing: the kernel maps them with it.
#define FAULT_AROUND_PAGES 16

// ---- what is in memory ----

struct survey {
	struct page_owner *owner;
	int fd;
	bool overlay;
	uint64_t size_bytes, window_bytes;
	size_t window_count;
	uint32_t *cached_pages; // a window
	uint64_t total_pages;
};

struct cachestat_range {
	uint64_t offset, length; // 0: to the end
};

struct cachestat {
	uint64_t cached, dirty, writeback, evicted, recently_evicted; // pages
};

// Of a file on overlayfs cachestat looks at the wrong one of the two files, and finds nothing.
static bool is_overlay(int fd)
{
	struct statfs system;
	return fstatfs(fd, &system) == 0 && system.f_type == OVERLAYFS_SUPER_MAGIC;
}

static bool ask_cachestat(const struct survey *survey, uint64_t offset, uint64_t length,
			  struct cachestat *stat)
{
	struct page_owner *owner = survey->owner;
	struct cachestat_range range = {offset, length};
	if (owner->no_cachestat || survey->overlay)
		return false;
	if (syscall(CACHESTAT_NUMBER, survey->fd, &range, stat, 0) == 0)
		return true;
	owner->no_cachestat |= errno == ENOSYS || errno == EPERM;
	return false;
}

// A part of a file, mapped.
struct window {
	char *start;
	size_t pages;
	unsigned char *present; // one a page; bit 0: in memory
};

static void unmap_window(struct window *window)
{
	if (window->start)
		munmap(window->start, window->pages * pagemap_page_bytes());
	free(window->present);
}

static bool map_window(int fd, uint64_t offset, uint64_t length, struct window *out)
{
	uint64_t page = pagemap_page_bytes();
	_cleanup_(unmap_window) struct window window = {.pages = (length + page - 1) / page};
	void *start = mmap(NULL, window.pages * page, PROT_READ, MAP_SHARED, fd, (off_t)offset);
	if (start == MAP_FAILED)
		return false;
	window.start = start;
	window.present = alloc_try_array(window.pages, 1);
	if (!window.present || mincore(start, window.pages * page, window.present) != 0)
		return false;
	madvise(start, window.pages * page, MADV_RANDOM);
	*out = window;
	window = (struct window){0};
	return true;
}

static uint64_t count_present(const struct window *window)
{
	uint64_t count = 0;
	for (size_t i = 0; i < window->pages; i++)
		count += window->present[i] & 1;
	return count;
}

// ---- whose it is ----

// Makes pages present here; `wanted` is their index in the window. What cannot be is left out.
static void touch(const struct page_owner *owner, const struct window *window, const size_t *wanted,
		  size_t count)
{
	struct iovec pages[TOUCH_BATCH]; // a byte of each
	for (size_t i = 0; i < count; i++)
		pages[i] = (struct iovec){window->start + wanted[i] * pagemap_page_bytes(), 1};
	for (size_t done = 0; done < count;) {
		ssize_t got = pwritev(owner->sink, pages + done, (int)(count - done), 0);
		done += got > 0 ? (size_t)got : 1; // the one that failed is passed over
	}
}

static bool read_entries(const struct page_owner *owner, const struct window *window,
			 uint64_t *entries)
{
	uint64_t first = (uint64_t)(uintptr_t)window->start / pagemap_page_bytes();
	size_t size = window->pages * sizeof *entries;
	return pread(owner->pagemap, entries, size, (off_t)(first * sizeof *entries)) ==
	       (ssize_t)size;
}

// Touches the pages in memory that `entries` does not show yet; with `step` > 1 the first of each
// group of that many.
static void touch_missing(const struct page_owner *owner, const struct window *window,
			  const uint64_t *entries, size_t step)
{
	size_t wanted[TOUCH_BATCH], count = 0;
	for (size_t group = 0; group < window->pages; group += step) {
		for (size_t i = group; i < window->pages && i < group + step; i++) {
			if (!(window->present[i] & 1) || pagemap_present(entries[i]))
				continue;
			wanted[count++] = i;
			break;
		}
		if (count == TOUCH_BATCH || (count && group + step >= window->pages)) {
			touch(owner, window, wanted, count);
			count = 0;
		}
	}
}

struct tally {
	uint64_t looked_at, ours, first_frame;
};

// Frames that follow one another are asked in one call.
static void tally_run(const struct page_owner *owner, uint64_t frame, size_t count,
		      struct tally *tally)
{
	uint64_t groups[TOUCH_BATCH];
	ssize_t size = pread(owner->kpagecgroup, groups, count * sizeof *groups,
			     (off_t)(frame * sizeof *groups));
	if (size <= 0)
		return;
	if (!tally->first_frame)
		tally->first_frame = frame;
	for (size_t i = 0; i < (size_t)size / sizeof *groups; i++) {
		tally->looked_at++;
		tally->ours += page_owner_is_ours(owner, groups[i]);
	}
}

static void tally_window(const struct page_owner *owner, const struct window *window,
			 struct tally *tally)
{
	_cleanup_free_ uint64_t *entries = alloc_try_array(window->pages, sizeof *entries);
	if (!entries)
		return;
	touch_missing(owner, window, entries, FAULT_AROUND_PAGES);
	if (!read_entries(owner, window, entries))
		return;
	touch_missing(owner, window, entries, 1);
	if (!read_entries(owner, window, entries))
		return;
	for (size_t i = 0; i < window->pages;) {
		uint64_t frame = entries[i] & PAGE_OWNER_FRAME_MASK;
		size_t run = 1;
		if (!(window->present[i] & 1) || !pagemap_present(entries[i]) || !frame) {
			i++;
			continue;
		}
		while (run < TOUCH_BATCH && i + run < window->pages &&
		       pagemap_present(entries[i + run]) && (window->present[i + run] & 1) &&
		       (entries[i + run] & PAGE_OWNER_FRAME_MASK) == frame + run)
			run++;
		tally_run(owner, frame, run, tally);
		i += run;
	}
}

// ---- both ----

static uint64_t window_length(const struct survey *survey, size_t index)
{
	uint64_t offset = index * survey->window_bytes;
	uint64_t left = survey->size_bytes - offset;
	return left < survey->window_bytes ? left : survey->window_bytes;
}

static bool survey_window(struct survey *survey, size_t index)
{
	uint64_t offset = index * survey->window_bytes, length = window_length(survey, index);
	struct cachestat stat;
	struct window window;
	if (ask_cachestat(survey, offset, length, &stat)) {
		survey->cached_pages[index] = (uint32_t)stat.cached;
	} else {
		if (!map_window(survey->fd, offset, length, &window))
			return false;
		survey->cached_pages[index] = (uint32_t)count_present(&window);
		unmap_window(&window);
	}
	survey->total_pages += survey->cached_pages[index];
	return true;
}

// A window of a huge file is mostly empty: only what holds anything in it is mapped.
static void tally_range(const struct survey *survey, uint64_t offset, uint64_t length,
			struct tally *tally)
{
	struct cachestat stat;
	struct window window;
	uint64_t half = length / 2 / PAGE_OWNER_WINDOW_BYTES * PAGE_OWNER_WINDOW_BYTES;
	if (half && ask_cachestat(survey, offset, length, &stat)) {
		if (!stat.cached || tally->looked_at > PAGE_OWNER_SAMPLE_PAGES)
			return;
		tally_range(survey, offset, half, tally);
		tally_range(survey, offset + half, length - half, tally);
		return;
	}
	if (!map_window(survey->fd, offset, length, &window))
		return;
	tally_window(survey->owner, &window, tally);
	unmap_window(&window);
}

static bool is_shmem(const struct page_owner *owner, uint64_t frame)
{
	enum { SWAP_BACKED = 14 }; // KPF_SWAPBACKED of linux/kernel-page-flags.h
	uint64_t flags = 0;
	return owner->kpageflags >= 0 &&
	       pread(owner->kpageflags, &flags, sizeof flags, (off_t)(frame * sizeof flags)) ==
		       sizeof flags &&
	       (flags >> SWAP_BACKED & 1);
}

// Looks at every `step`-th of the windows that hold anything, so that the sample spreads evenly.
static void survey_owners(const struct survey *survey, struct page_count *count)
{
	struct tally tally = {0};
	uint64_t page = pagemap_page_bytes(), seen = 0, due = 0;
	uint64_t step =
		(survey->total_pages + PAGE_OWNER_SAMPLE_PAGES - 1) / PAGE_OWNER_SAMPLE_PAGES;
	for (size_t i = 0; i < survey->window_count; i++) {
		uint64_t pages = survey->cached_pages[i];
		seen += pages;
		if (!pages || seen <= due)
			continue;
		due += pages * step;
		tally_range(survey, i * survey->window_bytes, window_length(survey, i), &tally);
	}
	if (!tally.looked_at)
		return;
	count->sampled = tally.looked_at < survey->total_pages;
	count->first_frame = tally.first_frame;
	count->shmem = is_shmem(survey->owner, tally.first_frame);
	// Pages that came or went since they were counted are shared out like the others.
	double share = (double)tally.ours / (double)tally.looked_at;
	count->charged_bytes =
		known(tally.ours == tally.looked_at
			      ? survey->total_pages * page
			      : (uint64_t)(share * (double)survey->total_pages) * page);
}

static void prepare(struct survey *survey, struct page_count *count)
{
	uint64_t step = PAGE_OWNER_WINDOW_BYTES;
	if ((survey->owner->no_cachestat || survey->overlay) &&
	    survey->size_bytes > PAGE_OWNER_MINCORE_LIMIT_BYTES) {
		survey->size_bytes = PAGE_OWNER_MINCORE_LIMIT_BYTES;
		count->cut = true;
	}
	uint64_t share = survey->size_bytes / PAGE_OWNER_WINDOWS_MAX;
	survey->window_bytes = (share / step + 1) * step;
	survey->window_count = (size_t)((survey->size_bytes - 1) / survey->window_bytes) + 1;
}

bool page_owner_count(struct page_owner *owner, int fd, uint64_t size_bytes, struct page_count *out,
		      struct error *error)
{
	struct page_count count = {0};
	struct survey survey = {
		.owner = owner, .fd = fd, .overlay = is_overlay(fd), .size_bytes = size_bytes};
	struct cachestat stat;
	uint64_t page = pagemap_page_bytes();
	bool told = size_bytes && ask_cachestat(&survey, 0, 0, &stat);
	if (told) {
		count.cached_bytes = stat.cached * page;
		count.dirty_bytes = known(stat.dirty * page);
		count.writeback_bytes = known(stat.writeback * page);
		count.evicted_bytes = known(stat.evicted * page);
	}
	if (!size_bytes || (told && (!stat.cached || owner->kpagecgroup < 0))) {
		*out = count;
		return true;
	}
	prepare(&survey, &count);
	_cleanup_free_ uint32_t *pages = alloc_try_array(survey.window_count, sizeof *pages);
	survey.cached_pages = pages;
	for (size_t i = 0; pages && i < survey.window_count; i++)
		if (!survey_window(&survey, i))
			return error_set_os(error, errno, "cannot see what of a file is in memory");
	if (!told)
		count.cached_bytes = survey.total_pages * page;
	else
		survey.total_pages = stat.cached;
	if (owner->kpagecgroup >= 0 && survey.total_pages && pages)
		survey_owners(&survey, &count);
	*out = count;
	return true;
}
