// SPDX-License-Identifier: Apache-2.0
// In: crashes. Out: text.
#include "report/crash.h"

#include <inttypes.h>

#include "base/columns.h"
#include "base/units.h"
#include "crash/causes.h"
#include "report/text_priv.h"

enum { FAULT_FRAMES = 16, GROUP_FRAMES = 8, WIDTH = 96 };

// A sentence in lines of at most WIDTH columns, each with the indent.
static void write_wrapped(struct strbuf *out, const char *mark, const char *text)
{
	size_t column = 0, blanks = 0;
	struct strbuf safe = {0};
	strbuf_add_safe(&safe, text);
	strbuf_add(out, mark);
	for (const char *word = safe.text ? safe.text : ""; *word;) {
		size_t length = columns_unbroken(word), columns = columns_of(word, length);
		if (column && column + blanks + columns > WIDTH) {
			strbuf_add(out, "\n    ");
			column = blanks = 0;
		}
		strbuf_add(out, blanks ? " " : "");
		strbuf_add_bytes(out, word, length);
		column += blanks + columns;
		blanks = word[length] == ' ';
		word += length + blanks;
	}
	strbuf_add(out, "\n");
	strbuf_deinit(&safe);
}

static void write_place(struct strbuf *out, const struct crash_frame *frame)
{
	strbuf_add_safe(out, frame->function[0] ? frame->function : _("(cut off)"));
	if (!frame->file[0])
		return;
	strbuf_add(out, "  ");
	strbuf_add_safe(out, frame->file);
	strbuf_addf(out, ":%" PRId64, frame->line);
}

static const char *mark_of(enum crash_owner owner)
{
	static const char *const marks[] = {"?", ">", "+", " ", " "};
	return marks[owner];
}

static void write_frames(struct strbuf *out, const struct crash_group *group, size_t limit)
{
	size_t hidden = 0;
	for (size_t i = 0; i < group->depth; i++) {
		const struct crash_frame *frame = &group->frames[i];
		bool weighty = frame->owner <= CRASH_OWNER_THIRD_PARTY;
		if (i >= limit && !(weighty && i < 2 * limit)) {
			hidden++;
			continue;
		}
		strbuf_addf(out, "    %s ", mark_of(frame->owner));
		write_place(out, frame);
		strbuf_add(out, "\n");
	}
	if (hidden)
		strbuf_addf(out, _("      (%zu more frames)\n"), hidden);
	if (group->elided)
		strbuf_add(out, _("      (the log leaves frames out)\n"));
	if (group->no_stack)
		strbuf_add(out, _("      (the log has no stack of it)\n"));
	if (!group->creator.function[0])
		return;
	strbuf_addf(out, "    %s ", mark_of(group->creator.owner));
	strbuf_add(out, _("created by "));
	write_place(out, &group->creator);
	strbuf_add(out, "\n");
}

static void write_version(struct strbuf *out, const struct crash_version *version)
{
	if (version->exact[0])
		strbuf_addf(out, _("Go %s: %s\n"), version->exact, version->reason);
	else if (version->low && version->low == version->high)
		strbuf_addf(out, _("Go 1.%d: %s\n"), version->low, version->reason);
	else if (version->low && version->high)
		strbuf_addf(out, _("Go 1.%d to 1.%d: %s\n"), version->low, version->high,
			    version->reason);
	else if (version->low)
		strbuf_addf(out, _("Go 1.%d or later: %s\n"), version->low, version->reason);
	else if (version->high)
		strbuf_addf(out, _("Go 1.%d or earlier: %s\n"), version->high, version->reason);
	else
		strbuf_add(out, _("Go version not known: nothing in the log tells\n"));
}

static void write_head(struct strbuf *out, const struct crash *crash, struct report_style style,
		       size_t number, size_t of)
{
	char title[48];
	if (of > 1) {
		snprintf(title, sizeof title, _("%zu of %zu"), number, of);
		text_title(out, style, title);
	}
	text_bold(out, style, crash->headline);
	strbuf_add(out, "\n");
	if (crash->message[0]) {
		strbuf_add(out, "  ");
		strbuf_add_safe(out, crash->message);
		strbuf_add(out, "\n");
	}
	VEC_FOREACH (panic, &crash->panics) {
		if (crash->panics.count < 2)
			break;
		strbuf_addf(out, _("  panic %d: "), (int)(panic - crash->panics.items) + 1);
		strbuf_add_safe(out, panic->text);
		strbuf_add(out, panic->repanicked  ? _(" (recovered, then panicked again)\n")
				: panic->recovered ? _(" (recovered)\n")
				: panic->goexit    ? _(" (goexit)\n")
						   : "\n");
	}
	strbuf_add(out, "\n");
}

