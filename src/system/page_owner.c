// SPDX-License-Identifier: Apache-2.0
// In: an open file. Out: how many of its pages are in memory, and how many of them are charged to
// the cgroup.
#include "system/page_owner.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "system/pagemap.h"

#define CACHESTAT_NUMBER 451 // the same on all architectures; Linux 6.5
#define GROUPS_LIMIT     65536
#define TOUCH_BATCH      512
#define FRAME_MASK       (((uint64_t)1 << 55) - 1)
// Reading a page's neighbours along costs nothing: the kernel maps them with it.
#define FAULT_AROUND_PAGES 16

// ---- the cgroups ----

static void cleanup_closedir(DIR **dir)
{
	if (*dir)
		closedir(*dir);
}

static void add_groups(struct page_owner *owner, int dir, int depth)
{
	struct stat status;
	if (fstat(dir, &status) != 0 || depth > CGROUP_DEPTH_MAX ||
	    owner->groups.count == GROUPS_LIMIT)
		return;
	vec_push(&owner->groups, (uint64_t)status.st_ino);
	int copy = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_(cleanup_closedir) DIR *entries = copy < 0 ? NULL : fdopendir(copy);
	const struct dirent *entry;
	while (entries && (entry = readdir(entries))) {
		if (entry->d_type != DT_DIR || entry->d_name[0] == '.')
			continue;
		_cleanup_close_ int child =
			openat(dir, entry->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (child >= 0)
			add_groups(owner, child, depth + 1);
	}
}

static bool is_cgroup(int dir)
{
	struct statfs system;
	return fstatfs(dir, &system) == 0 &&
	       (system.f_type == CGROUP_SUPER_MAGIC || system.f_type == CGROUP2_SUPER_MAGIC);
}

static int by_number(const void *a, const void *b)
{
	uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;
	return (left > right) - (left < right);
}

static bool is_ours(const struct page_owner *owner, uint64_t group)
{
	return bsearch(&group, owner->groups.items, owner->groups.count, sizeof group, by_number);
}

// Without CAP_SYS_ADMIN the kernel opens pagemap, and writes 0 for every frame.
static bool shows_frames(int pagemap)
{
	uint64_t entry = 0;
	volatile char here = 1; // so that its page is there
	uint64_t index = (uint64_t)(uintptr_t)&here / pagemap_page_bytes();
	return pread(pagemap, &entry, sizeof entry, (off_t)(index * sizeof entry)) ==
		       sizeof entry &&
	       (entry & FRAME_MASK);
}

void page_owner_open(struct page_owner *owner, int cgroup_dir, struct error *why_not)
{
	*owner = PAGE_OWNER_NONE;
	*why_not = (struct error){0};
	_cleanup_close_ int pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	_cleanup_close_ int groups = open("/proc/kpagecgroup", O_RDONLY | O_CLOEXEC);
	if (pagemap < 0 || groups < 0) {
		error_set_os(why_not, errno, "cannot open %s",
			     pagemap < 0 ? "/proc/self/pagemap" : "/proc/kpagecgroup");
		return;
	}
	if (!shows_frames(pagemap)) {
		error_set(why_not, ERROR_UNSUPPORTED,
			  "the kernel does not show page frames without CAP_SYS_ADMIN");
		return;
	}
	if (!is_cgroup(cgroup_dir)) {
		error_set(why_not, ERROR_USAGE, "not a directory of the kernel's cgroups");
		return;
	}
	owner->sink = memfd_create("whyoom", MFD_CLOEXEC);
	if (owner->sink < 0) {
		error_set_os(why_not, errno, "cannot make a file in memory");
		return;
	}
	add_groups(owner, cgroup_dir, 0);
	if (owner->groups.count)
		qsort(owner->groups.items, owner->groups.count, sizeof *owner->groups.items,
		      by_number);
	owner->pagemap = take_fd(&pagemap);
	owner->kpagecgroup = take_fd(&groups);
}

void page_owner_close(struct page_owner *owner)
{
	cleanup_close(&owner->pagemap);
	cleanup_close(&owner->kpagecgroup);
	cleanup_close(&owner->sink);
	vec_deinit(&owner->groups);
	*owner = PAGE_OWNER_NONE;
}

// ---- what is in memory ----

struct cachestat_range {
	uint64_t offset, length; // 0: to the end
};

struct cachestat {
	uint64_t cached, dirty, writeback, evicted, recently_evicted; // pages
};

static bool ask_cachestat(struct page_owner *owner, int fd, uint64_t offset, uint64_t length,
			  struct cachestat *stat)
{
	struct cachestat_range range = {offset, length};
	if (owner->no_cachestat)
		return false;
	if (syscall(CACHESTAT_NUMBER, fd, &range, stat, 0) == 0)
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
		tally->ours += is_ours(owner, groups[i]);
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
		uint64_t frame = entries[i] & FRAME_MASK;
		size_t run = 1;
		if (!(window->present[i] & 1) || !pagemap_present(entries[i]) || !frame) {
			i++;
			continue;
		}
		while (run < TOUCH_BATCH && i + run < window->pages &&
		       pagemap_present(entries[i + run]) && (window->present[i + run] & 1) &&
		       (entries[i + run] & FRAME_MASK) == frame + run)
			run++;
		tally_run(owner, frame, run, tally);
		i += run;
	}
}

// ---- both ----

struct survey {
	struct page_owner *owner;
	int fd;
	uint64_t size_bytes, window_bytes;
	size_t window_count;
	uint32_t *cached_pages; // a window
	uint64_t total_pages;
};

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
	if (ask_cachestat(survey->owner, survey->fd, offset, length, &stat)) {
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
	if (half && ask_cachestat(survey->owner, survey->fd, offset, length, &stat)) {
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
	if (survey->owner->no_cachestat && survey->size_bytes > PAGE_OWNER_MINCORE_LIMIT_BYTES) {
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
	struct survey survey = {.owner = owner, .fd = fd, .size_bytes = size_bytes};
	struct cachestat stat;
	uint64_t page = pagemap_page_bytes();
	bool told = size_bytes && ask_cachestat(owner, fd, 0, 0, &stat);
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
