// SPDX-License-Identifier: Apache-2.0
// In: groups of goroutines. Out: the answer first, then the groups.
#include "report/goroutines.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/units.h"
#include "goroutine/judge.h"
#include "goroutine/own.h"
#include "report/text_priv.h"

enum { STATES_SHOWN = 6, SUSPECTS_SHOWN = 3 };

static void write_states(const struct goroutine_set *set, struct strbuf *out)
{
	for (size_t i = 0; i < set->states.count && i < STATES_SHOWN; i++) {
		strbuf_addf(out, "%s %s ", i ? "," : ":",
			    human_count((int64_t)set->states.items[i].count).text);
		strbuf_add_safe(out, set->states.items[i].state[0] ? set->states.items[i].state
								   : i18n_text(GOROUTINE_NO_STATE));
	}
	if (set->states.count > STATES_SHOWN)
		strbuf_addf(out, _(", %zu other states"), set->states.count - STATES_SHOWN);
}

static void write_place(struct strbuf *out, const struct goroutine_frame *frame)
{
	strbuf_add_safe(out, frame->function);
	strbuf_add(out, " (");
	strbuf_add_safe(out, frame->file);
	strbuf_addf(out, ":%" PRId64 ")", frame->line);
}

static void write_largest(const struct goroutine_set *set, struct strbuf *out)
{
	const struct goroutine_group *group = set->groups.items;
	if (!set->groups.count || group->system || group->count < 2)
		return;
	strbuf_addf(out, _("  %s of the %s are one group: "),
		    human_percent((double)group->count / (double)set->user).text,
		    human_count((int64_t)set->user).text);
	strbuf_add_safe(out, goroutine_group_state(group));
	if (group->waited_ns)
		strbuf_addf(out, _(" (at least %s)"), human_duration(group->waited_ns).text);
	strbuf_add(out, goroutine_group_state(group)[0] ? _(" in ") : _("in "));
	write_place(out, goroutine_group_place(group));
	if (group->created_by.function[0]) {
		strbuf_add(out, _(",\n  created by "));
		write_place(out, &group->created_by);
	}
	strbuf_add(out, "\n");
}

static void write_trouble(const struct snapshot_quality *quality, struct strbuf *out)
{
	if (quality->running_stacks)
		strbuf_addf(out, _("  %llu ran: their stacks need --mode stop\n"),
			    (unsigned long long)quality->running_stacks);
	if (quality->failed_stacks)
		strbuf_addf(out, _("  %llu stacks could not be read whole and are left out\n"),
			    (unsigned long long)quality->failed_stacks);
	if (quality->unreadable_goroutines)
		strbuf_addf(out, _("  %llu goroutines could not be read: they are not counted\n"),
			    (unsigned long long)quality->unreadable_goroutines);
}

static void write_search(const struct snapshot *snapshot, struct strbuf *out)
{
	const struct go_reach *reach = &snapshot->reach;
	if (!snapshot_has(&snapshot->reach_absent)) {
		if (strcmp(snapshot->reach_absent.message, _("not asked for")) == 0)
			return;
		strbuf_add(out, _("  who could wake them was not searched: "));
		strbuf_add_safe(out, i18n_text(snapshot->reach_absent.message));
		strbuf_add(out, "\n");
		return;
	}
	strbuf_addf(
		out,
		_("  who could wake them: %s objects of the heap (%s) were followed from variables and "
		  "stacks;\n  nothing was found for %s. Not looked at: registers, memory of C, "
		  "finalizers and cleanups%s\n"),
		human_count((int64_t)reach->objects).text, human_bytes((int64_t)reach->bytes).text,
		human_count((int64_t)reach->unserved).text,
		snapshot->quality.of_core || snapshot->quality.target_pause_ns
			? ""
			: _(";\n  it ran meanwhile: --mode stop is surer"));
	if (reach->unreadable)
		strbuf_addf(out, _("  %llu pieces of memory could not be read: it is not proven\n"),
			    (unsigned long long)reach->unreadable);
}

static void write_source(const struct goroutine_report *report, struct strbuf *out)
{
	strbuf_add(out, _("  from "));
	strbuf_add_safe(out, report->source);
	if (report->dumps > 1)
		strbuf_addf(out, _(": the last of %llu in it"), (unsigned long long)report->dumps);
	if (report->note[0])
		strbuf_addf(out, "; %s", i18n_text(report->note));
	strbuf_add(out, "\n");
	if (!report->set->knows_states)
		strbuf_add(out, _("  a profile has no states, wait times and creators: what they "
				  "wait for is told by their stacks\n"));
	if (report->cut)
		strbuf_add(out, _("  it was cut: goroutines may be missing\n"));
	if (report->left_out)
		strbuf_addf(
			out,
			_("  %llu goroutines are in no group: there are too many different stacks\n"),
			(unsigned long long)report->left_out);
}

