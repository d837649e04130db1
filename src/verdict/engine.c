// SPDX-License-Identifier: Apache-2.0
// In: the evidence, the tables of rules. Out: the rule that explains most of it.
#include "verdict/engine.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/i18n.h"
#include "base/units.h"
#include "snapshot/absent_words.h"
#include "verdict/inside.h"

static const double EXPLAINED_MIN = 0.5; // less explains too little
static const double OBJECTS_MIN = 0.4;   // of the Go heap: else the question is what is kept free
static const double COVERAGE_MIN = 0.5;  // of the Go heap that the profile's samples stand for
static const double GENERIC_MALUS = 0.6;
static const double CHAIN_MIN = 0.7;        // of what grew, of several functions taken together
static const double BURST_BEFORE_MAX = 0.1; // of a group, at the baseline
static const double CAME_BACK_MAX = 0.2;    // to be as many again as before: no more than this
static const int64_t SMALL_HEAP_BYTES = 16 << 20; // below, a few samples prove nothing
enum { SITES_ASKED = 6, GROUPS_ASKED = 8, GROUP_RISE_MIN = 20 };

struct engine {
	struct evidence *evidence;
	struct finding best;
	struct strbuf *why_not;
};

bool engine_in_trouble(const struct evidence *evidence)
{
	return evidence->kill || evidence_near_limit(evidence) || evidence->by_growth ||
	       evidence->heap_by_growth;
}

static double share_of(double part, double whole)
{
	return whole > 0 ? part / whole : 0;
}

static bool all_hold(const struct scope *scope, const char *const *conditions)
{
	for (int i = 0; i < RULE_CONDITIONS && conditions[i]; i++)
		if (!scope_holds(scope, conditions[i]))
			return false;
	return true;
}

static void offer(struct engine *engine, const struct finding *finding)
{
	if (finding->share >= EXPLAINED_MIN && finding->score > engine->best.score)
		engine->best = *finding;
}

static double score_of(const struct rule *rule, double share)
{
	return fmin(share, 1) - (rule->generic ? GENERIC_MALUS : 0) -
	       (rule->chain ? GENERIC_MALUS : 0);
}

// What a rule names as explained. Of what grew only what it grew by itself counts, where known.
static bool explained_bytes(const struct scope *scope, const struct rule *rule, bool by_growth,
			    double *bytes)
{
	char grown[FACT_NAME_MAX + 8];
	if (!rule->explains)
		return false;
	snprintf(grown, sizeof grown, "%s.grown", rule->explains);
	return (by_growth && scope_number(scope, grown, bytes)) ||
	       scope_number(scope, rule->explains, bytes);
}

// ---- sites ----

static double number(const struct evidence *evidence, const char *name, double otherwise)
{
	struct scope scope = {.evidence = evidence};
	double value;
	return scope_number(&scope, name, &value) ? value : otherwise;
}

// Whether the Go heap is what the memory went to at all.
static bool heap_matters(const struct evidence *evidence, struct strbuf *why_not)
{
	double alloc = number(evidence, "heap.alloc", -1);
	double resident = number(evidence, "heap.resident", -1);
	double memory = number(evidence, "memory", 0);
	double of_charge = evidence->by_growth ? class_share(evidence, CLASS_BIT(CLASS_HEAP))
					       : share_of(resident, memory);
	double objects = share_of(number(evidence, "go.heap.objects", 0), resident);
	double counted = evidence->estimated ? number(evidence, "heap.marked", alloc) : alloc;
	double untouched = number(evidence, "go.heap.untouched", 0);
	double covered = share_of((double)evidence->heap.total, counted - untouched);
	if (evidence->lowered) // of which only what stays is in the sum
		covered = fmax(covered, number(evidence, "heap.coverage", 0));
	if (alloc >= 0 && alloc - untouched < (double)SMALL_HEAP_BYTES)
		strbuf_addf(why_not,
			    _("the Go heap is small (%s), and a few samples prove nothing"),
			    human_bytes((int64_t)(alloc - untouched)).text);
	else if (evidence->uncollected && evidence->by_growth)
		strbuf_add(why_not, _("nothing was collected yet, so what is new may be "
				      "garbage"));
	else if (resident >= 0 && of_charge < EXPLAINED_MIN && evidence->by_growth)
		strbuf_addf(why_not, _("the Go heap is only %s of what the memory grew by"),
			    human_percent(of_charge).text);
	else if (resident >= 0 && of_charge < EXPLAINED_MIN)
		strbuf_addf(why_not, _("the Go heap is only %s of the memory (%s of %s)"),
			    human_percent(of_charge).text, human_bytes((int64_t)resident).text,
			    human_bytes((int64_t)memory).text);
	else if (resident >= 0 && objects < OBJECTS_MIN &&
		 !(evidence->swings && evidence->by_growth)) // then much is free between the waves
		strbuf_addf(why_not,
			    _("objects are only %s of the Go heap (%s of %s): most of it is kept "
			      "free"),
			    human_percent(objects).text,
			    human_bytes((int64_t)number(evidence, "go.heap.objects", 0)).text,
			    human_bytes((int64_t)resident).text);
	else if (alloc >= 0 && covered < COVERAGE_MIN)
		strbuf_addf(why_not, _("the heap profile stands for only %s of the Go heap"),
			    human_percent(covered).text);
	else
		return true;
	return false;
}

