// SPDX-License-Identifier: Apache-2.0
// In: a folder of incidents. Out: a smaller one.
#include "watch/retention.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/vec.h"

enum { ENTRIES_MAX = 100000, DEPTH_MAX = 3, NAME_BYTES = 256 };

struct kept {
	char name[NAME_BYTES];
	int64_t modified_ns, bytes;
	bool is_bundle;
};

typedef VEC(struct kept) kept_list;

static bool ends_with(const char *text, const char *end)
{
	size_t length = strlen(text), end_length = strlen(end);
	return length >= end_length && strcmp(text + length - end_length, end) == 0;
}

// What it takes on disk; with `remove` it is removed. Never follows a link.
static int64_t walk(int parent, const char *name, int depth, bool remove)
{
	struct stat stat;
	int64_t bytes = 0;
	int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	if (!dir) {
		cleanup_close(&fd);
		return 0;
	}
	for (struct dirent *entry; (entry = readdir(dir));) {
		const char *child = entry->d_name;
		if (strcmp(child, ".") == 0 || strcmp(child, "..") == 0 ||
		    fstatat(dirfd(dir), child, &stat, AT_SYMLINK_NOFOLLOW) != 0)
			continue;
		bytes += (int64_t)stat.st_blocks * 512;
		if (S_ISDIR(stat.st_mode)) {
			bytes += depth < DEPTH_MAX ? walk(dirfd(dir), child, depth + 1, remove) : 0;
			if (remove)
				unlinkat(dirfd(dir), child, AT_REMOVEDIR);
		} else if (remove) {
			unlinkat(dirfd(dir), child, 0);
		}
	}
	closedir(dir);
	return bytes;
}

// Whether it is an incident of ours, or a bundle.
static bool examine(int out, const char *name, struct kept *kept)
{
	struct stat stat, manifest;
	char path[NAME_BYTES + 32];
	if (strncmp(name, "incident-", 9) != 0 || strlen(name) >= NAME_BYTES ||
	    fstatat(out, name, &stat, AT_SYMLINK_NOFOLLOW) != 0)
		return false;
	snprintf(path, sizeof path, "%s/manifest.json", name);
	*kept = (struct kept){.is_bundle = S_ISREG(stat.st_mode) && ends_with(name, ".tar.zst"),
			      .bytes = (int64_t)stat.st_blocks * 512};
	if (!kept->is_bundle &&
	    (!S_ISDIR(stat.st_mode) || ends_with(name, ".partial") ||
	     fstatat(out, path, &manifest, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(manifest.st_mode)))
		return false;
	// The manifest is written once; what actions write later changes the directory.
	const struct timespec *time = kept->is_bundle ? &stat.st_mtim : &manifest.st_mtim;
	kept->modified_ns = (int64_t)time->tv_sec * 1000000000 + time->tv_nsec;
	memcpy(kept->name, name, strlen(name) + 1);
	return true;
}

static int compare_age(const void *a, const void *b)
{
	const struct kept *one = a, *other = b;
	if (one->modified_ns != other->modified_ns)
		return one->modified_ns < other->modified_ns ? -1 : 1;
	return strcmp(one->name, other->name);
}

static bool list(int out, bool with_sizes, kept_list *all)
{
	int fd = openat(out, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	struct kept kept;
	if (!dir) {
		cleanup_close(&fd);
		return false;
	}
	for (struct dirent *entry; (entry = readdir(dir)) && all->count < ENTRIES_MAX;) {
		if (!examine(out, entry->d_name, &kept))
			continue;
		if (with_sizes && !kept.is_bundle)
			kept.bytes += walk(out, entry->d_name, 1, false);
		vec_push(all, kept);
	}
	closedir(dir);
	if (all->count)
		qsort(all->items, all->count, sizeof *all->items, compare_age);
	return true;
}

static bool is_named(const char *path, const char *name)
{
	if (!path || !path[0])
		return false;
	const char *slash = strrchr(path, '/');
	return strcmp(slash ? slash + 1 : path, name) == 0;
}

static bool remove_one(int out, const struct kept *kept)
{
	if (kept->is_bundle)
		return unlinkat(out, kept->name, 0) == 0;
	(void)walk(out, kept->name, 1, true);
	return unlinkat(out, kept->name, AT_REMOVEDIR) == 0;
}

int retention_apply(const char *out, const struct watch_keep *keep, const char *newest,
		    const char *spared, const struct progress *progress)
{
	kept_list all = {0};
	int64_t bytes = 0, now_ns = clock_unix_ns();
	int removed = 0;
	if (!keep->count && !keep->age_ns && !keep->size_bytes)
		return 0;
	_cleanup_close_ int dir = open(out, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0 || !list(dir, keep->size_bytes > 0, &all))
		return 0;
	VEC_FOREACH (kept, &all)
		bytes += kept->bytes;
	size_t left = all.count;
	for (size_t i = 0; i + 1 < all.count; i++) { // the last is the newest
		const struct kept *kept = &all.items[i];
		bool too_many = keep->count && left > (size_t)keep->count;
		bool too_old = keep->age_ns && now_ns - kept->modified_ns > keep->age_ns;
		bool too_large = keep->size_bytes && bytes > keep->size_bytes;
		if ((!too_many && !too_old && !too_large) || is_named(newest, kept->name) ||
		    is_named(spared, kept->name))
			continue;
		if (!remove_one(dir, kept)) {
			progress_say(progress, "cannot remove the old incident %s: %s", kept->name,
				     strerror(errno));
			continue;
		}
		left--;
		bytes -= kept->bytes;
		removed++;
	}
	if (removed)
		progress_say(progress, "removed %d old incident%s", removed,
			     removed == 1 ? "" : "s");
	vec_deinit(&all);
	return removed;
}
