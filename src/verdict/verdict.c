// SPDX-License-Identifier: Apache-2.0
// In: a snapshot and, after a kill, its facts. Out: the first rule that the evidence carries, or
// "not determined" with the reason.
#include "verdict/verdict.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/units.h"
#include "verdict/rules.h"

static const struct rule rules[] = {
	{"holder", rule_holder},
};

void verdict_deinit(struct verdict *verdict)
{
	vec_deinit(&verdict->evidence);
	vec_deinit(&verdict->rejected);
	arena_deinit(&verdict->arena);
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

const char *verdict_text(struct verdict *verdict, const char *format, ...)
{
	char text[2048];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	const char *copy = arena_string(&verdict->arena, text, strlen(text));
	return copy ? copy : "";
}

const char *verdict_target(struct verdict *verdict, const struct snapshot *snapshot)
{
	return snapshot->quality.of_core ? "CORE"
					 : verdict_text(verdict, "%d", snapshot->identity.pid);
}

const char *path_tail(const char *path, int parts)
{
	const char *tail = path + strlen(path);
	for (; tail > path; tail--)
		if (tail[-1] == '/' && --parts == 0)
			break;
	return tail;
}

static struct evidence gather(const struct snapshot *snapshot,
			      const struct snapshot_baseline *baseline,
			      const struct kill_facts *kill)
{
	struct evidence evidence = {.snapshot = snapshot, .baseline = baseline, .kill = kill};
	evidence.object_bytes = ledger_bytes(&snapshot->process_ledger, "go.heap.objects");
	evidence.heap_bytes = evidence.object_bytes +
			      ledger_bytes(&snapshot->process_ledger, "go.heap.free_slots") +
			      ledger_bytes(&snapshot->process_ledger, "go.heap.idle");
	// A cgroup without a limit is nobody's budget: then the process alone counts.
	bool limited = snapshot_has(&snapshot->cgroup_absent) && snapshot->cgroup.limit_bytes >= 0;
	evidence.ledger = limited ? &snapshot->cgroup_ledger : &snapshot->process_ledger;
	evidence.charge_bytes = evidence.ledger->total_bytes;
	return evidence;
}

// The largest line that has no parts of its own: where to look when no rule fits.
static const struct ledger_row *largest_row(const struct ledger *ledger)
{
	const struct ledger_row *largest = NULL;
	for (size_t i = 0; i < ledger->rows.count; i++) {
		const struct ledger_row *row = &ledger->rows.items[i];
		bool has_parts =
			i + 1 < ledger->rows.count && ledger->rows.items[i + 1].depth > row->depth;
		if (!has_parts && (!largest || row->bytes > largest->bytes))
			largest = row;
	}
	return largest;
}

static void say_not_determined(const struct evidence *evidence, struct verdict *verdict,
			       const char *why_not)
{
	const struct snapshot *snapshot = evidence->snapshot;
	const struct ledger *ledger = evidence->ledger;
	const struct ledger_row *largest = largest_row(ledger);
	verdict->sentence = verdict_text(verdict, "Not determined: %s.", why_not);
	if (largest)
		vec_push(&verdict->evidence,
			 verdict_text(verdict, "the largest part of the memory is %s: %s of %s",
				      largest->label, human_bytes(largest->bytes).text,
				      human_bytes(ledger->total_bytes).text));
	if (!evidence->kill && !snapshot->quality.of_core)
		verdict->next_capture = verdict_text(
			verdict, "whyoom watch --pid %d: captures as the limit comes near",
			snapshot->identity.pid);
}

void verdict_decide(const struct snapshot *snapshot, const struct snapshot_baseline *baseline,
		    const struct kill_facts *kill, struct verdict *out)
{
	struct verdict verdict = {.rule = "",
				  .sentence = "",
				  .library_call = "",
				  .refuted_by = "",
				  .fix = "",
				  .next_capture = "",
				  .guilty = {"", "", 0}};
	struct evidence evidence = gather(snapshot, baseline, kill);
	struct strbuf why_not = {0};
	for (size_t i = 0; i < sizeof rules / sizeof *rules && !verdict.determined; i++) {
		verdict.determined = rules[i].decide(&evidence, &verdict, &why_not);
		if (verdict.determined)
			verdict.rule = rules[i].name;
	}
	if (!verdict.determined)
		say_not_determined(&evidence, &verdict,
				   why_not.length ? why_not.text : "no rule fits the evidence");
	strbuf_deinit(&why_not);
	*out = verdict;
}
