// SPDX-License-Identifier: Apache-2.0
// whyoom goroutines: what goroutines do, of a process, a core, a dump, a profile, a URL, an
// incident; with --diff, what changed between two.
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/i18n.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/units.h"
#include "cli/cli.h"
#include "cli/goroutine_source.h"
#include "cli/output.h"
#include "goroutine/pprof.h"
#include "profile/pprof_write.h"
#include "report/goroutines.h"
#include "snapshot/capture.h"
#include "snapshot/goroutine_profile.h"

enum { ROWS_DEFAULT = 20 };

struct goroutines {
	const struct cli_arguments *arguments;
	struct goroutine_source sources[2]; // with --diff: before, after
	int source_count;
	struct cli_output output;
	struct goroutine_options options;
	const char *profile; // of --pprof, or an --output of such a name; NULL: none
	bool colour;
};

static bool ends_with(const char *text, const char *end)
{
	size_t length = strlen(text), size = strlen(end);
	return length >= size && strcmp(text + length - size, end) == 0;
}

// With the addresses that only a process and a core have.
static bool build_profile(const struct goroutine_report *report, struct profile **profile,
			  struct error *error)
{
	const struct snapshot *snapshot = report->snapshot;
	if (!snapshot)
		return goroutine_set_to_profile(report->set, clock_unix_ns(), profile, error);
	struct goroutine_profile_source source = {.goroutines = &snapshot->each_goroutine,
						  .taken_unix_ns = snapshot->quality.taken_unix_ns,
						  .executable = snapshot->executable};
	return goroutine_profile_build(&source, profile, error);
}

static bool write_profile(const struct goroutine_report *report, int fd, const char *path,
			  struct error *error)
{
	_cleanup_(profile_freep) struct profile *profile = NULL;
	_cleanup_free_ uint8_t *data = NULL;
	size_t size;
	return build_profile(report, &profile, error) &&
	       pprof_write(profile, &data, &size, error) && file_write(fd, path, data, size, error);
}

static bool write_text(const struct goroutines *goroutines, int fd, const char *path,
		       struct error *error)
{
	const struct goroutine_report *report = &goroutines->sources[0].report;
	struct report_style style = {goroutines->colour && goroutines->output.fd < 0};
	struct strbuf text = {0};
	if (cli_flag(goroutines->arguments, "flame"))
		goroutine_set_write_folded(report->set, &text);
	else if (goroutines->source_count == 2)
		report_write_goroutines_diff(report, &goroutines->sources[1].report, style,
					     goroutines->options, &text);
	else
		report_write_goroutines(report, style, goroutines->options, &text);
	bool ok = file_write(fd, path, text.text ? text.text : "", text.length, error);
	strbuf_deinit(&text);
	return ok;
}

static bool write_diff_json(const struct goroutines *goroutines, int fd, const char *path,
			    struct error *error)
{
	json_t *object = report_goroutines_diff_to_json(&goroutines->sources[0].report,
							&goroutines->sources[1].report,
							goroutines->options.by);
	_cleanup_free_ char *text = json_dumps(object, JSON_INDENT(1));
	json_decref(object);
	return text && file_write(fd, path, text, strlen(text), error) &&
	       file_write(fd, path, "\n", 1, error);
}

static bool write_all(const struct goroutines *goroutines, struct error *error)
{
	const struct cli_arguments *arguments = goroutines->arguments;
	const struct goroutine_report *report = &goroutines->sources[0].report;
	bool to_file = goroutines->output.fd >= 0, is_diff = goroutines->source_count == 2;
	int fd = to_file ? goroutines->output.fd : STDOUT_FILENO;
	const char *path = to_file ? goroutines->output.path : _("standard output");
	if (goroutines->profile)
		return write_profile(report, fd, path, error);
	if (cli_flag(arguments, "json"))
		return is_diff ? write_diff_json(goroutines, fd, path, error)
			       : report_write_goroutines_json(report, goroutines->options.by, fd,
							      path, error);
	if (cli_flag(arguments, "stacks"))
		return report_write_stacks(report->snapshot, fd, path, error);
	return write_text(goroutines, fd, path, error);
}

