// SPDX-License-Identifier: Apache-2.0
// In: the evidence. Out: what every verdict says: how it was narrowed down, what it is not.
#include <string.h>

#include "base/units.h"
#include "verdict/speak.h"

static const double SMALL = 0.2;            // of the memory: no cause
static const uint64_t GOROUTINES_FEW = 100; // so few cannot be a leak of goroutines

static double share_of(double part, double whole)
{
	return whole > 0 ? part / whole : 0;
}

static bool fact(const struct evidence *evidence, const char *name, double *value)
{
	return facts_get(evidence->now, name, value);
}

// ---- steps ----

static void step_classes(const struct evidence *evidence, struct verdict *verdict)
{
	struct strbuf text = {0};
	bool taken[CLASS_COUNT] = {0};
	if (evidence->rise <= 0)
		return;
	for (int shown = 0; shown < 3; shown++) {
		int largest = -1;
		for (int i = 0; i < CLASS_COUNT; i++)
			if (!taken[i] && (largest < 0 || evidence->classes[i].rise >
								 evidence->classes[largest].rise))
				largest = i;
		double share =
			share_of((double)evidence->classes[largest].rise, (double)evidence->rise);
		taken[largest] = true;
		if (shown && share < 0.05)
			break;
		strbuf_addf(&text, "%s%s %s", shown ? _(", ") : "", i18n_text(class_name(largest)),
			    human_percent(share).text);
	}
	vec_push(&verdict->steps, verdict_text(verdict,
					       evidence->by_growth ? _("of %s that grew: %s")
								   : _("of %s that is there: %s"),
					       human_bytes(evidence->rise).text, text.text));
	strbuf_deinit(&text);
}

static void step_heap(const struct evidence *evidence, struct verdict *verdict)
{
	double live, young, garbage, slots, idle;
	if (!fact(evidence, "go.heap.live", &live) || !fact(evidence, "go.heap.young", &young) ||
	    !fact(evidence, "go.heap.garbage", &garbage) ||
	    !fact(evidence, "go.heap.free_slots", &slots) || !fact(evidence, "go.heap.idle", &idle))
		return;
	vec_push(&verdict->steps,
		 verdict_text(verdict,
			      _("within the Go heap: live %s, allocated since the last collection "
				"%s, garbage %s, free slots %s, idle %s"),
			      human_bytes((int64_t)live).text, human_bytes((int64_t)young).text,
			      human_bytes((int64_t)garbage).text, human_bytes((int64_t)slots).text,
			      human_bytes((int64_t)idle).text));
}

void speak_steps(const struct evidence *evidence, struct verdict *verdict)
{
	step_classes(evidence, verdict);
	step_heap(evidence, verdict);
}

// ---- what it is not ----

static void reject(struct verdict *verdict, const struct evidence *evidence, const char *what,
		   const char *name)
{
	double bytes, memory, share;
	if (!fact(evidence, name, &bytes) || !fact(evidence, "memory", &memory))
		return;
	share = share_of(bytes, memory);
	if (share < SMALL)
		vec_push(&verdict->rejected,
			 verdict_text(verdict, _("%s: %s, %s of the memory"), what,
				      human_bytes((int64_t)bytes).text, human_percent(share).text));
}

static void reject_goroutines(const struct evidence *evidence, struct verdict *verdict)
{
	double count, stacks, before;
	if (!fact(evidence, "goroutines", &count) || !fact(evidence, "goroutines.stacks", &stacks))
		return;
	bool few = count < (double)GOROUTINES_FEW;
	bool flat = evidence->before && facts_get(evidence->before, "goroutines", &before) &&
		    count < before * 1.1 + 20;
	if (flat && !few)
		vec_push(&verdict->rejected,
			 verdict_text(verdict,
				      _("a goroutine leak: %s -> %s goroutines, stacks %s"),
				      human_count((int64_t)before).text,
				      human_count((int64_t)count).text,
				      human_bytes((int64_t)stacks).text));
	else if (few)
		vec_push(&verdict->rejected,
			 verdict_text(verdict, _("a goroutine leak: %s goroutines, stacks %s"),
				      human_count((int64_t)count).text,
				      human_bytes((int64_t)stacks).text));
}

static void reject_garbage(const struct evidence *evidence, struct verdict *verdict)
{
	double marked, live;
	if (fact(evidence, "heap.marked", &marked) && fact(evidence, "heap.live_share", &live) &&
	    live >= 0.5 && live <= 1)
		vec_push(&verdict->rejected,
			 verdict_text(verdict,
				      _("garbage that was not collected: the last collection found "
					"%s live, %s of what is there"),
				      human_bytes((int64_t)marked).text, human_percent(live).text));
}