static void say_too_little(const struct evidence *evidence, const struct site *site,
			   struct strbuf *why_not)
{
	double share = share_of((double)site_rise(evidence, site), (double)heap_rise(evidence));
	strbuf_addf(why_not, _("no function of the program explains half of %s; the largest, "),
		    evidence->heap_by_growth ? _("what the Go heap grew by") : _("the Go heap"));
	strbuf_add_safe(why_not, site->frame.function);
	strbuf_addf(why_not, _(", explains %s"), human_percent(share).text);
}

// What a queue replaces seems to be kept until it is collected.
static bool only_passes(const struct scope *scope, const struct rule *rule, struct strbuf *why_not)
{
	if (!scope_holds(scope, "site.through_queue == 1"))
		return false;
	if (!rule->when[0] && !rule->stack[0]) // once
		strbuf_add(why_not,
			   _("what is new goes into a channel that is as full as it was, and no "
			     "collection found much else live: look longer (--for)"));
	return true;
}

// Sites of one rule are one cause; the largest of them is named.
static void ask_sites(struct engine *engine, const struct rule *rule)
{
	const struct evidence *evidence = engine->evidence;
	if (evidence->stopped && rule->generic) { // a pattern tells more than that it is large
		if (!rule->stack[0] && !rule->when[0] && !rule->chain) // once
			strbuf_add(
				engine->why_not,
				_("what the Go heap grew by came in one piece; since the last "
				  "collection hardly anything was allocated, and only the next one "
				  "shows what is kept"));
		return;
	}
	struct sites_filter filter = {.stack = rule->stack[0] ? rule->stack : NULL,
				      .without = rule->without[0] ? rule->without : NULL,
				      .partly = rule->partly[0] ? rule->partly : NULL,
				      .called = rule->called,
				      .chain = rule->chain,
				      .ownerless = !rule->generic};
	struct sites sites = {0};
	int64_t sum = 0;
	sites_collect(evidence, &filter, &sites);
	VEC_FOREACH (site, &sites.list)
		if (site_rise(evidence, site) > 0)
			sum += site_rise(evidence, site);
	const struct site *largest = rule->chain ? sites_nearest(evidence, &sites, CHAIN_MIN)
						 : sites_largest(&sites, evidence->heap_by_growth);
	if (!largest && rule->generic && !rule->stack[0] && !rule->chain)
		strbuf_add(engine->why_not,
			   _("no function of the program's own code is in any stack"));
	if (largest) {
		struct site site = *largest;
		struct scope scope = {.evidence = evidence, .site = &site};
		double part = rule->generic ? (double)site_rise(evidence, largest) : (double)sum;
		site.during = inside_count(evidence, rule, site.frame.function);
		inside_name_called(evidence, rule, &site);
		(void)explained_bytes(&scope, rule, evidence->heap_by_growth, &part);
		double share = share_of(part, (double)heap_rise(evidence));
		struct finding finding = {.rule = rule,
					  .site = site,
					  .has_site = true,
					  .share = share,
					  .score = score_of(rule, share)};
		if (share < EXPLAINED_MIN && rule->generic && !rule->stack[0] && !rule->when[0])
			say_too_little(evidence, largest, engine->why_not);
		if (all_hold(&scope, rule->when) &&
		    (!rule->check || rule->check(&scope, engine->why_not)) &&
		    (share < EXPLAINED_MIN || !only_passes(&scope, rule, engine->why_not)))
			offer(engine, &finding);
	}
	sites_deinit(&sites);
}

// ---- groups ----

