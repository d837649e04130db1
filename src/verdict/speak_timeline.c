// SPDX-License-Identifier: Apache-2.0
// In: when each number began to grow, and the marks. Out: in words, in the order of time; what is a
// consequence is called one.
#include <string.h>

#include "base/units.h"
#include "verdict/speak.h"

static const char *const names[COURSE_METRICS] = {
	[COURSE_MEMORY] = N_("memory"),         [COURSE_HEAP] = N_("the Go heap"),
	[COURSE_GOROUTINES] = N_("goroutines"), [COURSE_FDS] = N_("open files and sockets"),
	[COURSE_THREADS] = N_("threads"),
};

static struct human amount(enum course_metric metric, int64_t value)
{
	bool bytes = metric == COURSE_MEMORY || metric == COURSE_HEAP;
	return bytes ? human_bytes(value) : human_count(value);
}

// Of a time, what a screen needs.
static const char *clock_of(const struct human *time)
{
	const char *space = strchr(time->text, ' ');
	return space ? space + 1 : time->text;
}

static void say(struct verdict *verdict, const char *text)
{
	vec_push(&verdict->timeline, text);
}

// ---- what came first ----

static void say_first(const struct onsets *onsets, enum course_metric first,
		      struct verdict *verdict)
{
	const struct onset *onset = &onsets->metrics[first];
	const char *name = i18n_text(names[first]);
	struct human time = human_time(onset->unix_ns);
	struct human ago = human_duration(onsets->to_ns - onset->unix_ns);
	struct human before = amount(first, onset->before), now = amount(first, onset->now);
	if (onset->from_start)
		say(verdict,
		    verdict_text(verdict,
				 _("%s: growing since it was first looked at, %s (%s before the "
				   "end): %s -> %s"),
				 name, clock_of(&time), ago.text, before.text, now.text));
	else
		say(verdict,
		    verdict_text(verdict,
				 _("%s: began to grow first, %s (%s before the end): %s -> %s"),
				 name, clock_of(&time), ago.text, before.text, now.text));
}

// "restart: app started as process 12", "deploy v1.4"
static void say_mark(const struct onset *onset, const struct course_mark *mark,
		     struct verdict *verdict)
{
	struct human time = human_time(mark->unix_ns);
	int64_t after_ns = onset->unix_ns - mark->unix_ns;
	if (!mark->text[0])
		return;
	if (after_ns <= onset->give_ns)
		say(verdict, verdict_text(verdict, _("the growth began with the mark \"%s\" (%s)"),
					  mark->text, clock_of(&time)));
	else
		say(verdict,
		    verdict_text(verdict, _("the growth began %s after the mark \"%s\" (%s)"),
				 human_duration(after_ns).text, mark->text, clock_of(&time)));
}

static void say_marks(const struct onsets *onsets, enum course_metric first,
		      struct verdict *verdict)
{
	const struct onset *onset = &onsets->metrics[first];
	for (int by_hand = 1; by_hand >= 0; by_hand--) {
		const struct course_mark *mark = onset_mark(onsets, onset, by_hand);
		if (mark)
			say_mark(onset, mark, verdict);
	}
}

// What somebody noted when it had begun already did not begin it.
static void reject_marks(const struct onsets *onsets, enum course_metric first,
			 struct verdict *verdict)
{
	const struct onset *onset = &onsets->metrics[first];
	for (int i = 0; i < onsets->mark_count; i++) {
		const struct course_mark *mark = &onsets->marks[i];
		int64_t after_ns = mark->unix_ns - onset->unix_ns;
		if (strcmp(mark->kind, "hand") == 0 && after_ns > onset->give_ns && mark->text[0])
			vec_push(&verdict->rejected,
				 verdict_text(verdict,
					      _("the mark \"%s\": it came %s after the growth had "
						"begun"),
					      mark->text, human_duration(after_ns).text));
	}
}

// ---- the others ----

static void say_later(const struct onsets *onsets, enum course_metric first,
		      enum course_metric metric, struct verdict *verdict)
{
	const struct onset *onset = &onsets->metrics[metric], *began = &onsets->metrics[first];
	struct human after = human_duration(onset->unix_ns - began->unix_ns);
	const char *name = i18n_text(names[metric]), *text;
	struct human before = amount(metric, onset->before), now = amount(metric, onset->now);
	if (!onset_follows(onsets, onset, began))
		text = verdict_text(verdict, _("%s: grew at the same time: %s -> %s"), name,
				    before.text, now.text);
	else if (onsets_is_consequence(onsets, metric))
		text = verdict_text(verdict,
				    _("%s: began to grow %s later, a consequence and not the "
				      "cause: %s -> %s"),
				    name, after.text, before.text, now.text);
	else
		text = verdict_text(verdict, _("%s: began to grow %s later: %s -> %s"), name,
				    after.text, before.text, now.text);
	say(verdict, text);
}

static void reject_consequence(const struct onsets *onsets, enum course_metric metric,
			       struct verdict *verdict)
{
	double share;
	if (onsets_is_consequence(onsets, metric) &&
	    onset_grown_before(onsets, &onsets->metrics[metric], &share))
		vec_push(&verdict->rejected,
			 verdict_text(verdict,
				      _("%s as the cause: when their number began to grow, %s of "
					"the memory's growth was there already"),
				      i18n_text(names[metric]), human_percent(share).text));
}

static void say_flat(const struct onsets *onsets, struct verdict *verdict)
{
	const struct onset *onset = &onsets->metrics[COURSE_GOROUTINES];
	if (onset->known && !onset->grew)
		say(verdict, verdict_text(verdict, _("%s: did not grow: %s -> %s"),
					  i18n_text(names[COURSE_GOROUTINES]),
					  amount(COURSE_GOROUTINES, onset->before).text,
					  amount(COURSE_GOROUTINES, onset->now).text));
}

void speak_timeline(const struct evidence *evidence, struct verdict *verdict)
{
	const struct onsets *onsets = &evidence->now->onsets;
	enum course_metric first = onsets_first(onsets);
	if (first == COURSE_METRICS)
		return;
	say_first(onsets, first, verdict);
	say_marks(onsets, first, verdict);
	for (enum course_metric i = 0; i < COURSE_METRICS; i++)
		if (i != first && onsets->metrics[i].grew)
			say_later(onsets, first, i, verdict);
	for (enum course_metric i = 0; i < COURSE_METRICS; i++)
		reject_consequence(onsets, i, verdict);
	say_flat(onsets, verdict);
	reject_marks(onsets, first, verdict);
}
