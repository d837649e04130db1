// SPDX-License-Identifier: Apache-2.0
// The holder: one function of the program's own code allocated most of what the Go heap holds, and
// the Go heap is most of the memory. In: the heap profile as it is now, the ledger. Out: a verdict.
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/units.h"
#include "verdict/sites.h"

static const double SHARE_HIGH = 0.8;  // of what the heap grew by: high confidence
static const double SHARE_MIN = 0.5;   // less explains too little
static const double OBJECTS_MIN = 0.4; // of the Go heap: else the question is what is kept free
static const double GROWTH_MIN = 0.2;  // of the heap: less growth does not decide
static const double PRESSURE_MIN =
	0.7; // of the limit: below, a process that lives is not in trouble
static const double COVERAGE_MIN = 0.5;     // of the Go heap that the profile's samples stand for
static const uint64_t GOROUTINES_FEW = 100; // so few cannot be a leak of goroutines
static const int64_t SMALL_HEAP_BYTES = 16 << 20; // below, a few samples prove nothing

// What a program can do about memory that a certain library call keeps.
static const struct {
	const char *callee; // prefix of the function that the guilty one calls
	const char *fix;
} fixes[] = {
	{"bytes.(*Buffer).",
	 "do not collect whole bodies in a bytes.Buffer: keep at most the first "
	 "few KiB (and the length), or stream to where they go"},
	{"io.ReadAll", "do not read the whole stream: io.LimitReader or http.MaxBytesReader, and "
		       "process it in pieces"},
	{"encoding/json.",
	 "decode into typed structs with json.Decoder in pieces, and limit the input"},
	{"strings.(*Builder).",
	 "write in pieces to where the text goes instead of building all of it"},
	{"compress/", "reuse readers and writers (sync.Pool, Reset), and limit the output"},
};

static const char default_fix[] =
	"bound what it keeps: cap it, stream it, evict it, or let go of it earlier";

static const char *find_fix(const char *callee)
{
	for (size_t i = 0; i < sizeof fixes / sizeof *fixes; i++)
		if (strncmp(callee, fixes[i].callee, strlen(fixes[i].callee)) == 0)
			return fixes[i].fix;
	return default_fix;
}

static double share_of(int64_t part, int64_t whole)
{
	return whole > 0 ? (double)part / (double)whole : 0;
}

static void reject(struct verdict *verdict, const struct evidence *evidence, const char *what,
		   int64_t bytes)
{
	double share = share_of(bytes, evidence->charge_bytes);
	if (share < 0.2)
		vec_push(&verdict->rejected,
			 verdict_text(verdict, "%s: %s, %s of the memory", what,
				      human_bytes(bytes).text, human_percent(share).text));
}

static void reject_alternatives(struct verdict *verdict, const struct evidence *evidence)
{
	const struct snapshot *snapshot = evidence->snapshot;
	const struct ledger *process = &snapshot->process_ledger;
	if (snapshot_has(&snapshot->goroutines_absent) &&
	    snapshot->goroutines.user < GOROUTINES_FEW)
		vec_push(&verdict->rejected,
			 verdict_text(verdict, "a goroutine leak: %s goroutines, stacks %s",
				      human_count((int64_t)snapshot->goroutines.user).text,
				      human_bytes((int64_t)snapshot->goroutines.stack_bytes).text));
	if (evidence->ledger == &snapshot->cgroup_ledger)
		reject(verdict, evidence, "page cache",
		       ledger_bytes(&snapshot->cgroup_ledger, "cache"));
	if (!snapshot_has(&snapshot->process_ledger_absent))
		return;
	reject(verdict, evidence, "memory outside of Go (C libraries, mmap)",
	       ledger_bytes(process, "anon"));
	reject(verdict, evidence, "heap kept idle by the Go runtime",
	       ledger_bytes(process, "go.heap.idle"));
	reject(verdict, evidence, "fragmentation (free slots inside spans)",
	       ledger_bytes(process, "go.heap.free_slots"));
	uint64_t marked = snapshot->go.stats.heap_marked, alloc = snapshot->go.heap_alloc_bytes;
	double live = share_of((int64_t)marked, (int64_t)alloc);
	if (live >= 0.5 && live <= 1)
		vec_push(
			&verdict->rejected,
			verdict_text(verdict,
				     "garbage that was not collected: the last collection found %s "
				     "live, %s of what is there",
				     human_bytes((int64_t)marked).text, human_percent(live).text));
}

