// SPDX-License-Identifier: Apache-2.0
// In: goroutines by creator, state, label or function; two sources. Out: tables.
#include <inttypes.h>
#include <string.h>

#include "base/units.h"
#include "goroutine/judge.h"
#include "report/goroutines.h"
#include "report/text_priv.h"

// What stands above the groups, by what they are made of.
static const char *title_of(enum goroutine_by by)
{
	static const char *const titles[GOROUTINE_BY_COUNT] = {
		[GOROUTINE_BY_STACK] = N_("STACK"),       [GOROUTINE_BY_CREATOR] = N_("CREATOR"),
		[GOROUTINE_BY_STATE] = N_("STATE"),       [GOROUTINE_BY_LABEL] = N_("LABEL"),
		[GOROUTINE_BY_FUNCTION] = N_("FUNCTION"),
	};
	return _(titles[by]);
}

static void write_row_heads(enum goroutine_by by, struct strbuf *out)
{
	text_pad_left(out, _("COUNT"), 9);
	text_pad_left(out, _("SHARE"), 7);
	text_pad_left(out, _("OLDEST"), 10);
	text_pad_left(out, _("MEDIAN"), 10);
	text_pad_left(out, _("STACKS"), 11);
	strbuf_addf(out, "  %s\n", title_of(by));
}

static int64_t oldest_of(const struct goroutine_row *row)
{
	return row->waits.count ? row->waits.items[row->waits.count - 1] : 0;
}

static const char *wait_text(int64_t ns, struct human *storage)
{
	if (!ns)
		return "-";
	*storage = human_duration(ns);
	return storage->text;
}

static void write_row(const struct goroutine_view *view, const struct goroutine_row *row,
		      bool stack_bytes, struct strbuf *out)
{
	struct human oldest, median;
	strbuf_addf(out, "%9s  %5s  %8s  %8s  %9s  ", human_count((int64_t)row->count).text,
		    human_percent(view->total ? (double)row->count / (double)view->total : 0).text,
		    wait_text(oldest_of(row), &oldest),
		    wait_text(goroutine_median_wait(row->waits.items, row->waits.count, row->count),
			      &median),
		    stack_bytes ? human_bytes((int64_t)row->stack_bytes).text : "-");
	goroutine_row_title(view, row, out);
	strbuf_add(out, "\n");
}

void text_write_goroutine_rows(const struct goroutine_set *set, struct goroutine_options options,
			       struct strbuf *out)
{
	struct goroutine_view view;
	goroutine_view_make(set, options.by, &view);
	write_row_heads(options.by, out);
	for (size_t i = 0; i < view.rows.count && i < options.rows; i++)
		write_row(&view, &view.rows.items[i], set->knows_stack_bytes, out);
	if (view.rows.count > options.rows)
		strbuf_addf(out, _("%zu more rows: --rows %zu shows them\n"),
			    view.rows.count - options.rows, view.rows.count);
	strbuf_add(out, _("Times are the least that is known.\n"));
	goroutine_view_deinit(&view);
}

// ---- two sources ----

static const char *what_happened(const struct goroutine_row *row)
{
	int64_t growth = goroutine_row_growth(row);
	if (!row->before)
		return _("appeared");
	if (!row->count)
		return _("vanished");
	return growth > 0 ? _("grew") : growth < 0 ? _("shrank") : _("same");
}

static void write_stack(const struct goroutine_group *group, struct strbuf *out)
{
	enum { FRAMES_SHOWN = 6 };
	for (size_t i = 0; i < group->depth && i < FRAMES_SHOWN; i++) {
		strbuf_add(out, "      ");
		strbuf_add_safe(out, group->frames[i].function);
		strbuf_add(out, "  ");
		strbuf_add_safe(out, group->frames[i].file);
		strbuf_addf(out, ":%" PRId64 "\n", group->frames[i].line);
	}
	if (group->created_by.function[0]) {
		strbuf_add(out, _("      created by "));
		strbuf_add_safe(out, group->created_by.function);
		strbuf_add(out, "  ");
		strbuf_add_safe(out, group->created_by.file);
		strbuf_addf(out, ":%" PRId64 "\n", group->created_by.line);
	}
}

static struct goroutine_judgement judge_row(const struct goroutine_row *row)
{
	struct goroutine_group whole = *row->example;
	struct goroutine_judgement judgement;
	whole.count = row->count;
	goroutine_judge(&whole, (int64_t)row->before, &judgement);
	return judgement;
}

static void write_judgement(const struct goroutine_row *row, struct strbuf *out)
{
	struct goroutine_judgement judgement = judge_row(row);
	if (judgement.verdict == GOROUTINE_QUIET)
		return;
	strbuf_add(out, judgement.verdict == GOROUTINE_IDLE ? _("      idle by design: ")
							    : _("      suspect: "));
	strbuf_add_safe(out, judgement.reasons);
	strbuf_add(out, "\n");
}

static void write_change(const struct goroutine_view *view, const struct goroutine_row *row,
			 struct strbuf *out)
{
	char delta[48];
	int64_t growth = goroutine_row_growth(row);
	snprintf(delta, sizeof delta, "%s%s", growth > 0 ? "+" : "", human_count(growth).text);
	strbuf_addf(out, "%9s  %9s  %9s  ", delta, human_count((int64_t)row->before).text,
		    human_count((int64_t)row->count).text);
	text_pad_right(out, what_happened(row), 10);
	goroutine_row_title(view, row, out);
	strbuf_add(out, "\n");
	if (view->by != GOROUTINE_BY_STACK)
		return;
	if (growth > 0)
		write_judgement(row, out);
	write_stack(row->example, out);
}

