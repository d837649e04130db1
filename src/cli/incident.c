// SPDX-License-Identifier: Apache-2.0
// whyoom report and diff: incidents that were stored, by number or directory.
#include <fcntl.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/i18n.h"
#include "base/cleanup.h"
#include "base/units.h"
#include "cli/cli.h"
#include "cli/output.h"
#include "cli/page.h"
#include "cli/timeline.h"
#include "store/bundle.h"
#include "base/file.h"
#include "report/page.h"
#include "store/incident_diff.h"
#include "store/incident_page.h"
#include "store/page_timeline.h"
#include "store/retold.h"

struct job {
	const struct cli_arguments *arguments;
	struct incident_page sides[2]; // of a diff
	struct bundle bundle;
	struct incident_page page;
	struct cli_output output;
	bool colour;
};

// A number is that of an incident, unless there is a directory of that name.
static bool find_directory(const struct cli_arguments *arguments, const char *given, char *path,
			   int *code)
{
	struct stat status;
	int64_t id;
	if ((stat(given, &status) == 0 && S_ISDIR(status.st_mode)) ||
	    !parse_integer(given, 1, INT64_MAX, &id)) {
		snprintf(path, PATH_MAX, "%s", given);
		return true;
	}
	*code = cli_timeline_incident(arguments, id, path, PATH_MAX);
	return *code == EXIT_OK;
}

// ---- report ----

// Line by line: the file may have been written by anybody, its hash too.
static bool print_text(const char *data, size_t size)
{
	struct strbuf out = {0};
	const char *at = data, *end = data + size;
	while (at < end) {
		const char *line = memchr(at, '\n', (size_t)(end - at));
		size_t length = (size_t)((line ? line : end) - at);
		_cleanup_free_ char *text = strndup(at, length);
		strbuf_add_safe(&out, text ? text : "");
		strbuf_add(&out, "\n");
		at += length + (line != NULL);
	}
	bool ok = cli_print(out.text ? out.text : "");
	strbuf_deinit(&out);
	return ok;
}

// Other rules would say something else by now, so the stored words stay.
static void say_stored(void)
{
	if (i18n_get() != I18N_ENGLISH)
		fprintf(stderr, "%s",
			_("whyoom: the verdict is as it was stored, in English: today's rules "
			  "would say something else\n"));
}

// Where the reader's language is another one than what is stored. False: nothing was printed.
static bool print_retold(struct job *job, json_t *report, int *code)
{
	struct retold retold;
	struct strbuf text = {0};
	bool has_baseline = job->page.baseline && incident_files_load(job->page.baseline, NULL);
	if (!incident_retell(job->page.files, has_baseline ? job->page.baseline : NULL, &retold))
		return false;
	if (report) {
		json_object_set_new(report, "verdict", report_verdict_to_json(&retold.verdict));
		*code = cli_print_markdown(report);
	} else {
		report_write_text(&retold.report, (struct report_style){job->colour}, &text);
		*code = cli_print(text.text) ? EXIT_OK : EXIT_INTERNAL;
	}
	strbuf_deinit(&text);
	retold_deinit(&retold);
	return true;
}

static int print_stored(struct job *job, const struct incident_files *files)
{
	struct error error = {0};
	json_error_t at;
	int code;
	bool markdown = cli_flag(job->arguments, "md");
	if (!cli_flag(job->arguments, "json") && !markdown) {
		if (print_retold(job, NULL, &code))
			return code;
		say_stored();
		return print_text(files->data[INCIDENT_REPORT_TEXT],
				  files->sizes[INCIDENT_REPORT_TEXT])
			       ? EXIT_OK
			       : EXIT_INTERNAL;
	}
	json_t *report = json_loadb(files->data[INCIDENT_REPORT_JSON],
				    files->sizes[INCIDENT_REPORT_JSON], 0, &at);
	if (report && markdown) {
		if (print_retold(job, report, &code))
			return code;
		say_stored();
		return cli_print_markdown(report);
	}
	if (report)
		return cli_print_json(report) ? EXIT_OK : EXIT_INTERNAL;
	error_set(&error, ERROR_BAD_DATA, "%.256s/report.json is no JSON: line %d", files->path,
		  at.line);
	return cli_fail(job->arguments, &error);
}

static int print_report(void *context)
{
	struct job *job = context;
	struct error error = {0};
	return incident_files_load(job->page.files, &error) ? print_stored(job, job->page.files)
							    : cli_fail(job->arguments, &error);
}

static int write_bundle(void *context)
{
	struct job *job = context;
	struct strbuf page = {0};
	struct error error = {0};
	if (report_page_built_in() && !incident_page_write(&job->page, &page, &error))
		return cli_fail(job->arguments, &error);
	bool ok = bundle_write(&job->bundle, page.text, page.length, job->output.fd, &error);
	strbuf_deinit(&page);
	return ok ? EXIT_OK : cli_fail(job->arguments, &error);
}

