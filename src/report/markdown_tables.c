// SPDX-License-Identifier: Apache-2.0
// In: ledger, heap and goroutines of a report's JSON. Out: Markdown tables and stacks.
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/i18n.h"
#include "report/heap_untouched.h"
#include "report/markdown_priv.h"
#include "report/row_label.h"
#include "report/text_priv.h"
#include "snapshot/absent_words.h"

enum {
	HOLDERS_SHOWN = 12,
	GROUPS_SHOWN = 8,
	FRAMES_SHOWN = 24,
	LEDGER_DEPTH = 2,
	FILES_MIN_BYTES = 1 << 20
};

// "Not there: why", for a part that is absent. True then.
static bool write_absent(const json_t *part, struct strbuf *out)
{
	const json_t *absent = json_object_get(part, "absent");
	if (!absent && json_is_object(part))
		return false;
	struct strbuf why = {0};
	absent_words_add(&why, absent ? md_text_at(absent, "message") : N_("not in this report"));
	md_add(out, _("Not there"));
	strbuf_add(out, _(": "));
	md_add(out, why.text ? why.text : "");
	strbuf_deinit(&why);
	strbuf_add(out, "\n");
	return true;
}

static void write_ledger_row(const json_t *row, int64_t total, struct strbuf *out)
{
	int64_t bytes = json_integer_value(json_object_get(row, "bytes")),
		depth = md_int_at(row, "depth");
	strbuf_add(out, "| ");
	for (int64_t i = 0; i < depth; i++)
		strbuf_add(out, "&emsp;");
	struct strbuf label = {0};
	row_label_add(&label, md_text_at(row, "label"));
	md_add(out, label.text);
	strbuf_deinit(&label);
	strbuf_addf(out, " | %s | %s |\n", human_bytes(bytes).text,
		    human_percent(total ? (double)bytes / (double)total : 0).text);
}

// The first level whole, so that it sums; below it what is a hundredth or more.
static void write_ledger(const json_t *ledger, struct strbuf *out)
{
	const json_t *rows = json_object_get(ledger, "rows");
	int64_t total = md_int_at(ledger, "total_bytes");
	strbuf_addf(out, "**%s ", human_bytes(total).text);
	md_add(out, i18n_text(md_text_at(ledger, "label")));
	strbuf_addf(out, "**\n\n| %s | %s | %s |\n|:---|---:|---:|\n", _("what"), _("size"),
		    _("share"));
	for (size_t i = 0; i < json_array_size(rows); i++) {
		const json_t *row = json_array_get(rows, i);
		int64_t bytes = md_int_at(row, "bytes"), depth = md_int_at(row, "depth");
		if (depth == 0 || (depth > 0 && depth <= LEDGER_DEPTH && bytes >= total / 100))
			write_ledger_row(row, total, out);
	}
}

static void write_files(const json_t *cgroup, const char *key, const char *title,
			struct strbuf *out)
{
	const json_t *ledger = json_object_get(cgroup, key);
	if (md_int_at(ledger, "total_bytes") < FILES_MIN_BYTES)
		return;
	md_add_heading(out, title);
	write_ledger(ledger, out);
}

void md_write_memory(const json_t *report, struct strbuf *out)
{
	const json_t *cgroup = json_object_get(report, "cgroup");
	const json_t *charge = json_object_get(report, "ledger");
	// A cgroup without a limit is nobody's budget: then the process counts.
	bool limited = json_is_integer(json_object_get(cgroup, "limit_bytes")) &&
		       json_object_get(charge, "rows");
	const json_t *ledger = limited ? charge : json_object_get(report, "process_ledger");
	md_add_heading(out, _("Memory"));
	if (!write_absent(ledger, out))
		write_ledger(ledger, out);
	write_files(cgroup, "cache", _("Files in the page cache"), out);
	write_files(cgroup, "shmem", _("Shared memory and tmpfs"), out);
}

static void write_holder(const json_t *row, struct strbuf *out)
{
	strbuf_addf(out, "| %s | %s | ", md_bytes_at(row, "flat_bytes").text,
		    md_bytes_at(row, "cum_bytes").text);
	md_add_frame(out, row);
	strbuf_add(out, " |\n");
}

static void write_untouched(const json_t *object, struct strbuf *out)
{
	struct heap_untouched untouched = {md_int_at(object, "bytes"),
					   md_int_at(object, "object_size")};
	if (untouched.bytes <= 0)
		return;
	_cleanup_free_ char *line = heap_untouched_line(&untouched);
	md_add(out, line);
	strbuf_add(out, "\n\n");
}

void md_write_heap(const json_t *report, struct strbuf *out)
{
	const json_t *heap = json_object_get(report, "heap"), *rows = json_object_get(heap, "now");
	md_add_heading(out, _("Go heap"));
	if (write_absent(heap, out))
		return;
	write_untouched(json_object_get(heap, "untouched"), out);
	strbuf_addf(out, "| %s | %s | %s |\n|---:|---:|:---|\n", _("now"), _("with calls"),
		    _("function"));
	for (size_t i = 0; i < json_array_size(rows) && i < HOLDERS_SHOWN; i++)
		if (md_int_at(json_array_get(rows, i), "flat_bytes") > 0)
			write_holder(json_array_get(rows, i), out);
}

static void write_group(const json_t *group, struct strbuf *out)
{
	const json_t *frames = json_object_get(group, "frames");
	const char *wait = md_text_at(group, "wait_reason");
	strbuf_addf(out, "\n**%s** ", human_count(md_int_at(group, "count")).text);
	md_add(out, wait[0] ? wait : md_text_at(group, "state"));
	strbuf_add(out, "\n");
	if (!json_array_size(frames))
		return;
	md_begin_block(out);
	for (size_t i = 0; i < json_array_size(frames) && i < FRAMES_SHOWN; i++) {
		const json_t *frame = json_array_get(frames, i);
		struct strbuf line = {0};
		strbuf_addf(&line, "%s  %s:%" PRId64, md_text_at(frame, "function"),
			    text_short_path(md_text_at(frame, "file")), md_int_at(frame, "line"));
		md_add_line(out, line.text);
		strbuf_deinit(&line);
	}
	md_end_block(out);
}

void md_write_goroutines(const json_t *report, struct strbuf *out)
{
	const json_t *part = json_object_get(report, "goroutines");
	const json_t *groups = json_object_get(part, "groups");
	int shown = 0;
	md_add_heading(out, _("Goroutines"));
	if (write_absent(part, out))
		return;
	strbuf_addf(out, _("%s; stacks %s\n"), human_count(md_int_at(part, "count")).text,
		    md_bytes_at(part, "stack_bytes").text);
	for (size_t i = 0; i < json_array_size(groups) && shown < GROUPS_SHOWN; i++) {
		const json_t *group = json_array_get(groups, i);
		if (json_is_true(json_object_get(group, "system")))
			continue;
		write_group(group, out);
		shown++;
	}
}
