// SPDX-License-Identifier: Apache-2.0
// whyoom why: one snapshot of a live process or a core file, on one screen.
#include <jansson.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "cli/output.h"
#include "cli/timeline.h"
#include "report/markdown.h"
#include "report/page.h"
#include "report/report.h"
#include "snapshot/capture.h"
#include "snapshot/heap_profile.h"
#include "store/page_timeline.h"
#include "verdict/verdict.h"

struct why {
	const struct cli_arguments *arguments;
	const char *html; // the file to write, or NULL
	int timeline_fd;
	struct cli_output output;
	struct capture *capture;
	bool colour;
};

static bool write_page(const struct why *why, const struct report *report, struct error *error)
{
	struct strbuf text = {0}, html = {0};
	json_t *model = report_to_json(report), *timeline = page_timeline_load(why->timeline_fd);
	report_write_text(report, (struct report_style){0}, &text);
	struct report_page page = {.report = model,
				   .text = text.text,
				   .heap = report->snapshot->heap,
				   .timeline = timeline};
	bool ok = report_write_page(&page, &html, error) &&
		  file_write(why->output.fd, why->output.path, html.text, html.length, error);
	json_decref(model);
	json_decref(timeline);
	strbuf_deinit(&text);
	strbuf_deinit(&html);
	return ok;
}

static int show(const struct why *why, const struct snapshot *snapshot)
{
	struct verdict verdict;
	verdict_decide(snapshot, NULL, NULL, &verdict);
	struct report report = {.snapshot = snapshot, .verdict = &verdict};
	struct error error = {0};
	bool ok;
	if (cli_flag(why->arguments, "md")) {
		json_t *model = report_to_json(&report);
		struct strbuf text = {0};
		report_write_markdown(model, &text);
		json_decref(model);
		ok = cli_print(text.text);
		strbuf_deinit(&text);
	} else if (why->html) {
		ok = write_page(why, &report, &error);
	} else if (cli_flag(why->arguments, "json")) {
		ok = cli_print_json(report_to_json(&report));
	} else {
		struct strbuf text = {0};
		report_write_text(&report, (struct report_style){why->colour}, &text);
		ok = cli_print(text.text);
		strbuf_deinit(&text);
	}
	verdict_deinit(&verdict);
	if (error.code)
		return cli_fail(why->arguments, &error);
	return ok ? EXIT_OK : EXIT_INTERNAL;
}

static int work(void *context)
{
	const struct why *why = context;
	_cleanup_(snapshot_freep) struct snapshot *snapshot = NULL;
	struct error error = {0};
	if (!capture_take(why->capture, CAPTURE_ALL | CAPTURE_NATIVE, HEAP_INUSE_SPACE, &snapshot,
			  &error))
		return cli_fail(why->arguments, &error);
	if (!snapshot->identity.is_go) {
		error = snapshot->go_absent;
		if (!error.hint[0] && !snapshot->quality.of_core)
			error_hint(&error,
				   "whyoom account %d shows where its memory is all the same",
				   snapshot->identity.pid);
		return cli_fail(why->arguments, &error);
	}
	(void)capture_more_files(why->capture, snapshot);
	return show(why, snapshot);
}

// What was stored of a live process, should a watch have seen it.
static void open_timeline(struct why *why)
{
	_cleanup_free_ char *db = cli_timeline_path(why->arguments);
	struct page_timeline_request request = {.db = db, .end_ns = clock_unix_ns()};
	struct error error;
	if (cli_parse_pid(why->arguments->positional[0], &request.pid, &error))
		why->timeline_fd = page_timeline_open(&request);
}

static int run(struct why *why)
{
	if (!why->html)
		return cli_run_sandboxed(work, why, why->arguments);
	open_timeline(why);
	int code = cli_run_into_file(work, why, why->arguments, &why->output, why->html);
	if (code == EXIT_OK)
		printf("%s\n", why->html);
	return code;
}

int cli_why(const struct cli_arguments *arguments)
{
	struct why why = {.arguments = arguments,
			  .html = cli_value(arguments, "html"),
			  .timeline_fd = -1,
			  .colour = cli_colour()};
	struct error error = {0};
	if (arguments->positional_count != 1)
		return cli_usage("why: give one process id or core file (see whyoom why --help)");
	if (!cli_open_capture(arguments, arguments->positional[0], &why.capture, &error))
		return cli_fail(arguments, &error);
	capture_more_begin(why.capture, "/proc");
	int code = run(&why);
	return cli_close_capture(arguments, why.capture, code);
}