static const char *by_word(enum goroutine_by by)
{
	static const char *const words[GOROUTINE_BY_COUNT] = {
		[GOROUTINE_BY_STACK] = N_("stack"),       [GOROUTINE_BY_CREATOR] = N_("creator"),
		[GOROUTINE_BY_STATE] = N_("state"),       [GOROUTINE_BY_LABEL] = N_("label"),
		[GOROUTINE_BY_FUNCTION] = N_("function"),
	};
	return _(words[by]);
}

static void write_sums(const struct goroutine_view *view, struct strbuf *out)
{
	uint64_t appeared = 0, vanished = 0, grew = 0, shrank = 0;
	VEC_FOREACH (row, &view->rows) {
		appeared += !row->before;
		vanished += !row->count;
		grew += row->before && row->count > row->before;
		shrank += row->count && row->count < row->before;
	}
	strbuf_addf(out,
		    _("  groups by %s: %llu grew, %llu appeared, %llu shrank, %llu vanished\n"),
		    by_word(view->by), (unsigned long long)grew, (unsigned long long)appeared,
		    (unsigned long long)shrank, (unsigned long long)vanished);
}

// What grew most is first; what shrank most is last.
static void write_changes(const struct goroutine_view *view, size_t rows, struct strbuf *out)
{
	size_t shown = 0, changed = 0;
	VEC_FOREACH (row, &view->rows)
		changed += goroutine_row_growth(row) != 0;
	for (size_t i = 0; i < view->rows.count && shown < rows; i++) {
		if (goroutine_row_growth(&view->rows.items[i]) <= 0)
			break;
		write_change(view, &view->rows.items[i], out);
		shown++;
	}
	for (size_t i = view->rows.count; i-- > 0 && shown < rows;) {
		if (goroutine_row_growth(&view->rows.items[i]) >= 0)
			break;
		write_change(view, &view->rows.items[i], out);
		shown++;
	}
	if (changed > shown)
		strbuf_addf(out, _("%zu more changes: --rows %zu shows them\n"), changed - shown,
			    changed);
}

void report_write_goroutines_diff(const struct goroutine_report *before,
				  const struct goroutine_report *after, struct report_style style,
				  struct goroutine_options options, struct strbuf *out)
{
	struct goroutine_view view;
	goroutine_view_compare(before->set, after->set, options.by, &view);
	text_title(out, style, _("GOROUTINES"));
	strbuf_addf(out, _("%s before, %s after\n"), human_count((int64_t)view.before_total).text,
		    human_count((int64_t)view.total).text);
	strbuf_add(out, _("  before: "));
	strbuf_add_safe(out, before->source);
	strbuf_add(out, _("\n  after:  "));
	strbuf_add_safe(out, after->source);
	strbuf_add(out, ")\n");
	write_sums(&view, out);
	if (!before->set->knows_states || !after->set->knows_states)
		strbuf_add(out,
			   _("  one of them is a profile: states and creators are not compared\n"));
	strbuf_add(out, "\n");
	text_pad_left(out, _("CHANGE"), 9);
	text_pad_left(out, _("BEFORE"), 11);
	text_pad_left(out, _("AFTER"), 11);
	strbuf_add(out, "\n");
	write_changes(&view, options.rows, out);
	goroutine_view_deinit(&view);
}

static json_t *frame_to_json(const struct goroutine_frame *frame)
{
	return json_pack("{s:o,s:o,s:I}", "function", report_text_to_json(frame->function), "file",
			 report_text_to_json(frame->file), "line", (json_int_t)frame->line);
}

static json_t *row_to_json(const struct goroutine_view *view, const struct goroutine_row *row)
{
	json_t *frames = json_array();
	struct strbuf title = {0};
	goroutine_row_title(view, row, &title);
	for (size_t i = 0; i < row->example->depth; i++)
		json_array_append_new(frames, frame_to_json(&row->example->frames[i]));
	struct goroutine_judgement judgement = judge_row(row);
	const struct goroutine_frame *creator = &row->example->created_by;
	json_t *object = json_object();
	json_object_set_new(object, "title", report_text_to_json(title.text));
	json_object_set_new(object, "before", json_integer((json_int_t)row->before));
	json_object_set_new(object, "after", json_integer((json_int_t)row->count));
	json_object_set_new(object, "change", json_string(what_happened(row)));
	json_object_set_new(object, "verdict",
			    json_string(goroutine_verdict_name(judgement.verdict)));
	json_object_set_new(object, "reasons", report_text_to_json(judgement.reasons));
	json_object_set_new(object, "created_by",
			    creator->function[0] ? frame_to_json(creator) : json_null());
	json_object_set_new(object, "frames", frames);
	strbuf_deinit(&title);
	return object;
}

json_t *report_goroutines_diff_to_json(const struct goroutine_report *before,
				       const struct goroutine_report *after, enum goroutine_by by)
{
	struct goroutine_view view;
	json_t *rows = json_array();
	goroutine_view_compare(before->set, after->set, by, &view);
	VEC_FOREACH (row, &view.rows)
		json_array_append_new(rows, row_to_json(&view, row));
	json_t *object =
		json_pack("{s:I,s:I,s:s,s:o,s:o,s:o}", "before", (json_int_t)view.before_total,
			  "after", (json_int_t)view.total, "by", goroutine_by_name(by),
			  "before_source", report_text_to_json(before->source), "after_source",
			  report_text_to_json(after->source), "rows", rows);
	goroutine_view_deinit(&view);
	return object;
}
