// SPDX-License-Identifier: Apache-2.0
// whyoom crash: what a crash log says.
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/i18n.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/units.h"
#include "cli/cli.h"
#include "crash/crash.h"
#include "golang/instruction_library.h"
#include "report/crash.h"

enum { ROWS_DEFAULT = 10, ROWS_MAX = 1000000 };

struct request {
	const struct cli_arguments *arguments;
	const char *path;
	int fd, exe_fd;
	size_t rows;
	uint64_t goroutine;
	bool raw;
};

static void print_raw(void *context, const char *line, size_t length)
{
	struct strbuf safe = {0};
	char *text = strndup(line, length);
	(void)context;
	// Tabs are part of a dump's form.
	for (char *at = text; at && *at;) {
		size_t plain = strcspn(at, "\t");
		bool tab = at[plain] == '\t';
		at[plain] = '\0';
		strbuf_add_safe(&safe, at);
		strbuf_add(&safe, tab ? "\t" : "");
		at += plain + tab;
	}
	strbuf_add(&safe, "\n");
	fputs(safe.text, stdout);
	strbuf_deinit(&safe);
	free(text);
}

static int print_goroutine(const struct request *request, const struct crash_log *log)
{
	struct error error = {0};
	size_t start = 0;
	if (!log->wanted.length) {
		error_set(&error, ERROR_NOT_FOUND, "%s: goroutine %llu is not in the log",
			  request->path, (unsigned long long)request->goroutine);
		return cli_fail(request->arguments, &error);
	}
	for (size_t i = 0; i < log->wanted.length; i++) {
		if (log->wanted.text[i] != '\n')
			continue;
		print_raw(NULL, log->wanted.text + start, i - start);
		start = i + 1;
	}
	return fflush(stdout) == 0 ? EXIT_OK : EXIT_INTERNAL;
}

static int print_report(const struct request *request, const struct crash_log *log)
{
	if (cli_flag(request->arguments, "json"))
		return cli_print_json(report_crashes_to_json(log, request->path)) ? EXIT_OK
										  : EXIT_INTERNAL;
	struct strbuf text = {0};
	report_write_crashes(log, (struct report_style){.colour = cli_colour()}, request->rows,
			     &text);
	bool ok = cli_print(text.text);
	strbuf_deinit(&text);
	return ok ? EXIT_OK : EXIT_INTERNAL;
}

static int work(void *context)
{
	const struct request *request = context;
	struct crash_options options = {.wanted_id = request->goroutine,
					.exe_path = cli_value(request->arguments, "exe"),
					.exe_fd = request->exe_fd,
					.raw = request->raw ? print_raw : NULL};
	struct crash_log log = {0};
	struct error error = {0};
	if (!crash_log_read(request->fd, request->path, &options, &log, &error))
		return cli_fail(request->arguments, &error);
	int code = request->raw         ? (fflush(stdout) == 0 ? EXIT_OK : EXIT_INTERNAL)
		   : request->goroutine ? print_goroutine(request, &log)
					: print_report(request, &log);
	crash_log_deinit(&log);
	return code;
}

static bool parse_numbers(const struct cli_arguments *arguments, struct request *request)
{
	const char *rows = cli_value(arguments, "rows"), *id = cli_value(arguments, "goroutine");
	int64_t count = ROWS_DEFAULT, goroutine = 0;
	if (rows && !parse_integer(rows, 1, ROWS_MAX, &count)) {
		cli_usage("crash: --rows takes a number from 1 to %d, not %s", ROWS_MAX, rows);
		return false;
	}
	if (id && !parse_integer(id, 1, INT64_MAX, &goroutine)) {
		cli_usage("crash: --goroutine takes the number of a goroutine, not %s", id);
		return false;
	}
	request->rows = (size_t)count;
	request->goroutine = (uint64_t)goroutine;
	return true;
}

int cli_crash(const struct cli_arguments *arguments)
{
	struct request request = {.arguments = arguments, .path = _("standard input")};
	struct error error = {0};
	if (arguments->positional_count > 1)
		return cli_usage("crash: give one log, or - for standard input");
	if (!parse_numbers(arguments, &request))
		return EXIT_USAGE;
	request.raw = cli_flag(arguments, "raw");
	const char *path = arguments->positional_count ? arguments->positional[0] : "-";
	const char *exe = cli_value(arguments, "exe");
	_cleanup_close_ int fd = -1, exe_fd = -1;
	if (exe && !file_open(AT_FDCWD, exe, &exe_fd, &error))
		return cli_fail(arguments, &error);
	if (exe)
		instruction_library_prepare();
	request.exe_fd = exe_fd;
	request.fd = STDIN_FILENO;
	if (strcmp(path, "-") != 0) {
		if (!file_open(AT_FDCWD, path, &fd, &error))
			return cli_fail(arguments, &error);
		request.path = path;
		request.fd = fd;
	}
	return cli_run_sandboxed(work, &request, arguments);
}
