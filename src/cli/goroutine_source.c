// SPDX-License-Identifier: Apache-2.0
// In: an argument. Out: goroutines in groups.
#include "cli/goroutine_source.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/i18n.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "report/incident.h"
#include "snapshot/capture.h"
#include "snapshot/heap_profile.h"
#include "system/fetch.h"

static const struct fetch_limits limits = {
	.bytes = (size_t)512 << 20, .connect_seconds = 10, .seconds = 60};
#define STDIN_BYTES_MAX ((size_t)1 << 30)

// ---- opening ----

static int memory_file(struct error *error)
{
	int fd = memfd_create("whyoom-goroutines", MFD_CLOEXEC);
	if (fd < 0)
		error_set_os(error, errno, "cannot make a file in memory");
	return fd;
}

// The child says itself what went wrong; it gives its privileges up once it is connected.
static bool fetch_in_child(const struct cli_arguments *arguments, const char *url, int fd,
			   struct error *error)
{
	int status = 0;
	fflush(NULL);
	pid_t child = fork();
	if (child == 0) {
		struct error failed = {0};
		int code = fetch_url(url, fd, &limits, &failed) ? EXIT_OK
								: cli_fail(arguments, &failed);
		fflush(NULL);
		_exit(code);
	}
	if (child < 0 || waitpid(child, &status, 0) != child)
		return error_set_os(error, errno, "cannot start a process");
	if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_OK)
		return true;
	return error_set(error, ERROR_NOT_FOUND, "nothing was read from %.300s", url);
}

static bool open_url(const struct cli_arguments *arguments, const char *url, int *fd,
		     struct error *error)
{
	_cleanup_close_ int memory = memory_file(error);
	if (memory < 0 || !fetch_in_child(arguments, url, memory, error))
		return false;
	*fd = take_fd(&memory);
	return true;
}

// Standard input may be a pipe, which cannot be read twice.
static bool copy_stdin(int *fd, struct error *error)
{
	_cleanup_close_ int memory = memory_file(error);
	char buffer[64 << 10];
	size_t sum = 0;
	ssize_t got = 1;
	while (memory >= 0 && got > 0) {
		got = read(STDIN_FILENO, buffer, sizeof buffer);
		if (got < 0)
			return error_set_os(error, errno, "cannot read standard input");
		sum += (size_t)got;
		if (sum > STDIN_BYTES_MAX)
			return error_set(error, ERROR_LIMIT,
					 "standard input is too long: give a "
					 "file");
		if (!file_write(memory, "a copy", buffer, (size_t)got, error))
			return false;
	}
	*fd = take_fd(&memory);
	return *fd >= 0;
}

static bool is_core(int fd)
{
	char magic[18];
	return pread(fd, magic, sizeof magic, 0) == sizeof magic &&
	       memcmp(magic, "\177ELF", 4) == 0 && magic[16] == 4; // ET_CORE
}

static bool is_number(const char *text)
{
	return text[0] && strspn(text, "0123456789") == strlen(text);
}

static bool open_path(const struct cli_arguments *arguments, const char *path,
		      struct goroutine_source *source, struct error *error)
{
	struct stat status;
	if (!strchr(path, '/') && access(path, F_OK) != 0)
		return error_set(error, ERROR_USAGE, "%.200s is neither a process id nor a file",
				 path);
	if (stat(path, &status) == 0 && S_ISDIR(status.st_mode))
		return cli_open_saved(path, incident_part_name(INCIDENT_GOROUTINES), &source->fd,
				      error);
	if (!file_open(AT_FDCWD, path, &source->fd, error))
		return false;
	if (!is_core(source->fd))
		return true;
	close(take_fd(&source->fd));
	return cli_open_capture(arguments, path, &source->capture, error);
}

// --stacks and profiles have no room for what goroutines wait on.
static bool wants_objects(const struct cli_arguments *arguments)
{
	return !cli_flag(arguments, "stacks") && !cli_flag(arguments, "pprof") &&
	       !cli_flag(arguments, "flame");
}

static bool open_process(const struct cli_arguments *arguments, struct goroutine_source *source,
			 struct error *error)
{
	if (!cli_open_capture(arguments, source->argument, &source->capture, error))
		return false;
	if (wants_objects(arguments))
		capture_open_sockets(source->capture);
	return true;
}

bool goroutine_source_open(const struct cli_arguments *arguments, const char *argument,
			   struct goroutine_source *source, struct error *error)
{
	*source = (struct goroutine_source){.argument = argument, .fd = -1};
	if (fetch_is_url(argument))
		return open_url(arguments, argument, &source->fd, error);
	if (strcmp(argument, "-") == 0) {
		source->argument = _("standard input");
		return copy_stdin(&source->fd, error);
	}
	if (is_number(argument))
		return open_process(arguments, source, error);
	return open_path(arguments, argument, source, error);
}

// ---- reading ----

static bool read_target(struct goroutine_source *source, unsigned int parts, struct error *error)
{
	struct snapshot *snapshot;
	if (!capture_take(source->capture, CAPTURE_GOROUTINES | CAPTURE_EACH_GOROUTINE | parts,
			  HEAP_INUSE_SPACE, &snapshot, error))
		return false;
	source->snapshot = snapshot;
	if (!snapshot_has(&snapshot->goroutines_absent)) {
		*error = snapshot->goroutines_absent;
		return false;
	}
	snprintf(source->title, sizeof source->title, "%s%s",
		 snapshot->quality.of_core ? _("core ") : _("process "), source->argument);
	source->report = (struct goroutine_report){.set = &snapshot->goroutines,
						   .snapshot = snapshot,
						   .source = source->title,
						   .note = ""};
	return true;
}

static bool read_file(struct goroutine_source *source, unsigned int parts, struct error *error)
{
	struct goroutine_file *file = &source->file;
	if (!goroutine_file_read(source->fd, source->argument, parts & CAPTURE_LABELS, file, error))
		return false;
	snprintf(source->title, sizeof source->title, "%.400s, %s", source->argument, file->kind);
	source->report = (struct goroutine_report){.set = &file->set,
						   .source = source->title,
						   .note = file->note,
						   .dumps = file->dumps,
						   .left_out = file->left_out,
						   .cut = file->cut};
	return true;
}

bool goroutine_source_read(struct goroutine_source *source, unsigned int parts, struct error *error)
{
	return source->capture ? read_target(source, parts, error)
			       : read_file(source, parts, error);
}

void goroutine_source_deinit(struct goroutine_source *source)
{
	if (source->snapshot)
		snapshot_free(take_ptr(source->snapshot));
	goroutine_file_deinit(&source->file);
}

int goroutine_source_close(const struct cli_arguments *arguments, struct goroutine_source *source,
			   int code)
{
	if (source->fd >= 0)
		close(take_fd(&source->fd));
	return source->capture ? cli_close_capture(arguments, source->capture, code) : code;
}
