// SPDX-License-Identifier: Apache-2.0
// In: a plan of relief, what became of it. Out: text, the answer to "does it help" first.
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "report/relief_priv.h"
#include "report/text_priv.h"

enum {
	SCAVENGER_FOLLOWS_SINCE = 22, // see golang/setting_places.h
	RATE_IS_COMPARED_SINCE = 24,
};

struct human relief_value(enum go_setting_id setting, int64_t value)
{
	struct human text;
	if (setting == GO_SETTING_MEMORY_LIMIT && value == INT64_MAX)
		snprintf(text.text, sizeof text.text, "%s", _("none"));
	else if (setting == GO_SETTING_GC_PERCENT && value >= 0)
		snprintf(text.text, sizeof text.text, "%" PRId64, value);
	else if (setting == GO_SETTING_GC_PERCENT ||
		 (setting == GO_SETTING_MEM_PROFILE_RATE && value == 0))
		snprintf(text.text, sizeof text.text, "%s", _("off"));
	else
		text = human_bytes(value);
	return text;
}

static const char *label_of(enum go_setting_id setting)
{
	static const char *const labels[] = {
		[GO_SETTING_MEMORY_LIMIT] = N_("memory limit"),
		[GO_SETTING_GC_PERCENT] = "GOGC",
		[GO_SETTING_MEM_PROFILE_RATE] = N_("profile rate"),
	};
	return i18n_text(labels[setting]);
}

static void write_label(enum go_setting_id setting, struct strbuf *out)
{
	strbuf_add(out, "  ");
	text_pad_right(out, label_of(setting), 14);
}

static struct human goal_text(int64_t goal)
{
	struct human none;
	snprintf(none.text, sizeof none.text, "%s", _("none"));
	return goal == INT64_MAX ? none : human_bytes(goal);
}

// What the heap may grow by before it is collected, if nothing is done.
static void write_garbage_to_come(const struct relief_plan *plan, struct strbuf *out)
{
	if (plan->goal_before == INT64_MAX)
		strbuf_add(out, _("; without it garbage is never collected"));
	else if (plan->goal_before > plan->live_bytes)
		strbuf_addf(out,
			    _("; without it there may be %s of garbage before the next collection"),
			    human_bytes(plan->goal_before - plan->live_bytes).text);
}

static void write_helps(const struct relief_plan *plan, struct strbuf *out)
{
	strbuf_addf(
		out,
		_("%s: what has to stay is %s with the runtime's own, and fits\n  %s is garbage or "
		  "idle now"),
		plan->unfelt ? _("relief is not needed") : _("relief helps"),
		human_bytes(plan->live_bytes + plan->overhead_bytes).text,
		human_bytes(plan->reclaimable_bytes).text);
	write_garbage_to_come(plan, out);
	strbuf_add(out, "\n");
}

static void write_delays(const struct relief_plan *plan, struct strbuf *out)
{
	strbuf_addf(
		out,
		_("relief puts a kill off, it does not prevent it: of what was allocated between the "
		  "last two collections\n  %s was still live at the end. That is growth, no garbage"),
		human_percent(plan->survivors).text);
	if (plan->full_in_ns)
		strbuf_addf(out, _("; at %s a second the room is full in %s"),
			    human_bytes(plan->growth_per_second).text,
			    human_duration(plan->full_in_ns).text);
	strbuf_add(out, "\n");
}

static void write_outlook(const struct relief_plan *plan, struct strbuf *out)
{
	switch (plan->outlook) {
	case RELIEF_HELPS:
		write_helps(plan, out);
		break;
	case RELIEF_DELAYS:
		write_delays(plan, out);
		break;
	case RELIEF_CANNOT:
		strbuf_addf(
			out,
			_("relief cannot help: the live heap with the runtime's own needs %s and a "
			  "margin, that is %s: more than the room;\n  only %s is garbage or idle\n"),
			human_bytes(plan->live_bytes + plan->overhead_bytes).text,
			human_bytes(plan->floor_bytes).text,
			human_bytes(plan->reclaimable_bytes).text);
		break;
	}
}

