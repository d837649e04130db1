// SPDX-License-Identifier: Apache-2.0
// In: the path of --output. Out: a file that is whole, or none.
#include "cli/output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/i18n.h"
#include "base/cleanup.h"

static int not_stored(const struct cli_arguments *arguments, const struct error *error)
{
	cli_fail(arguments, error);
	return EXIT_NOT_STORED;
}

// Reads, and writes to `path`, which is opened with `flags`.
static int run_into(int (*work)(void *context), void *context,
		    const struct cli_arguments *arguments, struct cli_output *output,
		    const char *path, int flags)
{
	struct error error = {0};
	output->path = path;
	output->fd = open(path, O_WRONLY | O_CLOEXEC | flags, 0644);
	if (output->fd < 0) {
		if (flags & O_CREAT)
			error_set_os(&error, errno, "cannot create %s", path);
		else
			error_set_os(&error, errno, "cannot open %s", path);
		return not_stored(arguments, &error);
	}
	int code = cli_run_sandboxed(work, context, arguments);
	if (close(output->fd) != 0 && code == EXIT_OK) {
		error_set_os(&error, errno, "cannot write %s", path);
		return not_stored(arguments, &error);
	}
	return code;
}

int cli_run_with_output(int (*work)(void *context), void *context,
			const struct cli_arguments *arguments, struct cli_output *output)
{
	const char *path = cli_value(arguments, "output");
	if (path && strcmp(path, "-") != 0)
		return cli_run_into_file(work, context, arguments, output, path);
	*output = (struct cli_output){path ? STDOUT_FILENO : -1, _("standard output")};
	return cli_run_sandboxed(work, context, arguments);
}

int cli_run_into_file(int (*work)(void *context), void *context,
		      const struct cli_arguments *arguments, struct cli_output *output,
		      const char *path)
{
	struct stat there;
	// What is there and is no regular file (a device, a pipe, a link) stays what it is and is
	// written in place.
	if (lstat(path, &there) == 0 && !S_ISREG(there.st_mode))
		return run_into(work, context, arguments, output, path, O_TRUNC);
	_cleanup_free_ char *partial = alloc_format("%s.partial-%d", path, (int)getpid());
	int code = run_into(work, context, arguments, output, partial, O_CREAT | O_EXCL);
	if (code == EXIT_OK && rename(partial, path) != 0) {
		struct error error = {0};
		error_set_os(&error, errno, "cannot create %s", path);
		code = not_stored(arguments, &error);
	}
	if (code != EXIT_OK && output->fd >= 0)
		unlink(partial);
	return code;
}
