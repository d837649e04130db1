// SPDX-License-Identifier: Apache-2.0
// The holder: one function of the program's own code allocated most of what the Go heap holds, and
// the Go heap is most of the memory. In: the heap profile as it is now, the ledger. Out: a verdict.
#include <stdio.h>
#include <string.h>

#include "base/map.h"
#include "base/units.h"
#include "profile/top.h"
#include "snapshot/heap_profile.h"
#include "verdict/rules.h"

static const double SHARE_HIGH = 0.8;   // of the Go heap: high confidence
static const double SHARE_MIN = 0.5;    // less explains too little
static const double OBJECTS_MIN = 0.4;  // of the Go heap: else the question is what is kept free
static const double COVERAGE_MIN = 0.5; // of the Go heap that the profile's samples stand for
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

struct site {
	struct verdict_frame frame;
	const char *callee; // "" when the frame allocates itself
	int64_t bytes, largest_stack_bytes;
};

struct sites {
	struct map by_function;
	VEC(struct site) list;
	int64_t total;
};

// The nearest frame of the program's own code, seen from the allocation; -1: there is none.
static int64_t find_own_frame(const struct snapshot_identity *identity,
			      const struct profile_stack *stack)
{
	for (uint32_t i = 0; i < stack->count; i++)
		if (code_owner_of(identity, stack->frames[i]->function) == CODE_OWN)
			return i;
	return -1;
}

static void add_stack(struct sites *sites, const struct snapshot_identity *identity,
		      const struct profile_stack_row *row)
{
	sites->total += row->value;
	int64_t own = find_own_frame(identity, &row->stack);
	if (own < 0)
		return;
	const struct profile_frame *frame = row->stack.frames[own];
	bool is_new;
	uint64_t *index =
		map_put(&sites->by_function, hash_bytes(frame->function, strlen(frame->function)),
			sites->list.count, &is_new);
	if (is_new)
		vec_push(&sites->list, {.callee = ""});
	struct site *site = &sites->list.items[*index];
	site->bytes += row->value;
	if (row->value <= site->largest_stack_bytes)
		return;
	site->largest_stack_bytes = row->value;
	site->frame = (struct verdict_frame){frame->function, frame->file, frame->line};
	site->callee = own ? row->stack.frames[own - 1]->function : "";
}

static const struct site *largest_site(const struct sites *sites)
{
	const struct site *largest = NULL;
	VEC_FOREACH (site, &sites->list)
		if (!largest || site->bytes > largest->bytes)
			largest = site;
	return largest;
}

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
	if (snapshot_has(&snapshot->goroutines_absent) && snapshot->goroutines.user < 1000)
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
	bool killed = kill && (kill->cause == KILL_CGROUP_OOM || kill->cause == KILL_GLOBAL_OOM);
	char start[256] = "";
	if (killed && kill->limit_bytes > 0)
		snprintf(start, sizeof start,
			 "%.64s was killed at its memory limit of %s: ", identity->command,
			 human_bytes(kill->limit_bytes).text);
	else if (killed)
		snprintf(start, sizeof start,
			 "%.64s was killed for want of memory: ", identity->command);
	verdict->sentence =
		verdict_text(verdict, "%s%s (%s:%lld) %s %s of the Go heap, %s of %s.", start,
			     guilty->function, path_tail(guilty->file, 1), (long long)guilty->line,
			     killed ? "held" : "holds", human_percent(verdict->share).text,
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

static void accuse(struct verdict *verdict, const struct evidence *evidence,
		   const struct site *site, int64_t total)
{
	verdict->guilty = (struct verdict_frame){
		verdict_text(verdict, "%s", site->frame.function),
		verdict_text(verdict, "%s", site->frame.file),
		site->frame.line,
	};
	verdict->library_call = verdict_text(verdict, "%s", site->callee);
	verdict->bytes = site->bytes;
	verdict->share = share_of(site->bytes, total);
	verdict->confidence = verdict->share >= SHARE_HIGH ? CONFIDENCE_HIGH : CONFIDENCE_MEDIUM;
	// Much kept free beside the objects may be a second cause.
	if (share_of(evidence->object_bytes, evidence->charge_bytes) < SHARE_MIN)
		verdict->confidence = CONFIDENCE_MEDIUM;
	if (!evidence->kill) // one instant shows who holds, not who grows
		verdict->confidence = CONFIDENCE_MEDIUM;
	verdict->fix = verdict_text(verdict, "%s", find_fix(site->callee));
	verdict->refuted_by = "a later capture in which this function's share is small while the "
			      "memory is as large";
	if (!evidence->kill)
		verdict->next_capture = verdict_text(
			verdict,
			"one instant shows who holds the memory, not whether it grows: "
			"save two (whyoom heap %d -o A.pb.gz) and compare them "
			"(whyoom heap --diff A.pb.gz B.pb.gz)",
			evidence->snapshot->identity.pid);
	write_sentence(verdict, evidence, total);
	write_evidence(verdict, evidence, total, site);
	reject_alternatives(verdict, evidence);
}

// The numbers that must hold before a function is named.
static bool carries(const struct evidence *evidence, const struct site *site, int64_t total,
		    struct strbuf *why_not)
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
	else if (!site)
		strbuf_add(why_not, "no function of the program's own code is in any stack");
	else if (share_of(site->bytes, total) < SHARE_MIN) {
		strbuf_add(why_not,
			   "no function of the program holds half of the Go heap; the largest, ");
		strbuf_add_safe(why_not, site->frame.function);
		strbuf_addf(why_not, ", holds %s",
			    human_percent(share_of(site->bytes, total)).text);
	} else
		return true;
	return false;
}

bool rule_holder(const struct evidence *evidence, struct verdict *verdict, struct strbuf *why_not)
{
	const struct snapshot *snapshot = evidence->snapshot;
	if (!snapshot_has(&snapshot->heap_absent)) {
		strbuf_add_safe(why_not, snapshot->heap_absent.message);
		return false;
	}
	struct profile_top_stacks *stacks = NULL;
	struct error error = {0};
	uint32_t type = profile_find_sample_type(snapshot->heap, HEAP_NOW_SPACE);
	if (!profile_top_stacks_new(snapshot->heap, type, &stacks, &error)) {
		strbuf_add_safe(why_not, error.message);
		return false;
	}
	struct sites sites = {0};
	VEC_FOREACH (row, &stacks->rows)
		add_stack(&sites, &snapshot->identity, row);
	const struct site *site = largest_site(&sites);
	bool determined = carries(evidence, site, sites.total, why_not);
	if (determined)
		accuse(verdict, evidence, site, sites.total);
	map_deinit(&sites.by_function);
	vec_deinit(&sites.list);
	profile_top_stacks_free(stacks);
	return determined;
}