static void write_room(const struct relief_report *report, struct strbuf *out)
{
	const struct relief_room *room = report->room;
	const struct relief_plan *plan = report->plan;
	if (!room->limited) {
		strbuf_add(out, _("  room          no cgroup limit bites it\n"));
		return;
	}
	strbuf_addf(out, _("  room          %s of %s used, by "),
		    human_bytes(room->usage_bytes).text, human_bytes(room->limit_bytes).text);
	strbuf_add_safe(out, room->path);
	if (room->limit_is_above)
		strbuf_add(out, _(" (the limit is of a cgroup above what is seen here)"));
	if (plan->budget_known)
		strbuf_addf(
			out,
			_("\n                less %s in reserve and %s that is not Go's, that is %s"),
			human_bytes(plan->reserve_bytes).text, human_bytes(plan->non_go_bytes).text,
			human_bytes(plan->budget_bytes).text);
	strbuf_add(out, "\n");
}

static void write_cost(const struct relief_plan *plan, struct strbuf *out)
{
	strbuf_addf(out, _("  heap goal     %s -> %s\n"), goal_text(plan->goal_before).text,
		    goal_text(plan->goal_after).text);
	if (plan->gc_cpu_known)
		strbuf_addf(out, _("  collecting    %s of the CPU so far -> about %s%s\n"),
			    human_percent(plan->gc_cpu_before).text,
			    human_percent(plan->gc_cpu_after).text,
			    plan->gc_cpu_at_limit
				    ? _(", where Go stops and lets the heap grow past "
					"the limit")
				    : "");
}

static void write_memory(const struct relief_report *report, struct strbuf *out)
{
	const struct relief_plan *plan = report->plan;
	write_outlook(plan, out);
	strbuf_addf(out, _("  live heap     %s, by the last collection %s\n"),
		    human_bytes(plan->live_bytes).text,
		    human_bytes(report->facts->heap_marked).text);
	write_room(report, out);
	write_cost(plan, out);
}

static void write_changes(const struct relief_report *report, struct strbuf *out)
{
	const struct relief_plan *plan = report->plan;
	for (size_t i = 0; i < plan->change_count; i++) {
		const struct relief_change *change = &plan->changes[i];
		write_label(change->setting, out);
		strbuf_addf(out, "%s -> %s\n", relief_value(change->setting, change->before).text,
			    relief_value(change->setting, change->after).text);
	}
}

static void write_warnings(const struct relief_plan *plan, struct strbuf *out)
{
	if (plan->unfelt)
		strbuf_add(out,
			   _("  The heap's goal is below that limit anyway: it will be felt only "
			     "when the live heap grows.\n"));
	if (plan->above_room)
		strbuf_addf(
			out,
			_("  With %s that is not Go's, this limit lets the cgroup's be passed: it "
			  "does not prevent the kill.\n"),
			human_bytes(plan->non_go_bytes).text);
}

void report_write_relief_plan(const struct relief_report *report, struct strbuf *out)
{
	strbuf_addf(out, _("process %d, "), report->pid);
	strbuf_add_safe(out, report->facts->go_version);
	if (report->plan->about_memory) {
		strbuf_add(out, _(": "));
		write_memory(report, out);
	} else {
		strbuf_addf(out, _(": the heap profiler%s\n"),
			    report->facts->linked_out ? _(" that the linker had left out") : "");
	}
	write_changes(report, out);
	write_warnings(report->plan, out);
}