static bool group_matches(const struct rule *rule, const struct goroutine_group *group)
{
	// Of a profile nobody knows whether a goroutine waits, unless its stack tells.
	bool unknown = !group->wait_reason && (!group->state || !group->state[0]);
	const char *wait = group->wait_reason ? group->wait_reason : "";
	bool waits = !rule->waits[0];
	for (int i = 0; i < RULE_WAITS && rule->waits[i]; i++)
		waits |= !unknown && strcmp(rule->waits[i], wait) == 0;
	return waits &&
	       (!rule->created_by || frame_matches(rule->created_by, group->created_by.function)) &&
	       (!rule->stack[0] ||
		frames_match(rule->stack, group, group->depth, group_frame_function)) &&
	       (!rule->without[0] ||
		!frames_match_any(rule->without, group, group->depth, group_frame_function));
}

// What Go's memory grew by where goroutines grew, else what it is.
static double go_rise(const struct evidence *evidence)
{
	double stacks = number(evidence, "goroutines.stacks", 0),
	       heap = (double)evidence->heap.total;
	if (!evidence->groups_by_growth)
		return stacks + heap;
	stacks -= number(evidence, "goroutines.stacks.before", 0);
	heap -= evidence->heap_before.stacks ? (double)evidence->heap_before.total : 0;
	return fmax(stacks, 0) + fmax(heap, 0);
}

static bool find_blamed(const struct evidence *evidence, const struct rule *rule, struct site *out)
{
	struct sites sites = {0};
	for (int i = 0; i < FRAME_PATTERNS_MAX && rule->blame[i]; i++) {
		const char *const one[FRAME_PATTERNS_MAX] = {rule->blame[i]};
		struct sites_filter filter = {.stack = one};
		sites_collect(evidence, &filter, &sites);
		const struct site *site = sites_largest(&sites, evidence->heap_by_growth);
		if (site && site_rise(evidence, site) <= 0)
			site = sites_busiest(&sites);
		if (site)
			*out = *site;
		sites_deinit(&sites);
		if (site)
			return true;
	}
	return false;
}

// As many as now were there between the two looks, and then they ended: a rise that stayed would
// show in the least of them, too.
static bool goroutines_came_back(const struct evidence *evidence, uint64_t rise)
{
	const struct facts *now = evidence->now;
	double low, grown, high, count;
	return evidence->watched && facts_get(now, "between.goroutines.low", &low) &&
	       facts_get(now, "between.goroutines.low_grown", &grown) &&
	       facts_get(now, "between.goroutines.high", &high) &&
	       facts_get(now, "goroutines", &count) && high >= 2 * low &&
	       grown < CAME_BACK_MAX * (double)rise && count - high < CAME_BACK_MAX * high;
}

// A burst is no leak: none has waited for long, and they have come and gone before. Where nobody
// looked in between, that means: hardly one was there at the first look, no more than were there
// before it and had ended.
static bool is_burst(const struct evidence *evidence, const struct wait_group *group)
{
	double ended;
	uint64_t rise = wait_group_rise(evidence, group);
	if (evidence->kill || !evidence->groups_by_growth ||
	    group->waited_ns >= evidence->interval_ns / 2)
		return false;
	return goroutines_came_back(evidence, rise) ||
	       ((double)group->before < BURST_BEFORE_MAX * (double)group->count &&
		facts_get(evidence->before, "goroutines.dead", &ended) && ended >= (double)rise);
}

static void ask_group(struct engine *engine, const struct rule *rule, struct wait_group *group)
{
	struct evidence *evidence = engine->evidence;
	struct scope scope = {.evidence = evidence, .group = group};
	if ((wait_group_rise(evidence, group) < GROUP_RISE_MIN && !rule->few) ||
	    !group_matches(rule, group->example) || is_burst(evidence, group))
		return;
	wait_group_link(evidence, group, rule->holds, rule->along);
	group->during = inside_count(evidence, rule, "");
	double rise = go_rise(evidence);
	double share = rise > 0 ? share_of((double)wait_group_costs(evidence, group), rise)
				: number(evidence, "goroutines.largest_group", 0);
	double explained;
	if (rule->explains && scope_number(&scope, rule->explains, &explained))
		share = rise > 0 ? share_of(explained, rise) : 0;
	struct finding finding = {.rule = rule,
				  .group = group,
				  .share = fmin(share, 1),
				  .score = score_of(rule, share)};
	if (share < EXPLAINED_MIN || finding.score <= engine->best.score ||
	    !all_hold(&scope, rule->when))
		return;
	finding.has_site =
		!group->own && (find_blamed(evidence, rule, &finding.site) ||
				inside_find_starter(evidence, rule, group, &finding.site));
	offer(engine, &finding);
}

