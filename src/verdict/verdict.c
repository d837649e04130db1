// SPDX-License-Identifier: Apache-2.0
// In: a snapshot and, after a kill, its facts. Out: the rule that the evidence carries, or
// "not determined" with the reason.
#include "verdict/verdict.h"

#include <string.h>

#include "base/alloc.h"
#include "verdict/speak.h"

// One line a family, here and in the table.
extern const struct rule_family goroutine_family, library_family, heap_family, settings_family,
	native_family, cgroup_family, holder_family, healthy_family;

// clang-format off
const struct rule_family *const rule_families[] = {
	&goroutine_family,
	&library_family,
	&heap_family,
	&settings_family,
	&native_family,
	&cgroup_family,
	&healthy_family,
	&holder_family,
	NULL,
};
// clang-format on

void verdict_deinit(struct verdict *verdict)
{
	vec_deinit(&verdict->steps);
	vec_deinit(&verdict->timeline);
	vec_deinit(&verdict->evidence);
	vec_deinit(&verdict->rejected);
	arena_deinit(&verdict->arena);
	if (verdict->facts)
		facts_deinit(verdict->facts);
	free(verdict->facts);
	verdict->facts = NULL;
}

const char *confidence_name(enum verdict_confidence confidence)
{
	static const char *const names[] = {
		[CONFIDENCE_NONE] = "none",
		[CONFIDENCE_LOW] = "low",
		[CONFIDENCE_MEDIUM] = "medium",
		[CONFIDENCE_HIGH] = "high",
	};
	return names[confidence];
}

const char *verdict_status_name(enum verdict_status status)
{
	static const char *const names[] = {
		[VERDICT_NOT_DETERMINED] = "not-determined",
		[VERDICT_CAUSE] = "cause",
		[VERDICT_HEALTHY] = "healthy",
		[VERDICT_HOLDER] = "holder",
	};
	return names[status];
}

void verdict_decide_on(struct facts *facts, const struct snapshot_baseline *baseline,
		       const struct kill_facts *kill, struct verdict *out)
{
	struct verdict verdict = {.facts = facts,
				  .rule = "",
				  .title = "",
				  .sentence = "",
				  .library_call = "",
				  .refuted_by = "",
				  .fix = "",
				  .relief = "",
				  .fingerprint = "",
				  .next_capture = "",
				  .guilty = {"", "", 0}};
	struct evidence evidence;
	struct finding finding = {0};
	struct strbuf why_not = {0};
	evidence_gather(facts, baseline, kill, &evidence);
	engine_run(&evidence, &finding, &why_not);
	speak_steps(&evidence, &verdict);
	speak_timeline(&evidence, &verdict);
	if (finding.rule) {
		speak_finding(&evidence, &finding, &verdict);
		speak_rejected(&evidence, &finding, &verdict);
	} else {
		speak_not_determined(&evidence,
				     why_not.length ? why_not.text : _("no rule fits the evidence"),
				     &verdict);
	}
	strbuf_deinit(&why_not);
	evidence_deinit(&evidence);
	*out = verdict;
}

void verdict_decide(const struct snapshot *snapshot, const struct snapshot_baseline *baseline,
		    const struct kill_facts *kill, struct verdict *verdict)
{
	struct facts *facts = alloc_zero(sizeof *facts);
	facts_gather(snapshot, kill, facts);
	if (!snapshot_has(&snapshot->heap_absent))
		facts->heap_absent = snapshot->heap_absent.message;
	facts->profiler_off = snapshot_has(&snapshot->go_absent) &&
			      snapshot->heap_absent.code == ERROR_UNSUPPORTED;
	verdict_decide_on(facts, baseline, kill, verdict);
}