static void write_when_limit(const struct relief_facts *facts, struct strbuf *out)
{
	bool off = facts->settings[GO_SETTING_GC_PERCENT].place.value < 0;
	strbuf_add(out, _("  The limit is in force from the next time on that the program asks for "
			  "memory; the collector then runs as needed.\n"));
	if (facts->go_minor < SCAVENGER_FOLLOWS_SINCE)
		strbuf_addf(
			out,
			_("  Before Go 1.%d the runtime gives memory back only as it asks for more, "
			  "not in the background.\n"),
			SCAVENGER_FOLLOWS_SINCE);
	else
		strbuf_addf(
			out,
			_("  An idle program notices nothing before its next collection, %s.\n"),
			off ? _("and with GOGC off none comes by itself")
			    : _("two minutes after the last at most"));
}

static void write_when_gc_percent(const struct relief_report *report, struct strbuf *out)
{
	if (report->facts->trigger == INT64_MAX) {
		strbuf_add(out,
			   _("  GOGC is in force after the next collection, which only the memory "
			     "limit starts.\n"));
		return;
	}
	strbuf_addf(
		out,
		_("  GOGC is in force after the next collection, which starts when the heap reaches "
		  "%s%s.\n"),
		human_bytes(report->facts->trigger).text,
		report->plan->starts_late ? _(": that may be too late, --memory-limit acts at once")
					  : "");
}

static void write_when_rate(const struct relief_report *report, int64_t rate, struct strbuf *out)
{
	if (rate == 0)
		strbuf_add(
			out,
			_("  Nothing more is sampled; what was stays in the profile, and `whyoom "
			  "heap` needs the profiler on to scale it.\n"));
	else if (report->facts->go_minor >= RATE_IS_COMPARED_SINCE)
		strbuf_addf(
			out,
			_("  What is allocated from now on is sampled: see `whyoom heap %d`.\n"),
			report->pid);
	else
		strbuf_addf(
			out,
			_("  What is allocated from now on is sampled, on each processor after a few "
			  "MiB at most: see `whyoom heap %d`.\n"),
			report->pid);
}

void report_write_relief_done(const struct relief_report *report, struct strbuf *out)
{
	const struct relief_plan *plan = report->plan;
	strbuf_add(out, _("written, and read back\n"));
	for (size_t i = 0; i < plan->change_count; i++) {
		const struct relief_change *change = &plan->changes[i];
		if (change->setting == GO_SETTING_MEMORY_LIMIT)
			write_when_limit(report->facts, out);
		else if (change->setting == GO_SETTING_GC_PERCENT)
			write_when_gc_percent(report, out);
		else
			write_when_rate(report, change->after, out);
	}
	strbuf_addf(out, _("undo: whyoom %s %d --undo%s%s  (noted in %s)\n"), report->command,
		    report->pid, report->state ? " --state " : "",
		    report->state ? report->state : "", report->record_path);
}

void report_write_relief_undos(pid_t pid, const struct relief_undos *undos, struct strbuf *out)
{
	strbuf_addf(out, _("process %d\n"), pid);
	for (size_t i = 0; i < undos->count; i++) {
		const struct relief_undo *undo = &undos->items[i];
		struct human found = relief_value(undo->setting, undo->found);
		struct human before = relief_value(undo->setting, undo->before);
		write_label(undo->setting, out);
		switch (undo->outcome) {
		case RELIEF_RESTORED:
			strbuf_addf(out, _("%s -> %s, read back\n"), found.text, before.text);
			break;
		case RELIEF_WAS_SO:
			strbuf_addf(out, _("%s, as before already\n"), found.text);
			break;
		case RELIEF_NOT_OURS:
			strbuf_addf(out, _("%s, which is not what whyoom wrote (%s): left alone\n"),
				    found.text, relief_value(undo->setting, undo->written).text);
			break;
		case RELIEF_NOT_YET:
			strbuf_addf(
				out,
				_("%s stays until a collection has taken GOGC over, since without "
				  "either none would start: undo again later\n"),
				found.text);
			break;
		}
	}
	if (undos->stale)
		strbuf_add(
			out,
			_("  What was noted is of another process, which had this id before; the "
			  "note is gone.\n"));
	else if (!undos->count)
		strbuf_add(out, _("  whyoom changed nothing here: nothing to undo\n"));
}
