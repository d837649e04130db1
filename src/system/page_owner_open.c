// SPDX-License-Identifier: Apache-2.0
// In: a cgroup. Out: the numbers that its pages carry, and where the kernel says those of a page.
#include "system/page_owner_priv.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "system/pagemap.h"

#define GROUPS_LIMIT 65536

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

bool page_owner_is_ours(const struct page_owner *owner, uint64_t group)
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
	       (entry & PAGE_OWNER_FRAME_MASK);
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
	owner->kpageflags = open("/proc/kpageflags", O_RDONLY | O_CLOEXEC);
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
	cleanup_close(&owner->kpageflags);
	cleanup_close(&owner->sink);
	vec_deinit(&owner->groups);
	*owner = PAGE_OWNER_NONE;
}
