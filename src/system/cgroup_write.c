// SPDX-License-Identifier: Apache-2.0
// In: an open cgroup and its new limits. Out: the limits are in force and read back.
#include "system/cgroup_write.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"

static const char *const v1_files[] = {"memory.limit_in_bytes", "memory.memsw.limit_in_bytes"};
static const char *const v2_files[] = {"memory.max", NULL};

static const char *file_of(const struct cgroup *cgroup, size_t which)
{
	return cgroup_get_version(cgroup) == CGROUP_V1 ? v1_files[which] : v2_files[which];
}

const char *cgroup_limit_file(const struct cgroup *cgroup)
{
	return file_of(cgroup, 0);
}

const char *cgroup_swap_limit_file(const struct cgroup *cgroup)
{
	return file_of(cgroup, 1);
}

bool cgroup_limit_equal(struct cgroup_limit a, struct cgroup_limit b)
{
	return a.known == b.known && a.unlimited == b.unlimited && a.bytes == b.bytes;
}

// Not known, and no error, where the kernel has no such file.
static bool read_limit(const struct cgroup *cgroup, size_t which, struct cgroup_limit *limit,
		       struct error *error)
{
	char text[64];
	const char *name = file_of(cgroup, which);
	*limit = (struct cgroup_limit){0};
	if (!name)
		return true;
	_cleanup_close_ int fd = openat(cgroup_get_dir(cgroup), name, O_RDONLY | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT && which == 1)
		return true;
	if (fd < 0)
		return errno == ENOENT || errno == ENODEV
			       ? error_set(error, ERROR_NOT_FOUND,
					   "cgroup %s has no %s: it was removed, or is the root",
					   cgroup_get_path(cgroup), name)
			       : error_set_os(error, errno, "cannot open %s of cgroup %s", name,
					      cgroup_get_path(cgroup));
	return (file_read_into(fd, name, text, sizeof text, error) &&
		cgroup_limit_parse(text, limit, error)) ||
	       error_wrap(error, "cgroup %s", cgroup_get_path(cgroup));
}

bool cgroup_limits_read(const struct cgroup *cgroup, struct cgroup_limits *out, struct error *error)
{
	struct cgroup_limits limits;
	if (!read_limit(cgroup, 0, &limits.memory, error) ||
	    !read_limit(cgroup, 1, &limits.with_swap, error))
		return false;
	*out = limits;
	return true;
}

// One write, one number: the kernel takes it whole or not at all.
static bool put(const struct cgroup *cgroup, size_t which, struct cgroup_limit limit,
		struct error *error)
{
	char text[32];
	struct cgroup_limit after;
	const char *name = file_of(cgroup, which);
	int length;
	if (limit.unlimited)
		length = snprintf(text, sizeof text, "%s",
				  cgroup_get_version(cgroup) == CGROUP_V1 ? "-1" : "max");
	else
		length = snprintf(text, sizeof text, "%" PRIu64, limit.bytes);
	_cleanup_close_ int fd = openat(cgroup_get_dir(cgroup), name, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, text, (size_t)length) != length)
		return error_set_os(error, errno, "cannot write %s to %s of cgroup %s", text, name,
				    cgroup_get_path(cgroup));
	if (!read_limit(cgroup, which, &after, error))
		return false;
	return cgroup_limit_equal(after, limit) ||
	       error_set(error, ERROR_BAD_DATA,
			 "%s of cgroup %s was written as %s and reads as %" PRIu64
			 ": somebody sets it too",
			 name, cgroup_get_path(cgroup), text, after.bytes);
}

static struct cgroup_limit whole_pages(struct cgroup_limit limit)
{
	limit.bytes -= limit.bytes % (uint64_t)sysconf(_SC_PAGESIZE);
	return limit;
}

static bool is_higher(struct cgroup_limit a, struct cgroup_limit b)
{
	return !b.unlimited && (a.unlimited || a.bytes > b.bytes);
}

bool cgroup_limits_write(const struct cgroup *cgroup, const struct cgroup_limits *from,
			 const struct cgroup_limits *to, struct error *error)
{
	struct cgroup_limit old[] = {from->memory, from->with_swap};
	struct cgroup_limit new[] = {whole_pages(to->memory), whole_pages(to->with_swap)};
	bool raises = is_higher(new[0], old[0]);
	size_t first = raises ? 1 : 0, second = 1 - first;
	bool has_first = new[first].known && !cgroup_limit_equal(old[first], new[first]);
	if (has_first && !put(cgroup, first, new[first], error))
		return false;
	if (!new[second].known || cgroup_limit_equal(old[second], new[second]) ||
	    put(cgroup, second, new[second], error))
		return true;
	if (has_first)
		(void)!put(cgroup, first, old[first], NULL);
	return false;
}
