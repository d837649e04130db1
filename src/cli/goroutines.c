// SPDX-License-Identifier: Apache-2.0
// whyoom goroutines: what a live process's goroutines do.
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/units.h"
#include "cli/cli.h"
#include "cli/output.h"
#include "profile/pprof_write.h"
#include "report/goroutines.h"
#include "snapshot/capture.h"
#include "snapshot/goroutine_profile.h"
#include "snapshot/heap_profile.h"

enum { ROWS_DEFAULT = 20 };

struct goroutines {
	const struct cli_arguments *arguments;
	struct capture *capture;
	struct cli_output output;
	size_t rows;
	bool colour;
};

static bool ends_with(const char *text, const char *end)
{
	size_t length = strlen(text), size = strlen(end);
	return length >= size && strcmp(text + length - size, end) == 0;
}

static bool wants_profile(const struct cli_arguments *arguments)
{
	const char *path = cli_value(arguments, "output");
	return path && ends_with(path, ".pb.gz");
}

static bool write_profile(const struct snapshot *snapshot, int fd, const char *path,
			  struct error *error)
{
	_cleanup_(profile_freep) struct profile *profile = NULL;
	_cleanup_free_ uint8_t *data = NULL;
	size_t size;
	struct goroutine_profile_source source = {.goroutines = &snapshot->each_goroutine,
						  .taken_unix_ns = snapshot->quality.taken_unix_ns,
						  .executable = snapshot->executable};
	return goroutine_profile_build(&source, &profile, error) &&
	       pprof_write(profile, &data, &size, error) && file_write(fd, path, data, size, error);
}

static bool write_groups(const struct goroutines *goroutines, const struct snapshot *snapshot,
			 int fd, const char *path, struct error *error)
{
	struct strbuf text = {0};
	struct report_style style = {goroutines->colour && goroutines->output.fd < 0};
	report_write_goroutines(snapshot, style, goroutines->rows, &text);
	bool ok = file_write(fd, path, text.text, text.length, error);
	strbuf_deinit(&text);
	return ok;
}

static bool write_all(const struct goroutines *goroutines, const struct snapshot *snapshot,
		      struct error *error)
{
	const struct cli_arguments *arguments = goroutines->arguments;
	bool to_file = goroutines->output.fd >= 0;
	int fd = to_file ? goroutines->output.fd : STDOUT_FILENO;
	const char *path = to_file ? goroutines->output.path : "standard output";
	if (wants_profile(arguments))
		return write_profile(snapshot, fd, path, error);
	if (cli_flag(arguments, "json"))
		return report_write_goroutines_json(snapshot, fd, path, error);
	if (cli_flag(arguments, "stacks"))
		return report_write_stacks(snapshot, fd, path, error);
	return write_groups(goroutines, snapshot, fd, path, error);
}

static int work(void *context)
{
	const struct goroutines *goroutines = context;
	_cleanup_(snapshot_freep) struct snapshot *snapshot = NULL;
	struct error error = {0};
	if (!capture_take(goroutines->capture, CAPTURE_GOROUTINES | CAPTURE_EACH_GOROUTINE,
			  HEAP_INUSE_SPACE, &snapshot, &error))
		return cli_fail(goroutines->arguments, &error);
	if (!snapshot_has(&snapshot->goroutines_absent))
		return cli_fail(goroutines->arguments, &snapshot->goroutines_absent);
	if (write_all(goroutines, snapshot, &error))
		return EXIT_OK;
	if (error.os_errno == EPIPE) // who closed the pipe has read enough
		return EXIT_INTERNAL;
	int code = cli_fail(goroutines->arguments, &error);
	return goroutines->output.fd >= 0 && error.code == ERROR_OS ? EXIT_NOT_STORED : code;
}

int cli_goroutines(const struct cli_arguments *arguments)
{
	struct goroutines goroutines = {.arguments = arguments, .colour = cli_colour()};
	const char *rows = cli_value(arguments, "rows");
	struct error error = {0};
	int64_t count = ROWS_DEFAULT;
	if (rows && !parse_integer(rows, 1, 1000000, &count))
		return cli_usage("goroutines: --rows takes a number from 1 to 1000000, not %s",
				 rows);
	goroutines.rows = (size_t)count;
	if (arguments->positional_count != 1)
		return cli_usage("goroutines: give one process id or core file (see whyoom "
				 "goroutines --help)");
	if (!cli_open_capture(arguments, arguments->positional[0], &goroutines.capture, &error))
		return cli_fail(arguments, &error);
	int code = cli_run_with_output(work, &goroutines, arguments, &goroutines.output);
	return cli_close_capture(arguments, goroutines.capture, code);
}
