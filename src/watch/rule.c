// SPDX-License-Identifier: Apache-2.0
// In: readings of a target, again and again. Out: whether a trigger fires now.
#include "watch/rule.h"

#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

#include "base/units.h"

// ---- whom it is about ----

static bool matches(const char *pattern, const char *text)
{
	return text && text[0] && fnmatch(pattern, text, 0) == 0;
}

bool rule_is_about(const struct watch_rule *rule, const struct rule_subject *subject)
{
	return (!rule->only_name[0] || matches(rule->only_name, subject->name) ||
		matches(rule->only_name, subject->executable)) &&
	       (!rule->only_container[0] || matches(rule->only_container, subject->container_id) ||
		matches(rule->only_container, subject->container_name)) &&
	       (!rule->only_cgroup[0] || matches(rule->only_cgroup, subject->cgroup));
}

// ---- the condition ----

static void look_back(const struct condition_term *term, struct rule_state *state, size_t i,
		      const struct readings *readings)
{
	int64_t now_ns = readings->monotonic_ns;
	state->has_baseline[i] = false;
	if (!term->age_ns || !readings->known[term->metric])
		return;
	const int64_t *before = past_find(&state->pasts[i], term->age_ns, now_ns, NULL);
	if (before) {
		state->has_baseline[i] = true;
		state->baselines[i] = *before;
	}
	past_add(&state->pasts[i], term->age_ns, now_ns, readings->values[term->metric]);
}

static bool holds(const struct condition *condition, struct rule_state *state,
		  const struct readings *readings)
{
	bool all = true;
	for (size_t i = 0; i < condition->count; i++) {
		const struct condition_term *term = &condition->terms[i];
		look_back(term, state, i, readings);
		const int64_t *before = state->has_baseline[i] ? &state->baselines[i] : NULL;
		all = condition_term_holds(term, readings, before) == TRUTH_YES && all;
	}
	return all;
}

// ---- how often ----

// A clock that went back: what was fired then counts as fired now.
static void follow_clock(struct rule_state *state, int64_t now_ns)
{
	if (!state->last_ns || (now_ns >= state->last_ns && now_ns - state->last_ns <= RULE_GAP_NS))
		return;
	state->true_ns = 0;
	if (now_ns > state->last_ns)
		return;
	if (state->fired_ns > now_ns)
		state->fired_ns = now_ns;
	for (int i = 0; i < state->fired_count; i++)
		if (state->fired[i] > now_ns)
			state->fired[i] = now_ns;
}

static int fired_within_the_hour(const struct rule_state *state, int64_t now_ns)
{
	int count = 0;
	for (int i = 0; i < state->fired_count; i++)
		count += now_ns - state->fired[i] < RULE_HOUR_NS;
	return count;
}

static void note_fired(struct rule_state *state, int64_t now_ns)
{
	state->fired_ns = now_ns;
	state->fired[state->next_fired] = now_ns;
	state->next_fired = (state->next_fired + 1) % RULE_QUOTA_MAX;
	state->fired_count += state->fired_count < RULE_QUOTA_MAX;
	state->over_quota = false;
}

enum rule_decision rule_update(const struct watch_rule *rule, struct rule_state *state,
			       const struct readings *readings)
{
	int64_t now_ns = readings->monotonic_ns;
	follow_clock(state, now_ns);
	state->last_ns = now_ns;
	if (!holds(&rule->condition, state, readings)) {
		state->true_ns = 0;
		return RULE_QUIET;
	}
	if (!state->true_ns)
		state->true_ns = now_ns;
	if (now_ns - state->true_ns < rule->condition.for_ns ||
	    (state->fired_ns && now_ns - state->fired_ns < rule->cooldown_ns))
		return RULE_QUIET;
	if (fired_within_the_hour(state, now_ns) < rule->quota) {
		note_fired(state, now_ns);
		return RULE_FIRES;
	}
	if (state->over_quota)
		return RULE_QUIET;
	state->over_quota = true;
	state->held_back++;
	return RULE_OVER_QUOTA;
}

// ---- in words ----

static void add_term(const struct condition_term *term, const struct rule_state *state, size_t i,
		     const struct readings *readings, struct strbuf *out)
{
	static const char *const words[] = {[CONDITION_OVER] = "above",
					    [CONDITION_AT_LEAST] = "at least",
					    [CONDITION_UNDER] = "below",
					    [CONDITION_AT_MOST] = "at most"};
	const struct metric_row *row = &metrics[term->metric];
	const int64_t *before = state->has_baseline[i] ? &state->baselines[i] : NULL;
	int64_t threshold = 0;
	(void)!condition_threshold(term, readings, before, &threshold);
	strbuf_addf(out, "%s%s %s, %s %s", i ? " and " : "", row->name,
		    metric_text(row->unit, readings->values[term->metric]).text,
		    words[term->compare], metric_text(row->unit, threshold).text);
	if (before)
		strbuf_addf(out, " (%s before: %s)", human_duration(term->age_ns).text,
			    metric_text(row->unit, *before).text);
}

void rule_reason(const struct watch_rule *rule, const struct rule_state *state,
		 const struct readings *readings, char *text, size_t capacity)
{
	struct strbuf out = {0};
	strbuf_addf(&out, "trigger %s: ", rule->name);
	for (size_t i = 0; i < rule->condition.count; i++)
		add_term(&rule->condition.terms[i], state, i, readings, &out);
	if (rule->condition.for_ns)
		strbuf_addf(&out, ", for %s",
			    human_duration(readings->monotonic_ns - state->true_ns).text);
	snprintf(text, capacity, "%s", out.text);
	strbuf_deinit(&out);
}

uint32_t rules_needs(const struct watch_rule *rules, size_t count)
{
	uint32_t needs = 0;
	for (size_t i = 0; i < count; i++)
		for (size_t j = 0; j < rules[i].condition.count; j++)
			needs |= 1u << rules[i].condition.terms[j].metric;
	return needs;
}

bool rules_need(uint32_t needs, enum metric_source source)
{
	for (int i = 0; i < METRICS; i++)
		if ((needs & 1u << i) && metrics[i].source == source)
			return true;
	return false;
}