static void write_waits(struct strbuf *out, const struct crash_group *group)
{
	uint64_t oldest = crash_group_oldest_minutes(group);
	if (!oldest)
		return;
	strbuf_addf(out, group->count > 1 ? _(", waiting up to %llu min") : _(", waiting %llu min"),
		    (unsigned long long)oldest);
	if (group->count > 1 && crash_group_median_minutes(group))
		strbuf_addf(out, _(" (median %llu)"),
			    (unsigned long long)crash_group_median_minutes(group));
}

static void write_group(struct strbuf *out, const struct crash_group *group)
{
	strbuf_addf(out, "  %s ", human_count((int64_t)group->count).text);
	if (group->kind == CRASH_STACK_RUNTIME)
		strbuf_add(out, _("stack of the scheduler"));
	else if (group->state[0]) {
		strbuf_add(out, "[");
		strbuf_add_safe(out, group->state);
		strbuf_add(out, "]");
	}
	write_waits(out, group);
	if (group->locked)
		strbuf_add(out, _(", locked to a thread"));
	if (group->labels[0]) {
		strbuf_add(out, _(", labels "));
		strbuf_add_safe(out, group->labels);
	}
	if (group->id_count)
		strbuf_addf(out,
			    group->count > 1 ? _(", for example goroutine %llu")
					     : _(", goroutine %llu"),
			    (unsigned long long)group->ids[0]);
	strbuf_add(out, "\n");
	write_frames(out, group, GROUP_FRAMES);
}

static void write_groups(struct strbuf *out, const struct crash *crash, struct report_style style,
			 size_t rows)
{
	size_t left = crash->groups.count - (crash->fault != NULL);
	if (crash->fault) {
		text_title(out, style, crash->recovered ? _("PANICKED") : _("AT FAULT"));
		if (crash->first_id)
			strbuf_addf(out, _("goroutine %llu [%s]; > own code, + third party\n"),
				    (unsigned long long)crash->first_id, crash->fault->state);
		else
			strbuf_add(out,
				   _("its number is not in the log; > own code, + third party\n"));
		write_frames(out, crash->fault, FAULT_FRAMES);
	}
	if (!left)
		return;
	text_title(out, style, crash->kind == CRASH_RACE ? _("ACCESSES") : _("GOROUTINES"));
	if (crash->goroutines)
		strbuf_addf(out, _("%s in %zu groups; > own code, + third party\n"),
			    human_count((int64_t)crash->goroutines).text, crash->groups.count);
	VEC_FOREACH (group, &crash->groups) {
		if (group == crash->fault || !rows)
			continue;
		write_group(out, group);
		rows--;
		left--;
	}
	if (left)
		strbuf_addf(out, _("  (%zu more groups: --rows shows them)\n"), left);
}

static void write_crash(struct strbuf *out, const struct crash *crash, struct report_style style,
			size_t rows, size_t number, size_t of)
{
	write_head(out, crash, style, number, of);
	VEC_FOREACH (finding, &crash->findings)
		write_wrapped(out, "  - ", finding->text);
	write_groups(out, crash, style, rows);
	strbuf_add(out, "\n");
	VEC_FOREACH (note, &crash->notes) {
		strbuf_add(out, note == crash->notes.items ? _("also said: ") : "           ");
		strbuf_add_safe(out, *note);
		strbuf_add(out, "\n");
	}
	if (crash->kind != CRASH_KERNEL_OOM)
		write_version(out, &crash->version);
	strbuf_addf(out, _("From line %llu of the input%s%s\n"),
		    (unsigned long long)crash->first_line,
		    crash->wrapping[0] ? _("; unwrapped from ") : "", i18n_text(crash->wrapping));
}

void report_write_crashes(const struct crash_log *log, struct report_style style, size_t rows,
			  struct strbuf *out)
{
	for (size_t i = 0; i < log->crashes.count; i++) {
		if (i)
			strbuf_add(out, "\n");
		write_crash(out, &log->crashes.items[i], style, rows, i + 1, log->crashes.count);
	}
	if (log->crashes_left_out)
		strbuf_addf(out, _("%llu more crashes are left out\n"),
			    (unsigned long long)log->crashes_left_out);
	if (log->input_cut)
		strbuf_add(out,
			   _("The input is damaged or cut in its compression: what came before "
			     "that was read\n"));
}