static bool open_page(struct job *job, const char *path, struct error *error)
{
	char real[PATH_MAX];
	_cleanup_free_ char *db = cli_timeline_path(job->arguments);
	struct page_timeline_request request = {.db = db, .directory = real};
	if (!incident_page_open(path, &job->page, error))
		return false;
	if (realpath(path, real))
		job->page.timeline_fd = page_timeline_open(&request);
	return true;
}

static int make_bundle(struct job *job, const char *path, const char *out)
{
	struct error error = {0};
	if (!open_page(job, path, &error))
		return cli_fail(job->arguments, &error);
	bool ok = bundle_open(path, &job->bundle, &error);
	int code = ok ? cli_run_into_file(write_bundle, job, job->arguments, &job->output, out)
		      : cli_fail(job->arguments, &error);
	bundle_close(&job->bundle);
	incident_page_close(&job->page);
	if (code == EXIT_OK)
		printf("%s\n", out);
	return code;
}

static int write_page(void *context)
{
	struct job *job = context;
	struct strbuf text = {0};
	struct error error = {0};
	bool ok = incident_page_write(&job->page, &text, &error) &&
		  file_write(job->output.fd, job->output.path, text.text, text.length, &error);
	strbuf_deinit(&text);
	return ok ? EXIT_OK : cli_fail(job->arguments, &error);
}

static int make_page(struct job *job, const char *path, const char *out)
{
	struct error error = {0};
	if (!open_page(job, path, &error))
		return cli_fail(job->arguments, &error);
	int code = cli_run_into_file(write_page, job, job->arguments, &job->output, out);
	incident_page_close(&job->page);
	if (code == EXIT_OK)
		printf("%s\n", out);
	return code;
}

int cli_report(const struct cli_arguments *arguments)
{
	struct job job = {.arguments = arguments};
	const char *bundle = cli_value(arguments, "bundle"), *html = cli_value(arguments, "html");
	struct error error = {0};
	char path[PATH_MAX];
	int code;
	if (arguments->positional_count != 1)
		return cli_usage("report: give the number or the directory of one incident");
	if (!find_directory(arguments, arguments->positional[0], path, &code))
		return code;
	if (bundle)
		return make_bundle(&job, path, bundle);
	if (html)
		return make_page(&job, path, html);
	job.colour = cli_colour();
	if (!incident_page_open(path, &job.page, &error))
		return cli_fail(arguments, &error);
	code = cli_run_sandboxed(print_report, &job, arguments);
	incident_page_close(&job.page);
	return code;
}

// ---- diff ----

// The verdicts are stored in English.
static void retell_sides(struct job *job, struct incident_diff *diff)
{
	for (int i = 0; i < 2; i++) {
		struct incident_page *side = &job->sides[i];
		struct retold retold;
		bool has_baseline = side->baseline && incident_files_load(side->baseline, NULL);
		if (!incident_retell(side->files, has_baseline ? side->baseline : NULL, &retold))
			continue;
		incident_diff_retell(diff, i == 1, retold.verdict.sentence);
		retold_deinit(&retold);
	}
}

static int print_difference(void *context)
{
	struct job *job = context;
	struct incident_diff *diff;
	struct error error = {0};
	struct strbuf text = {0};
	if (!incident_files_load(job->sides[0].files, &error) ||
	    !incident_files_load(job->sides[1].files, &error) ||
	    !incident_diff_new(job->sides[0].files, job->sides[1].files, &diff, &error))
		return cli_fail(job->arguments, &error);
	bool ok;
	if (cli_flag(job->arguments, "json")) {
		ok = cli_print_json(incident_diff_to_json(diff));
	} else {
		retell_sides(job, diff);
		incident_diff_write_text(diff, (struct report_style){job->colour}, &text);
		ok = cli_print(text.text);
		strbuf_deinit(&text);
	}
	incident_diff_free(diff);
	return ok ? EXIT_OK : EXIT_INTERNAL;
}

int cli_diff(const struct cli_arguments *arguments)
{
	struct job job = {.arguments = arguments, .colour = cli_colour()};
	struct error error = {0};
	int code = EXIT_OK;
	if (arguments->positional_count != 2)
		return cli_usage("diff: give the numbers or the directories of two incidents");
	for (int i = 0; i < 2 && code == EXIT_OK; i++) {
		char path[PATH_MAX];
		if (find_directory(arguments, arguments->positional[i], path, &code) &&
		    !incident_page_open(path, &job.sides[i], &error))
			code = cli_fail(arguments, &error);
	}
	if (code == EXIT_OK)
		code = cli_run_sandboxed(print_difference, &job, arguments);
	incident_page_close(&job.sides[0]);
	incident_page_close(&job.sides[1]);
	return code;
}
