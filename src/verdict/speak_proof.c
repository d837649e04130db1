// SPDX-License-Identifier: Apache-2.0
// In: a finding. Out: the lines that prove it.
#include "base/units.h"
#include "verdict/keeper.h"
#include "verdict/speak_priv.h"

static void prove(struct speech *speech, const char *text)
{
	const char *line = speech_fill(speech, text);
	if (line[0])
		vec_push(&speech->verdict->evidence, line);
}

static void prove_keeper(struct speech *speech)
{
	struct keeper keeper;
	struct verdict *verdict = speech->verdict;
	if (!speech->finding->rule->generic ||
	    !keeper_find(speech->evidence, &speech->finding->site, &keeper))
		return;
	const char *place = speech_place(verdict, &keeper.frame);
	struct human bytes = human_bytes((int64_t)keeper.table_bytes);
	const char *table = keeper.slice ? _("a slice") : _("a map");
	const char *line =
		keeper.caller[0]
			? verdict_text(verdict,
				       _("%s, which calls it, also calls %s, which fills %s (%s): "
					 "probably that keeps it, and is what to bound"),
				       keeper.caller, place, table, bytes.text)
			: verdict_text(verdict,
				       _("it is called by way of %s, which has %s that grows (%s): "
					 "probably that keeps it, and is what to bound"),
				       place, table, bytes.text);
	vec_push(&verdict->evidence, line);
}

static void prove_site(struct speech *speech)
{
	const struct site *site = &speech->finding->site;
	struct verdict *verdict = speech->verdict;
	if (site->frame.function[0])
		vec_push(&verdict->evidence,
			 verdict_text(verdict, "%s%s:%lld%s%s", _("at "), site->frame.file,
				      (long long)site->frame.line,
				      site->callee[0] ? _(", which calls ") : "", site->callee));
	prove(speech, _("what was allocated there and is in use now: {site} of the {heap.profiled} "
			"in the heap profile"));
	double untouched;
	if (speech_fact(speech->evidence, "go.heap.untouched", &untouched))
		prove(speech,
		      _("the profile's samples stand for {heap.coverage} of the {heap.alloc} that "
			"the Go heap holds; {go.heap.untouched} of that were never touched, and "
			"are not counted here"));
	else
		prove(speech,
		      _("the profile's samples stand for {heap.coverage} of the {heap.alloc} that "
			"the Go heap holds"));
}

static void prove_site_growth(struct speech *speech, const struct snapshot_baseline *baseline)
{
	const struct evidence *evidence = speech->evidence;
	const struct site *site = &speech->finding->site;
	struct verdict *verdict = speech->verdict;
	if (evidence->following_bytes)
		vec_push(&verdict->evidence,
			 verdict_text(verdict,
				      _("left out: %s of the Go heap that goroutines hold which "
					"began to pile up later"),
				      human_bytes(evidence->following_bytes).text));
	if (!baseline || !evidence->heap_before.stacks || evidence->mismatch)
		return;
	double grown;
	if (evidence->swings && speech_fact(evidence, "between.heap.low_grown", &grown) &&
	    grown > 0)
		prove(speech,
		      _("collections in between found up to {between.heap.most} live; the "
			"least that they found in the last half of the time, "
			"{between.heap.low}, is by {between.heap.low_grown} more than in the "
			"first"));
	if (evidence->lowered)
		prove(speech, _("what came and went in between is left out here"));
	int64_t charge =
		baseline->usage_bytes > 0 ? baseline->usage_bytes : evidence->memory_before;
	vec_push(&verdict->evidence,
		 verdict_text(verdict,
			      _("since %s: the Go heap %s -> %s, of it this function %s -> %s; the "
				"whole charge was %s then"),
			      human_time(baseline->taken_unix_ns).text,
			      human_bytes(evidence->heap_before.total).text,
			      human_bytes(evidence->heap.total).text,
			      human_bytes(site->before_bytes).text, human_bytes(site->bytes).text,
			      human_bytes(charge).text));
}

static void prove_costs(struct speech *speech)
{
	const struct evidence *evidence = speech->evidence;
	if (evidence->groups_by_growth)
		prove(speech, _("what they cost grew by {group.costs}"));
	if (evidence->heap.stacks)
		prove(speech, _("now their stacks are {group.stacks}, and what was allocated for "
				"them or by them {group.holds}"));
	else
		prove(speech, _("now their stacks are {group.stacks}; what they hold is not known "
				"without a heap profile"));
}

static void prove_group(struct speech *speech)
{
	const struct goroutine_frame *frame = speech->finding->group->own;
	struct verdict *verdict = speech->verdict;
	if (frame)
		vec_push(&verdict->evidence, verdict_text(verdict, "%s%s:%lld", _("at "),
							  frame->file, (long long)frame->line));
	else if (speech->finding->has_site)
		vec_push(&verdict->evidence,
			 verdict_text(verdict, "%s%s:%lld", _("called at "),
				      speech->finding->site.frame.file,
				      (long long)speech->finding->site.frame.line));
	prove(speech, _("{group.before} -> {group} goroutines of this kind, {group.rise_share} of "
			"what all grew by"));
	prove_costs(speech);
	prove(speech, _("the longest waits for {group.waits}"));
}

void speak_proof(struct speech *speech)
{
	const struct finding *finding = speech->finding;
	const struct rule *rule = finding->rule;
	struct verdict *verdict = speech->verdict;
	if (rule->subject == RULE_GROUP)
		prove_group(speech);
	else if (finding->group && verdict->guilty.function[0])
		vec_push(&verdict->evidence,
			 verdict_text(verdict, "%s%s:%lld", _("at "), verdict->guilty.file,
				      (long long)verdict->guilty.line));
	else if (finding->has_site)
		prove_site(speech);
	if (finding->has_site && !finding->group)
		prove_keeper(speech);
	for (int i = 0; i < RULE_PROOFS && rule->proof[i]; i++)
		prove(speech, rule->proof[i]);
	if (finding->has_site && !finding->group)
		prove_site_growth(speech, speech->evidence->baseline);
}