static void write_sentence(struct verdict *verdict, const struct evidence *evidence,
			   int64_t heap_bytes)
{
	const struct snapshot_identity *identity = &evidence->snapshot->identity;
	const struct verdict_frame *guilty = &verdict->guilty;
	const struct kill_facts *kill = evidence->kill;
	bool killed = kill && kill_is_for_memory(kill);
	char start[256] = "The largest holder now: ";
	if (killed && kill->cause == KILL_CGROUP_OOM && kill->limit_bytes > 0)
		snprintf(start, sizeof start,
			 "%.64s was killed at its memory limit of %s: ", identity->command,
			 human_bytes(kill->limit_bytes).text);
	else if (killed)
		snprintf(start, sizeof start,
			 "%.64s was killed for want of memory: ", identity->command);
	else if (kill && kill->cause != KILL_NONE)
		snprintf(start, sizeof start,
			 "%.64s was not killed for want of memory; the largest holder at its last "
			 "capture: ",
			 identity->command);
	char growth[256] = "";
	if (verdict->grown_bytes)
		snprintf(growth, sizeof growth,
			 " grew by %s in %s, %s of the Go heap's growth, and",
			 human_bytes(verdict->grown_bytes).text,
			 human_duration(evidence->snapshot->quality.taken_unix_ns -
					evidence->baseline->taken_unix_ns)
				 .text,
			 human_percent(verdict->growth_share).text);
	verdict->sentence =
		verdict_text(verdict, "%s%s (%s:%lld)%s %s %s of the Go heap, %s of %s.", start,
			     guilty->function, path_tail(guilty->file, 1), (long long)guilty->line,
			     growth, killed ? "held" : "holds", human_percent(verdict->share).text,
			     human_bytes(verdict->bytes).text, human_bytes(heap_bytes).text);
}

static void write_evidence(struct verdict *verdict, const struct evidence *evidence, int64_t total,
			   const struct site *site)
{
	const struct snapshot *snapshot = evidence->snapshot;
	vec_push(&verdict->evidence,
		 verdict_text(verdict, "at %s:%lld%s%s", site->frame.file,
			      (long long)site->frame.line, site->callee[0] ? ", which calls " : "",
			      site->callee));
	vec_push(&verdict->evidence,
		 verdict_text(verdict,
			      "what was allocated there and is in use now: %s of the %s in "
			      "the heap profile",
			      human_bytes(site->bytes).text, human_bytes(total).text));
	vec_push(
		&verdict->evidence,
		verdict_text(
			verdict,
			"the profile's samples stand for %s of the %s that the Go heap "
			"holds",
			human_percent(share_of(total, (int64_t)snapshot->go.heap_alloc_bytes)).text,
			human_bytes((int64_t)snapshot->go.heap_alloc_bytes).text));
	if (!snapshot_has(&snapshot->process_ledger_absent))
		return;
	vec_push(&verdict->evidence,
		 verdict_text(
			 verdict,
			 "the Go heap is %s of the memory (%s of %s, resident); %s of it is "
			 "objects",
			 human_percent(share_of(evidence->heap_bytes, evidence->charge_bytes)).text,
			 human_bytes(evidence->heap_bytes).text,
			 human_bytes(evidence->charge_bytes).text,
			 human_bytes(evidence->object_bytes).text));
}

static void write_growth(struct verdict *verdict, const struct evidence *evidence,
			 const struct sites *sites, const struct site *site)
{
	const struct snapshot_baseline *baseline = evidence->baseline;
	if (!baseline)
		return;
	vec_push(&verdict->evidence,
		 verdict_text(verdict,
			      "since %s: the Go heap %s -> %s, of it this function %s -> %s; the "
			      "whole charge was %s then",
			      human_time(baseline->taken_unix_ns).text,
			      human_bytes(sites->total_before).text, human_bytes(sites->total).text,
			      human_bytes(site->before_bytes).text, human_bytes(site->bytes).text,
			      human_bytes(baseline->usage_bytes).text));
	const struct site *largest = sites_largest(sites, false);
	if (largest != site)
		vec_push(&verdict->rejected,
			 verdict_text(verdict, "%s, which holds more (%s), but grew by %s only",
				      largest->frame.function, human_bytes(largest->bytes).text,
				      human_bytes(site_grown_bytes(largest)).text));
}

static bool near_limit(const struct snapshot *snapshot)
{
	return snapshot_has(&snapshot->cgroup_absent) && snapshot->cgroup.limit_bytes > 0 &&
	       share_of(snapshot->cgroup.usage_bytes, snapshot->cgroup.limit_bytes) >= PRESSURE_MIN;
}

static enum verdict_confidence judge_confidence(const struct verdict *verdict,
						const struct evidence *evidence)
{
	const struct kill_facts *kill = evidence->kill;
	bool killed = kill && kill_is_for_memory(kill);
	// Size alone is no proof: who is large may always have been. And much kept free beside the
	// objects may be a second cause.
	if (!killed || verdict->growth_share < SHARE_HIGH ||
	    !snapshot_has(&evidence->snapshot->process_ledger_absent) ||
	    share_of(evidence->object_bytes, evidence->charge_bytes) < SHARE_MIN)
		return CONFIDENCE_MEDIUM;
	return CONFIDENCE_HIGH;
}