static void ask_groups(struct engine *engine, const struct rule *rule)
{
	VEC_FOREACH (group, &engine->evidence->groups)
		ask_group(engine, rule, group);
}

// ---- the process ----

// Of a rule of the process: the goroutines that its patterns are about, to be named.
static struct wait_group *find_group(const struct engine *engine, const struct rule *rule)
{
	struct evidence *evidence = engine->evidence;
	struct wait_group *most = NULL;
	VEC_FOREACH (group, &evidence->groups)
		if (group_matches(rule, group->example) &&
		    (!most || wait_group_rise(evidence, group) > wait_group_rise(evidence, most)))
			most = group;
	return most;
}

static void ask_process(struct engine *engine, const struct rule *rule)
{
	const struct evidence *evidence = engine->evidence;
	struct scope scope = {.evidence = evidence};
	double share = 1, bytes;
	if (explained_bytes(&scope, rule, evidence->by_growth, &bytes))
		share = share_of(bytes, (double)class_rise(evidence, rule->classes));
	else if (rule->classes && rule->classes != CLASSES_ALL)
		share = class_share(evidence, rule->classes);
	struct finding finding = {
		.rule = rule, .share = fmin(share, 1), .score = score_of(rule, share)};
	if (rule->stack[0])
		finding.group = find_group(engine, rule);
	if (all_hold(&scope, rule->when) && (!rule->check || rule->check(&scope, engine->why_not)))
		offer(engine, &finding);
}

// ---- all ----

// What began to grow after the memory did cannot be what it began with.
static bool is_consequence(const struct evidence *evidence, const struct rule *rule)
{
	enum course_metric number = rule->subject == RULE_GROUP ? COURSE_GOROUTINES : rule->number;
	return rule->status == VERDICT_CAUSE &&
	       onsets_is_consequence(&evidence->now->onsets, number);
}

static void ask(struct engine *engine, const struct rule *rule, bool heap_counts)
{
	const struct evidence *evidence = engine->evidence;
	if (is_consequence(evidence, rule))
		return;
	bool classes_known = evidence->rise > 0 && rule->classes && rule->classes != CLASSES_ALL;
	if (rule->subject == RULE_SITE) {
		if (heap_counts)
			ask_sites(engine, rule);
		return;
	}
	if (classes_known && class_share(evidence, rule->classes) < EXPLAINED_MIN)
		return;
	if (rule->subject == RULE_GROUP)
		ask_groups(engine, rule);
	else
		ask_process(engine, rule);
}

static void ask_all(struct engine *engine, bool healthy, bool heap_counts)
{
	for (const struct rule_family *const *family = rule_families; *family; family++)
		for (size_t i = 0; i < (*family)->count; i++)
			if (((*family)->rules[i].status == VERDICT_HEALTHY) == healthy)
				ask(engine, &(*family)->rules[i], heap_counts);
}

void engine_run(struct evidence *evidence, struct finding *finding, struct strbuf *why_not)
{
	struct engine engine = {.evidence = evidence, .best = {.score = -1}, .why_not = why_not};
	bool has_heap = evidence->heap.stacks != NULL;
	if (!has_heap && evidence->now->heap_absent)
		absent_words_add(why_not, evidence->now->heap_absent);
	*finding = (struct finding){0};
	if (evidence->now->identity && !evidence->now->identity->is_go)
		return; // of programs that are not Go the ledger tells, and no rule
	bool heap_counts = has_heap && heap_matters(evidence, why_not);
	ask_all(&engine, false, heap_counts);
	// A process of which it is known that it does not grow, and that has room, is well.
	bool well = evidence->memory_before > 0 && !engine_in_trouble(evidence) &&
		    !evidence->uncollected && !evidence->stopped;
	bool even_flat = engine.best.rule &&
			 (engine.best.rule->subject == RULE_GROUP || engine.best.rule->even_flat);
	if ((!engine.best.rule && !evidence->uncollected && !evidence->stopped) ||
	    (well && !even_flat)) {
		struct finding cause = engine.best;
		engine.best = (struct finding){.score = -1};
		ask_all(&engine, true, heap_counts);
		if (!engine.best.rule)
			engine.best = cause;
	}
	*finding = engine.best;
	if (finding->group) // as its own rule sees it
		wait_group_link(evidence, finding->group, finding->rule->holds,
				finding->rule->along);
}
