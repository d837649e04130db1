// SPDX-License-Identifier: Apache-2.0
// What the commands share: arguments, messages, output, the sandboxed child.
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/i18n.h"
#include "base/units.h"
#include "cli/cli.h"
#include "report/report.h"
#include "system/sandbox.h"

const char *cli_value(const struct cli_arguments *arguments, const char *name)
{
	for (int i = 0; arguments->options[i].name; i++)
		if (strcmp(arguments->options[i].name, name) == 0)
			return arguments->values[i];
	return NULL;
}

int cli_values(const struct cli_arguments *arguments, const char *name, const char **values)
{
	int count = 0;
	for (int i = 0; i < arguments->earlier_count; i++)
		if (strcmp(arguments->options[arguments->earlier[i].place].name, name) == 0)
			values[count++] = arguments->earlier[i].value;
	const char *last = cli_value(arguments, name);
	if (last)
		values[count++] = last;
	return count;
}

bool cli_flag(const struct cli_arguments *arguments, const char *name)
{
	return cli_value(arguments, name) != NULL;
}

static int exit_code_of(const struct error *error)
{
	switch (error->code) {
	case ERROR_USAGE:
		return EXIT_USAGE;
	case ERROR_NOT_FOUND:
	case ERROR_FAULT:
	case ERROR_BAD_DATA:
		return EXIT_TARGET;
	case ERROR_UNSUPPORTED:
		return EXIT_UNSUPPORTED;
	case ERROR_OS:
		return error->os_errno == EACCES || error->os_errno == EPERM ||
				       error->os_errno == ESRCH || error->os_errno == ENOENT
			       ? EXIT_TARGET
			       : EXIT_INTERNAL;
	default:
		return EXIT_INTERNAL;
	}
}

int cli_fail(const struct cli_arguments *arguments, const struct error *error)
{
	struct strbuf text = {0};
	strbuf_add(&text, "whyoom: ");
	strbuf_add_safe(&text, error->message);
	if (error->hint[0]) {
		strbuf_add(&text, "\n  ");
		strbuf_add_safe(&text, error->hint);
	}
	strbuf_add(&text, "\n");
	if (cli_flag(arguments, "json")) {
		json_t *object = json_object();
		json_object_set_new(object, "error", report_error_to_json(error));
		cli_print_json(object);
	}
	fputs(text.text, stderr);
	strbuf_deinit(&text);
	return exit_code_of(error);
}

int cli_usage(const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	fputs("whyoom: ", stderr);
	vfprintf(stderr, gettext(format), arguments);
	fputs("\n", stderr);
	va_end(arguments);
	return EXIT_USAGE;
}

bool cli_parse_pid(const char *text, int *pid, struct error *error)
{
	int64_t value;
	if (!parse_integer(text, 1, 1 << 22, &value))
		return error_set(error, ERROR_USAGE, "not a process id: %.64s", text);
	*pid = (int)value;
	return true;
}

bool cli_open_saved(const char *path, const char *part, int *fd, struct error *error)
{
	struct stat status;
	_cleanup_free_ char *inside = alloc_format("%s/%s", path, part);
	bool is_directory = stat(path, &status) == 0 && S_ISDIR(status.st_mode);
	return file_open(AT_FDCWD, is_directory ? inside : path, fd, error);
}

bool cli_colour(void)
{
	const char *no_colour = getenv("NO_COLOR"), *terminal = getenv("TERM");
	return isatty(STDOUT_FILENO) && !(no_colour && no_colour[0]) &&
	       !(terminal && strcmp(terminal, "dumb") == 0);
}

bool cli_print(const char *text)
{
	if (fputs(text, stdout) != EOF && fflush(stdout) == 0)
		return true;
	if (errno != EPIPE) // who closed the pipe has read enough
		fprintf(stderr, _("whyoom: cannot write to standard output: %s\n"),
			gettext(strerror(errno)));
	return false;
}

bool cli_print_json(struct json_t *value)
{
	_cleanup_free_ char *text = json_dumps(value, JSON_INDENT(2));
	json_decref(value);
	return text && cli_print(text) && cli_print("\n");
}

int cli_run_apart(int (*work)(const void *context), const void *context)
{
	fflush(NULL);
	pid_t child = fork();
	if (child == 0) {
		int code = work(context);
		fflush(NULL);
		_exit(code);
	}
	int status = 0;
	if (child < 0 || waitpid(child, &status, 0) != child) {
		fprintf(stderr, _("whyoom: cannot start a process: %s\n"),
			gettext(strerror(errno)));
		return EXIT_INTERNAL;
	}
	if (WIFEXITED(status))
		return WEXITSTATUS(status);
	fprintf(stderr, _("whyoom: the reading process died by signal %d; please report this\n"),
		WTERMSIG(status));
	return EXIT_INTERNAL;
}

struct sandboxed {
	int (*work)(void *context);
	void *context;
	const struct cli_arguments *arguments;
};

static int enter_and_work(const void *context)
{
	const struct sandboxed *sandboxed = context;
	struct error error = {0};
	return sandbox_enter(SANDBOX_DEFAULT, &error) ? sandboxed->work(sandboxed->context)
						      : cli_fail(sandboxed->arguments, &error);
}

int cli_run_sandboxed(int (*work)(void *context), void *context,
		      const struct cli_arguments *arguments)
{
	struct sandboxed sandboxed = {work, context, arguments};
	return cli_run_apart(enter_and_work, &sandboxed);
}