static void accuse(struct verdict *verdict, const struct evidence *evidence,
		   const struct sites *sites, const struct site *site, bool by_growth)
{
	verdict->guilty = (struct verdict_frame){
		verdict_text(verdict, "%s", site->frame.function),
		verdict_text(verdict, "%s", site->frame.file),
		site->frame.line,
	};
	verdict->library_call = verdict_text(verdict, "%s", site->callee);
	verdict->bytes = site->bytes;
	verdict->share = share_of(site->bytes, sites->total);
	if (by_growth) {
		verdict->grown_bytes = site_grown_bytes(site);
		verdict->growth_share =
			fmin(share_of(verdict->grown_bytes, sites_grown_bytes(sites)), 1);
	}
	verdict->confidence = judge_confidence(verdict, evidence);
	// A large holder in a process that has room is no fault: nothing to fix then.
	if (evidence->kill || near_limit(evidence->snapshot))
		verdict->fix = verdict_text(verdict, "%s", find_fix(site->callee));
	verdict->refuted_by = "a later capture in which this function's share is small while the "
			      "memory is as large";
	if (!evidence->kill)
		verdict->next_capture = verdict_text(
			verdict,
			"one instant shows who holds the memory, not whether it grows: "
			"save two (whyoom heap %s -o A.pb.gz) and compare them "
			"(whyoom heap --diff A.pb.gz B.pb.gz)",
			verdict_target(verdict, evidence->snapshot));
	write_sentence(verdict, evidence, sites->total);
	write_evidence(verdict, evidence, sites->total, site);
	write_growth(verdict, evidence, sites, site);
	reject_alternatives(verdict, evidence);
}

// Whether the Go heap is what the memory went to at all.
static bool heap_matters(const struct evidence *evidence, int64_t total, struct strbuf *why_not)
{
	const struct snapshot *snapshot = evidence->snapshot;
	int64_t alloc = (int64_t)snapshot->go.heap_alloc_bytes;
	bool accounted = snapshot_has(&snapshot->process_ledger_absent);
	double of_charge = share_of(evidence->heap_bytes, evidence->charge_bytes);
	double objects = share_of(evidence->object_bytes, evidence->heap_bytes);
	if (alloc < SMALL_HEAP_BYTES)
		strbuf_addf(why_not, "the Go heap is small (%s), and a few samples prove nothing",
			    human_bytes(alloc).text);
	else if (accounted && of_charge < SHARE_MIN)
		strbuf_addf(why_not, "the Go heap is only %s of the memory (%s of %s)",
			    human_percent(of_charge).text, human_bytes(evidence->heap_bytes).text,
			    human_bytes(evidence->charge_bytes).text);
	else if (accounted && objects < OBJECTS_MIN)
		strbuf_addf(
			why_not,
			"objects are only %s of the Go heap (%s of %s): most of it is kept free",
			human_percent(objects).text, human_bytes(evidence->object_bytes).text,
			human_bytes(evidence->heap_bytes).text);
	else if (share_of(total, alloc) < COVERAGE_MIN)
		strbuf_addf(why_not, "the heap profile stands for only %s of the Go heap",
			    human_percent(share_of(total, alloc)).text);
	else
		return true;
	return false;
}

// The heap grew enough since the baseline for growth to decide.
static bool grew(const struct evidence *evidence, const struct sites *sites)
{
	int64_t growth = sites_grown_bytes(sites);
	return evidence->baseline && growth >= SMALL_HEAP_BYTES &&
	       share_of(growth, sites->total) >= GROWTH_MIN;
}

static bool decide(const struct evidence *evidence, const struct sites *sites,
		   struct verdict *verdict, struct strbuf *why_not)
{
	bool by_growth = grew(evidence, sites);
	const struct site *site = sites_largest(sites, by_growth);
	if (!heap_matters(evidence, sites->total, why_not))
		return false;
	if (!site) {
		strbuf_add(why_not, "no function of the program's own code is in any stack");
		return false;
	}
	int64_t part = by_growth ? site_grown_bytes(site) : site->bytes;
	int64_t whole = by_growth ? sites_grown_bytes(sites) : sites->total;
	if (share_of(part, whole) < SHARE_MIN) {
		strbuf_addf(why_not,
			    "no function of the program explains half of %s; the largest, ",
			    by_growth ? "what the Go heap grew by" : "the Go heap");
		strbuf_add_safe(why_not, site->frame.function);
		strbuf_addf(why_not, ", explains %s", human_percent(share_of(part, whole)).text);
		return false;
	}
	accuse(verdict, evidence, sites, site, by_growth);
	return true;
}

bool rule_holder(const struct evidence *evidence, struct verdict *verdict, struct strbuf *why_not)
{
	const struct snapshot *snapshot = evidence->snapshot;
	struct sites sites = {0};
	struct error error = {0};
	bool determined = false;
	if (!snapshot_has(&snapshot->heap_absent))
		strbuf_add_safe(why_not, snapshot->heap_absent.message);
	else if (!sites_collect(evidence, &sites, &error))
		strbuf_add_safe(why_not, error.message);
	else
		determined = decide(evidence, &sites, verdict, why_not);
	sites_deinit(&sites);
	return determined;
}