// What goroutines wait on takes longer, and has no room in a profile or a dump.
static unsigned int parts_of(const struct goroutines *goroutines)
{
	unsigned int parts = goroutines->options.by == GOROUTINE_BY_LABEL ? CAPTURE_LABELS : 0;
	if (!goroutines->profile && !cli_flag(goroutines->arguments, "stacks") &&
	    !cli_flag(goroutines->arguments, "flame"))
		parts |= CAPTURE_BLOCKED;
	if (cli_flag(goroutines->arguments, "who"))
		parts |= CAPTURE_BLOCKED | CAPTURE_WHO;
	return parts;
}

static bool read_sources(struct goroutines *goroutines, struct error *error)
{
	unsigned int parts = parts_of(goroutines);
	for (int i = 0; i < goroutines->source_count; i++) {
		if (!goroutine_source_read(&goroutines->sources[i], parts, error))
			return false;
		if (cli_flag(goroutines->arguments, "stacks") && !goroutines->sources[i].snapshot)
			return error_set(
				error, ERROR_USAGE,
				"--stacks is for a process or a core: a text is one already");
	}
	return true;
}

static int work(void *context)
{
	struct goroutines *goroutines = context;
	struct error error = {0};
	bool is_read = read_sources(goroutines, &error),
	     ok = is_read && write_all(goroutines, &error);
	for (int i = 0; i < goroutines->source_count; i++)
		goroutine_source_deinit(&goroutines->sources[i]);
	if (ok)
		return EXIT_OK;
	if (error.os_errno == EPIPE) // who closed the pipe has read enough
		return EXIT_INTERNAL;
	int code = cli_fail(goroutines->arguments, &error);
	bool not_stored = is_read && goroutines->output.fd >= 0 && error.code == ERROR_OS;
	return not_stored ? EXIT_NOT_STORED : code;
}

static bool parse_options(const struct cli_arguments *arguments, struct goroutines *goroutines)
{
	const char *rows = cli_value(arguments, "rows"), *by = cli_value(arguments, "by");
	const char *output = cli_value(arguments, "output");
	int64_t count = ROWS_DEFAULT;
	if (rows && !parse_integer(rows, 1, 1000000, &count)) {
		cli_usage("goroutines: --rows takes a number from 1 to 1000000, not %s", rows);
		return false;
	}
	if (by && !goroutine_by_parse(by, &goroutines->options.by)) {
		cli_usage("goroutines: --by takes stack, creator, state, label or function, not %s",
			  by);
		return false;
	}
	goroutines->options.rows = (size_t)count;
	goroutines->profile = cli_value(arguments, "pprof");
	if (!goroutines->profile && output && ends_with(output, ".pb.gz"))
		goroutines->profile = output;
	return true;
}

static bool check_count(const struct cli_arguments *arguments)
{
	bool is_diff = cli_flag(arguments, "diff");
	if (arguments->positional_count == (is_diff ? 2 : 1))
		return true;
	if (is_diff)
		cli_usage("goroutines: --diff takes two sources, the earlier one first");
	else
		cli_usage("goroutines: give one process id, core, dump, profile, URL or incident "
			  "(see whyoom goroutines --help)");
	return false;
}

static int run(struct goroutines *goroutines)
{
	const char *profile = cli_value(goroutines->arguments, "pprof");
	if (profile && strcmp(profile, "-") != 0)
		return cli_run_into_file(work, goroutines, goroutines->arguments,
					 &goroutines->output, profile);
	return cli_run_with_output(work, goroutines, goroutines->arguments, &goroutines->output);
}

int cli_goroutines(const struct cli_arguments *arguments)
{
	struct goroutines goroutines = {.arguments = arguments, .colour = cli_colour()};
	struct error error = {0};
	int code = EXIT_OK;
	if (!parse_options(arguments, &goroutines) || !check_count(arguments))
		return EXIT_USAGE;
	for (int i = 0; i < arguments->positional_count && code == EXIT_OK; i++) {
		if (goroutine_source_open(arguments, arguments->positional[i],
					  &goroutines.sources[i], &error))
			goroutines.source_count++;
		else
			code = cli_fail(arguments, &error);
	}
	if (code == EXIT_OK)
		code = run(&goroutines);
	for (int i = 0; i < goroutines.source_count; i++)
		code = goroutine_source_close(arguments, &goroutines.sources[i], code);
	return code;
}