static void write_head(const struct goroutine_report *report, struct report_style style,
		       struct strbuf *out)
{
	const struct goroutine_set *set = report->set;
	text_title(out, style, _("GOROUTINES"));
	strbuf_add(out, human_count((int64_t)set->user).text);
	write_states(set, out);
	if (set->knows_stack_bytes)
		strbuf_addf(out, _("; stacks %s"), human_bytes((int64_t)set->stack_bytes).text);
	if (report->snapshot || set->total > set->user)
		strbuf_addf(out, _("; %s more are the Go runtime's own"),
			    human_count((int64_t)(set->total - set->user)).text);
	strbuf_add(out, "\n");
	write_largest(set, out);
	if (report->snapshot)
		write_trouble(&report->snapshot->quality, out);
	if (report->snapshot)
		write_search(report->snapshot, out);
	else
		write_source(report, out);
	strbuf_add(out, "\n");
}

struct judged {
	const struct goroutine_group *group;
	struct goroutine_judgement judgement;
	size_t place; // among the groups
};

typedef VEC(struct judged) judged_t;

// Suspects first, the worst of them at the top; the others as they were.
static int by_score(const void *a, const void *b)
{
	const struct judged *left = a, *right = b;
	bool suspect = left->judgement.verdict == GOROUTINE_SUSPECT;
	if (suspect != (right->judgement.verdict == GOROUTINE_SUSPECT))
		return suspect ? -1 : 1;
	if (suspect && left->judgement.score != right->judgement.score)
		return left->judgement.score < right->judgement.score ? 1 : -1;
	return left->place < right->place ? -1 : 1;
}

static void judge_all(const struct goroutine_set *set, judged_t *list)
{
	VEC_FOREACH (group, &set->groups) {
		if (group->system)
			continue;
		struct judged *judged = vec_push(list, {.group = group, .place = list->count});
		goroutine_judge(group, -1, &judged->judgement);
	}
	if (list->count)
		qsort(list->items, list->count, sizeof *list->items, by_score);
}

static void write_suspects(const judged_t *list, struct report_style style, struct strbuf *out)
{
	size_t suspects = 0;
	VEC_FOREACH (judged, list) {
		const struct goroutine_group *group = judged->group;
		if (judged->judgement.verdict != GOROUTINE_SUSPECT || suspects++ == SUSPECTS_SHOWN)
			break;
		text_title(out, style, suspects == 1 ? _("SUSPECT") : "");
		strbuf_addf(out, _("%s in ["), human_count((int64_t)group->count).text);
		strbuf_add_safe(out, goroutine_group_state(group));
		strbuf_add(out, _("] at "));
		write_place(out, goroutine_group_place(group));
		strbuf_add(out, "\n    ");
		strbuf_add_safe(out, judged->judgement.reasons);
		strbuf_add(out, "\n");
	}
	if (suspects)
		strbuf_add(out, "\n");
}

static void write_judgement(const struct goroutine_judgement *judgement, struct strbuf *out)
{
	if (judgement->verdict == GOROUTINE_QUIET)
		return;
	strbuf_add(out,
		   judgement->verdict == GOROUTINE_IDLE ? _("idle by design: ") : _("suspect: "));
	strbuf_add_safe(out, judgement->reasons);
	strbuf_add(out, "\n");
}

static void write_groups(const judged_t *list, size_t rows, struct strbuf *out)
{
	for (size_t i = 0; i < list->count && i < rows; i++) {
		write_judgement(&list->items[i].judgement, out);
		goroutine_group_write(list->items[i].group, out);
	}
	if (list->count > rows)
		strbuf_addf(out, _("%zu more groups: --rows %zu shows them\n"), list->count - rows,
			    list->count);
}

void report_write_goroutines(const struct goroutine_report *report, struct report_style style,
			     struct goroutine_options options, struct strbuf *out)
{
	judged_t list = {0};
	write_head(report, style, out);
	judge_all(report->set, &list);
	write_suspects(&list, style, out);
	if (options.by == GOROUTINE_BY_STACK)
		write_groups(&list, options.rows, out);
	else
		text_write_goroutine_rows(report->set, options, out);
	vec_deinit(&list);
}
