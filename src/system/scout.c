// SPDX-License-Identifier: Apache-2.0
// In: something to look at. Out: what a child without privileges says about it.
#include "system/scout.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "system/sandbox.h"

// What comes through the pipe; an answer follows when `ok`.
struct outcome {
	bool ok;
	struct error error;
};

static _Noreturn void look_and_tell(bool (*look)(void *, void *, struct error *), void *context,
				    void *answer, size_t answer_size, int pipe_fd)
{
	struct outcome outcome = {0};
	outcome.ok = sandbox_enter(SANDBOX_DEFAULT, &outcome.error) &&
		     look(context, answer, &outcome.error);
	bool told = file_write(pipe_fd, "pipe", &outcome, sizeof outcome, NULL) &&
		    (!outcome.ok || file_write(pipe_fd, "pipe", answer, answer_size, NULL));
	_exit(told ? 0 : 1);
}

static bool read_all(int fd, void *buffer, size_t size)
{
	for (size_t used = 0; used < size;) {
		ssize_t got = read(fd, (char *)buffer + used, size - used);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return false;
		used += (size_t)got;
	}
	return true;
}

static bool hear(int fd, void *answer, size_t answer_size, struct error *error)
{
	struct outcome outcome;
	_cleanup_free_ void *heard = alloc_array(answer_size, 1);
	if (!read_all(fd, &outcome, sizeof outcome) ||
	    (outcome.ok && !read_all(fd, heard, answer_size)))
		return error_set(error, ERROR_BAD_DATA,
				 "the reading process died; please report this");
	if (!outcome.ok) {
		outcome.error.message[sizeof outcome.error.message - 1] = '\0';
		outcome.error.hint[sizeof outcome.error.hint - 1] = '\0';
		if (outcome.error.code <= ERROR_NONE || outcome.error.code > ERROR_USAGE)
			outcome.error.code = ERROR_BAD_DATA;
		if (error)
			*error = outcome.error;
		return false;
	}
	memcpy(answer, heard, answer_size);
	return true;
}

bool scout_run(bool (*look)(void *context, void *answer, struct error *error), void *context,
	       void *answer, size_t answer_size, struct error *error)
{
	int ends[2];
	if (pipe2(ends, O_CLOEXEC) != 0)
		return error_set_os(error, errno, "cannot make a pipe");
	_cleanup_close_ int read_end = ends[0];
	pid_t child = fork();
	if (child == 0)
		look_and_tell(look, context, answer, answer_size, ends[1]);
	close(ends[1]);
	if (child < 0)
		return error_set_os(error, errno, "cannot start a process");
	bool ok = hear(read_end, answer, answer_size, error);
	while (waitpid(child, NULL, 0) < 0 && errno == EINTR)
		;
	return ok;
}

bool scout_open_file(int dir_fd, const char *path, int *fd, struct error *error)
{
	char link[32];
	struct stat stat;
	_cleanup_close_ int place = openat(dir_fd, path, O_PATH | O_CLOEXEC);
	if (place < 0 || fstat(place, &stat) != 0)
		return error_set_os(error, errno, "cannot open %.256s", path);
	if (!S_ISREG(stat.st_mode))
		return error_set(error, ERROR_NOT_FOUND, "%.256s is not a regular file", path);
	snprintf(link, sizeof link, "/proc/self/fd/%d", place);
	int opened = open(link, O_RDONLY | O_CLOEXEC);
	if (opened < 0)
		return error_set_os(error, errno, "cannot open %.256s", path);
	*fd = opened;
	return true;
}
