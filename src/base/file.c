// SPDX-License-Identifier: Apache-2.0
// In: descriptors and paths. Out: whole files within a limit.
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/cleanup.h"

bool file_open(int dir_fd, const char *path, int *fd, struct error *error)
{
	int opened = openat(dir_fd, path, O_RDONLY | O_CLOEXEC);
	if (opened < 0)
		return error_set_os(error, errno, "cannot open %s", path);
	*fd = opened;
	return true;
}

bool file_read(int fd, const char *path, size_t limit_bytes, char **data, size_t *size,
	       struct error *error)
{
	size_t used = 0, capacity = 4096;
	_cleanup_free_ char *buffer = alloc_array(capacity, 1);
	for (;;) {
		ssize_t got = pread(fd, buffer + used, capacity - used - 1, (off_t)used);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return error_set_os(error, errno, "cannot read %s", path);
		if (got == 0)
			break;
		used += (size_t)got;
		if (used > limit_bytes)
			return error_set(error, ERROR_LIMIT, "%s is larger than %zu bytes", path,
					 limit_bytes);
		if (capacity - used < 2) {
			char *grown = realloc(buffer, capacity * 2);
			if (!grown)
				return error_set(error, ERROR_LIMIT, "no memory to read %s", path);
			buffer = grown;
			capacity *= 2;
		}
	}
	buffer[used] = '\0';
	*data = take_ptr(buffer);
	*size = used;
	return true;
}

bool file_read_path(int dir_fd, const char *path, size_t limit_bytes, char **data, size_t *size,
		    struct error *error)
{
	_cleanup_close_ int fd = -1;
	return file_open(dir_fd, path, &fd, error) &&
	       file_read(fd, path, limit_bytes, data, size, error);
}

bool file_read_into(int fd, const char *path, char *buffer, size_t capacity, struct error *error)
{
	size_t used = 0;
	while (used < capacity - 1) {
		ssize_t got = pread(fd, buffer + used, capacity - 1 - used, (off_t)used);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return error_set_os(error, errno, "cannot read %s", path);
		if (got == 0)
			break;
		used += (size_t)got;
	}
	buffer[used] = '\0';
	return true;
}

bool file_write(int fd, const char *path, const void *data, size_t size, struct error *error)
{
	const char *bytes = data;
	while (size) {
		ssize_t wrote = write(fd, bytes, size);
		if (wrote < 0 && errno == EINTR)
			continue;
		if (wrote < 0)
			return error_set_os(error, errno, "cannot write %s", path);
		bytes += wrote;
		size -= (size_t)wrote;
	}
	return true;
}
