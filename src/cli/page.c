// SPDX-License-Identifier: Apache-2.0
// In: a report. Out: one HTML file, or Markdown on standard output.
#include "cli/page.h"

#include <jansson.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "cli/timeline.h"
#include "report/markdown.h"
#include "report/page.h"
#include "report/report.h"
#include "store/page_timeline.h"

// What was stored of a live process, should a watch have seen it.
static int open_timeline(const char *target, const struct cli_arguments *arguments)
{
	_cleanup_free_ char *db = cli_timeline_path(arguments);
	struct page_timeline_request request = {.db = db, .end_ns = clock_unix_ns()};
	return target && cli_parse_pid(target, &request.pid, NULL) ? page_timeline_open(&request)
								   : -1;
}

int cli_page_run(struct cli_page *page, const char *target, int (*work)(void *context),
		 void *context, const struct cli_arguments *arguments)
{
	if (!page->path)
		return cli_run_sandboxed(work, context, arguments);
	page->timeline_fd = open_timeline(target, arguments);
	int code = cli_run_into_file(work, context, arguments, &page->output, page->path);
	cleanup_close(&page->timeline_fd);
	if (code == EXIT_OK)
		printf("%s\n", page->path);
	return code;
}

bool cli_page_write(const struct cli_page *page, const struct report *report, struct error *error)
{
	struct strbuf text = {0}, html = {0};
	json_t *model = report_to_json(report), *timeline = page_timeline_load(page->timeline_fd);
	report_write_text(report, (struct report_style){0}, &text);
	struct report_page content = {
		.report = model,
		.text = text.text,
		.heap = report->snapshot->heap,
		.before = report->baseline ? report->baseline->heap : NULL,
		.timeline = timeline,
	};
	bool ok = report_write_page(&content, &html, error) &&
		  file_write(page->output.fd, page->output.path, html.text, html.length, error);
	json_decref(model);
	json_decref(timeline);
	strbuf_deinit(&text);
	strbuf_deinit(&html);
	return ok;
}

int cli_print_markdown(json_t *report)
{
	struct strbuf text = {0};
	report_write_markdown(report, &text);
	json_decref(report);
	bool ok = cli_print(text.text);
	strbuf_deinit(&text);
	return ok ? EXIT_OK : EXIT_INTERNAL;
}
