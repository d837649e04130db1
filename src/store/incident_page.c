// SPDX-License-Identifier: Apache-2.0
// In: the files of an incident, its baseline's, a timeline. Out: one HTML file.
#include "store/incident_page.h"

#include <string.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "profile/pprof_read.h"
#include "report/page.h"
#include "store/page_timeline.h"
#include "store/retold.h"

bool incident_page_open(const char *path, struct incident_page *out, struct error *error)
{
	struct incident_page page = {.timeline_fd = -1};
	_cleanup_free_ char *baseline = alloc_format("%s/baseline", path);
	if (!incident_files_open(path, &page.files, error))
		return false;
	(void)!incident_files_open(baseline, &page.baseline, NULL);
	*out = page;
	return true;
}

void incident_page_close(struct incident_page *page)
{
	incident_files_free(page->files);
	incident_files_free(page->baseline);
	cleanup_close(&page->timeline_fd);
	*page = (struct incident_page){.timeline_fd = -1};
}

// NULL where there is none.
static struct profile *read_heap(const struct incident_files *files)
{
	struct profile *heap = NULL;
	if (files->sizes[INCIDENT_HEAP] &&
	    pprof_parse(files->data[INCIDENT_HEAP], files->sizes[INCIDENT_HEAP], &heap, NULL))
		return heap;
	return NULL;
}

bool incident_page_write(struct incident_page *page, struct strbuf *out, struct error *error)
{
	struct incident_files *files = page->files;
	_cleanup_(profile_freep) struct profile *heap = NULL, *before = NULL;
	json_error_t at;
	if (!incident_files_load(files, error))
		return false;
	bool has_baseline = page->baseline && incident_files_load(page->baseline, NULL);
	if (has_baseline)
		before = read_heap(page->baseline);
	heap = read_heap(files);
	json_t *report =
		json_loadb(files->data[INCIDENT_REPORT_JSON], files->sizes[INCIDENT_REPORT_JSON],
			   JSON_REJECT_DUPLICATES, &at);
	if (!report)
		return error_set(error, ERROR_BAD_DATA, "%.256s/report.json is no JSON: line %d",
				 files->path, at.line);
	struct retold retold;
	struct strbuf text = {0};
	if (incident_retell(files, has_baseline ? page->baseline : NULL, &retold)) {
		json_object_set_new(report, "verdict", report_verdict_to_json(&retold.verdict));
		report_write_text(&retold.report, (struct report_style){0}, &text);
		retold_deinit(&retold);
	}
	json_t *timeline = page_timeline_load(page->timeline_fd);
	page->timeline_fd = -1;
	const char *slash = strrchr(files->path, '/');
	struct report_page model = {
		.report = report,
		.text = text.text ? text.text : files->data[INCIDENT_REPORT_TEXT],
		.heap = heap,
		.before = before,
		.timeline = timeline,
		.directory = slash && slash[1] ? slash + 1 : files->path,
	};
	bool ok = report_write_page(&model, out, error);
	json_decref(report);
	json_decref(timeline);
	strbuf_deinit(&text);
	return ok;
}