static void reject_largest(const struct evidence *evidence, const struct finding *finding,
			   struct verdict *verdict)
{
	struct sites_filter all = {0};
	struct sites sites = {0};
	if (!finding->has_site || !evidence->heap_by_growth)
		return;
	sites_collect(evidence, &all, &sites);
	const struct site *largest = sites_largest(&sites, false);
	if (largest && strcmp(largest->frame.function, finding->site.frame.function) != 0)
		vec_push(&verdict->rejected,
			 verdict_text(verdict, _("%s, which holds more (%s), but grew by %s only"),
				      largest->frame.function, human_bytes(largest->bytes).text,
				      human_bytes(site_grown_bytes(largest)).text));
	sites_deinit(&sites);
}

void speak_rejected(const struct evidence *evidence, const struct finding *finding,
		    struct verdict *verdict)
{
	unsigned int classes = finding->rule->classes;
	reject_largest(evidence, finding, verdict);
	if (!finding->group)
		reject_goroutines(evidence, verdict);
	if (!(classes & CLASS_BIT(CLASS_CACHE)))
		reject(verdict, evidence, _("page cache"), "cgroup.cache");
	if (!(classes & CLASS_BIT(CLASS_NATIVE)))
		reject(verdict, evidence, _("memory outside of Go (C libraries, mmap)"), "anon");
	if (finding->rule->subject != RULE_SITE)
		return;
	reject(verdict, evidence, _("heap kept idle by the Go runtime"), "go.heap.idle");
	reject(verdict, evidence, _("fragmentation (free slots inside spans)"),
	       "go.heap.free_slots");
	reject_garbage(evidence, verdict);
}

// ---- what is missing ----

const char *speak_next_of_file(const struct evidence *evidence)
{
	if (!evidence->now->heap)
		return _(
			"goroutines alone do not show who holds the memory: whyoom why PID --for "
			"30s while it lives, or whyoom watch, which takes the heap before the next "
			"kill");
	if (!evidence->before)
		return _("one profile shows who holds the Go heap, not whether it grows, nor what "
			 "else is in the memory: whyoom why PROFILE EARLIER-PROFILE, or whyoom why "
			 "PID --for 30s while it lives");
	return _("profiles show the Go heap and nothing else of the memory: whyoom why PID --for "
		 "30s while it lives");
}

// ---- nothing ----

// Without a heap profile the program can only be asked for one.
static void say_profiler(const struct evidence *evidence, struct verdict *verdict)
{
	const struct snapshot_identity *identity = evidence->now->identity;
	verdict->next_capture =
		!evidence->kill && identity && identity->pid
			? verdict_text(
				  verdict,
				  _("whyoom profiler on %d, and then whyoom why %d --for 30s: what is "
				    "allocated from then on has a name; or import _ \"net/http/pprof\" "
				    "anywhere in the program (no port needed)"),
				  identity->pid, identity->pid)
			: _("import _ \"net/http/pprof\" anywhere in the program (no port needed), "
			    "so that the next one has a heap profile");
}

void speak_not_determined(const struct evidence *evidence, const char *why_not,
			  struct verdict *verdict)
{
	const struct snapshot_identity *identity = evidence->now->identity;
	int largest = -1;
	double memory;
	verdict->sentence = verdict_text(verdict, _("Not determined: %s."), why_not);
	for (int i = 0; i < CLASS_COUNT; i++)
		if (evidence->classes[i].bytes > 0 &&
		    (largest < 0 || evidence->classes[i].bytes > evidence->classes[largest].bytes))
			largest = i;
	if (largest >= 0 && fact(evidence, "memory", &memory))
		vec_push(&verdict->evidence,
			 verdict_text(verdict, _("the largest part of the memory is %s: %s of %s"),
				      i18n_text(class_name(largest)),
				      human_bytes(evidence->classes[largest].bytes).text,
				      human_bytes((int64_t)memory).text));
	if (evidence->mismatch)
		vec_push(&verdict->evidence, verdict_text(verdict, "%s", evidence->mismatch_text));
	if (evidence->now->profiler_off) {
		say_profiler(evidence, verdict);
		return;
	}
	if (!evidence->kill && !fact(evidence, "memory", &memory))
		verdict->next_capture = speak_next_of_file(evidence);
	if (evidence->kill || !identity || !identity->pid)
		return;
	verdict->next_capture =
		evidence->before
			? verdict_text(verdict,
				       _("whyoom watch --pid %d: captures as the limit comes near"),
				       identity->pid)
			: verdict_text(verdict, _("whyoom why %d --for 30s: what grows meanwhile"),
				       identity->pid);
}
