// SPDX-License-Identifier: Apache-2.0
// In: a finding. Out: the verdict's sentence, proof, fix and what it takes to refute it.
#include "verdict/speak.h"

#include <math.h>
#include <sha256.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/units.h"
#include "verdict/speak_priv.h"

static const double SHARE_HIGH = 0.8; // of what grew: high confidence
static const double SHARE_MIN = 0.5;
static const int64_t GROWTH_SURE_NS = 600000000000; // who fills up has done so by then
static const uint64_t GROUP_SURE = 500;             // goroutines more: no accident

// What a program can do about memory that a certain library call keeps.
static const struct {
	const char *callee; // a pattern of the function that the guilty one calls
	const char *fix;
} fixes[] = {
	{"bytes.(*Buffer)...",
	 N_("bound how many such bytes.Buffers are kept, and what goes into each; of bodies keep the "
	    "first few KiB and the length, or stream them to where they go")},
	{"io.ReadAll|io/ioutil.ReadAll",
	 N_("do not read the whole stream: io.LimitReader or http.MaxBytesReader, and process it "
	    "in pieces")},
	{"encoding/json.Marshal...|encoding/json.(*Encoder)...",
	 N_("bound how many of the encoded texts are kept or wait somewhere; one that is large "
	    "is better encoded straight to where it goes")},
	{"encoding/json...",
	 N_("decode into typed structs with json.Decoder in pieces, and limit the input")},
	{"strings.(*Builder)...",
	 N_("write in pieces to where the text goes instead of building all of it; of a text of "
	    "which a part is kept, strings.Clone that part, or it keeps all of the text")},
	{"compress/...", N_("reuse readers and writers (sync.Pool, Reset), and limit the output")},
};

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

const char *path_tail(const char *path, int parts)
{
	const char *tail = path + strlen(path);
	for (; tail > path; tail--)
		if (tail[-1] == '/' && --parts == 0)
			break;
	return tail;
}

static double share_of(double part, double whole)
{
	return whole > 0 ? part / whole : 0;
}

bool speech_fact(const struct evidence *evidence, const char *name, double *value)
{
	struct scope scope = {.evidence = evidence};
	return scope_number(&scope, name, value);
}

// "" where something in it is not known.
const char *speech_fill(struct speech *speech, const char *text)
{
	struct strbuf out = {0};
	const char *result = "";
	if (text && template_fill(text, &speech->scope, &speech->words, &out))
		result = verdict_text(speech->verdict, "%s", out.text ? out.text : "");
	strbuf_deinit(&out);
	return result;
}

static const char *filled_anyway(struct speech *speech, const char *text)
{
	struct strbuf out = {0};
	(void)template_fill(text, &speech->scope, &speech->words, &out);
	const char *result = verdict_text(speech->verdict, "%s", out.text ? out.text : "");
	strbuf_deinit(&out);
	return result;
}

// ---- whom ----

static void name_site(struct verdict *verdict, const struct site *site)
{
	verdict->guilty = (struct verdict_frame){
		verdict_text(verdict, "%s", site->frame.function),
		verdict_text(verdict, "%s", site->frame.file),
		site->frame.line,
	};
	verdict->library_call = verdict_text(verdict, "%s", site->callee);
}

static void name_frame(struct verdict *verdict, const struct goroutine_frame *frame)
{
	verdict->guilty =
		(struct verdict_frame){verdict_text(verdict, "%s", frame->function),
				       verdict_text(verdict, "%s", frame->file), frame->line};
}

static bool is_own(const struct evidence *evidence, const char *function)
{
	return function[0] && evidence->now->identity &&
	       code_owner_of(evidence->now->identity, function) == CODE_OWN;
}

static const char *callee_of_own(const struct wait_group *group)
{
	const struct goroutine_group *example = group->example;
	for (size_t i = 0; i + 1 < example->depth; i++)
		if (&example->frames[i + 1] == group->own)
			return example->frames[i].function;
	return "";
}

static const struct goroutine_frame *recursive_frame(const struct evidence *evidence,
						     const struct goroutine_group *group)
{
	for (size_t i = 1; i < group->depth; i++)
		if (strcmp(group->frames[i].function, group->frames[i - 1].function) == 0 &&
		    is_own(evidence, group->frames[i].function))
			return &group->frames[i];
	return NULL;
}

// Whose goroutines they are: the frame that waits, else who made them, else who calls what does.
static void name_group(struct speech *speech)
{
	const struct finding *finding = speech->finding;
	const struct wait_group *group = finding->group;
	struct verdict *verdict = speech->verdict;
	const struct goroutine_frame *recursive =
		finding->rule->recursion ? recursive_frame(speech->evidence, group->example) : NULL;
	if (recursive) {
		name_frame(verdict, recursive);
	} else if (group->own) {
		name_frame(verdict, group->own);
		verdict->library_call = verdict_text(verdict, "%s", callee_of_own(group));
	} else if (is_own(speech->evidence, group->example->created_by.function)) {
		name_frame(verdict, &group->example->created_by);
	} else if (finding->has_site) {
		name_site(verdict, &finding->site);
	}
}

const char *speech_place(struct verdict *verdict, const struct verdict_frame *frame)
{
	return frame->function[0] ? verdict_text(verdict, "%s (%s:%lld)", frame->function,
						 path_tail(frame->file, 1), (long long)frame->line)
				  : "";
}

static void set_words(struct speech *speech)
{
	const struct evidence *evidence = speech->evidence;
	const struct wait_group *group = speech->finding->group;
	struct template_words *words = &speech->words;
	words->guilty = speech_place(speech->verdict, &speech->verdict->guilty);
	words->calls = speech->verdict->library_call;
	words->command = evidence->now->identity ? evidence->now->identity->command : "";
	if (!group)
		return;
	const struct goroutine_frame *creator = &group->example->created_by;
	const struct goroutine_frame *innermost = group->own;
	if (!innermost && group->example->depth)
		innermost = &group->example->frames[0];
	for (size_t i = 0; !group->own && i < group->example->depth; i++)
		if (strncmp(group->example->frames[i].function, "runtime.", 8) != 0) {
			innermost = &group->example->frames[i];
			break;
		}
	words->wait =
		group->example->wait_reason ? group->example->wait_reason : group->example->state;
	if (innermost)
		words->where = speech_place(
			speech->verdict, &(struct verdict_frame){innermost->function,
								 innermost->file, innermost->line});
	words->creator = speech_place(
		speech->verdict,
		&(struct verdict_frame){creator->function, creator->file, creator->line});
}

// ---- the sentence ----

static const char *start_of(struct speech *speech)
{
	const struct kill_facts *kill = speech->evidence->kill;
	struct verdict *verdict = speech->verdict;
	const char *command = speech->words.command;
	bool killed = evidence_killed(speech->evidence);
	if (killed && kill->cause == KILL_CGROUP_OOM && kill->limit_bytes > 0)
		return verdict_text(verdict, _("%.64s was killed at its memory limit of %s: "),
				    command, human_bytes(kill->limit_bytes).text);
	if (killed && kill->cause == KILL_STARVED)
		return verdict_text(verdict, _("%.64s ended itself at its memory limit of %s: "),
				    command, human_bytes(kill->limit_bytes).text);
	if (killed)
		return verdict_text(verdict, _("%.64s was killed for want of memory: "), command);
	if (kill && kill->cause != KILL_NONE)
		return verdict_text(verdict,
				    _("%.64s was not killed for want of memory; the largest holder "
				      "at its last capture: "),
				    command);
	return verdict->status == VERDICT_HOLDER ? _("The largest holder now: ") : "";
}

static const char *title_of(const struct speech *speech)
{
	return speech->finding->rule->title ? verdict_text(speech->verdict, _("%s: "),
							   i18n_text(speech->finding->rule->title))
					    : "";
}

static const char *site_sentence(struct speech *speech)
{
	struct verdict *verdict = speech->verdict;
	const struct evidence *evidence = speech->evidence;
	const struct verdict_frame *guilty = &verdict->guilty;
	const char *growth = "";
	if (verdict->grown_bytes)
		growth = verdict_text(verdict,
				      _(" grew by %s in %s, %s of the Go heap's growth, and"),
				      human_bytes(verdict->grown_bytes).text,
				      human_duration(evidence->interval_ns).text,
				      human_percent(verdict->growth_share).text);
	const char *whom = guilty->function[0]
				   ? speech_place(verdict, guilty)
				   : verdict_text(verdict,
						  _("what %s allocates, for a function that "
						    "is in no stack,"),
						  verdict->library_call);
	return verdict_text(
		verdict,
		evidence_killed(evidence) ? _("%s%s held %s of the Go heap, %s of %s.")
					  : _("%s%s holds %s of the Go heap, %s of %s."),
		whom, growth, human_percent(verdict->share).text, human_bytes(verdict->bytes).text,
		human_bytes(evidence->heap.total).text);
}

static const char *group_sentence(struct speech *speech)
{
	const char *text =
		speech->evidence->groups_by_growth
			? _("{group.grown} goroutines more in {interval}, {group} now, {wait} at "
			    "{where}")
			: _("{group} goroutines, {wait} at {where}");
	const char *creator = speech->words.creator && speech->words.creator[0]
				      ? speech_fill(speech, _(", made by {creator}"))
				      : "";
	const char *leads =
		speech->finding->has_site
			? speech_fill(speech, _("; what leads to them is called by {guilty}"))
			: "";
	return verdict_text(speech->verdict, _("%s%s%s."), filled_anyway(speech, text), creator,
			    leads);
}

// The beginning has named it already.
static const char *without_command(const struct speech *speech, const char *body)
{
	const char *command = speech->words.command;
	size_t length = command ? strlen(command) : 0;
	const char *colon = _(": ");
	if (!length || strncmp(body, command, length) != 0 ||
	    strncmp(body + length, colon, strlen(colon)) != 0)
		return body;
	return body + length + strlen(colon);
}

// By which limit it was killed is what such a rule is about.
static bool tells_the_end(const struct rule *rule)
{
	static const char killed[] = "{command} was killed";
	return rule->sentence && strncmp(rule->sentence, killed, sizeof killed - 1) == 0;
}

static void write_sentence(struct speech *speech)
{
	const struct rule *rule = speech->finding->rule;
	const char *body;
	if (rule->sentence)
		body = filled_anyway(speech, rule->sentence);
	else if (rule->subject == RULE_GROUP)
		body = group_sentence(speech);
	else if (rule->subject == RULE_SITE)
		body = site_sentence(speech);
	else
		body = "";
	const char *start = tells_the_end(rule) ? "" : start_of(speech);
	speech->verdict->sentence = verdict_text(speech->verdict, "%s%s%s", start,
						 rule->sentence ? "" : title_of(speech),
						 start[0] ? without_command(speech, body) : body);
}

// ---- how sure ----

static bool all_hold(const struct scope *scope, const char *const *conditions)
{
	for (int i = 0; i < RULE_CONDITIONS && conditions[i]; i++)
		if (!scope_holds(scope, conditions[i]))
			return false;
	return true;
}

static bool site_is_sure(const struct speech *speech)
{
	double objects = 0, memory;
	const struct evidence *evidence = speech->evidence;
	double marked, alloc, cycles;
	// What no collection has looked at may be garbage.
	if (speech_fact(evidence, "gc.cycles", &cycles) &&
	    speech_fact(evidence, "heap.marked", &marked) &&
	    speech_fact(evidence, "heap.alloc", &alloc) && marked < 0.25 * alloc)
		return false;
	// Size alone is no proof: who is large may always have been. And much kept free beside the
	// objects may be a second cause.
	return evidence_killed(evidence) && speech->verdict->growth_share >= SHARE_HIGH &&
	       speech_fact(evidence, "go.heap.objects", &objects) &&
	       speech_fact(evidence, "memory", &memory) && share_of(objects, memory) >= SHARE_MIN;
}

static bool group_is_sure(const struct speech *speech)
{
	const struct evidence *evidence = speech->evidence;
	const struct wait_group *group = speech->finding->group;
	uint64_t rise = wait_group_rise(evidence, group);
	return evidence->groups_by_growth && (evidence_killed(evidence) || rise >= GROUP_SURE) &&
	       (double)rise >= SHARE_MIN * (double)evidence->group_rise;
}

static enum verdict_confidence judge(const struct speech *speech)
{
	const struct rule *rule = speech->finding->rule;
	const struct evidence *evidence = speech->evidence;
	double value;
	if (evidence->mismatch)
		return CONFIDENCE_LOW;
	if (!all_hold(&speech->scope, rule->surer))
		return CONFIDENCE_MEDIUM;
	if (!speech_fact(evidence, "heap.alloc", &value) &&
	    !speech_fact(evidence, "memory", &value))
		return CONFIDENCE_LOW; // of one file alone
	if (rule->subject == RULE_SITE)
		return site_is_sure(speech) ? CONFIDENCE_HIGH : CONFIDENCE_MEDIUM;
	if (rule->subject == RULE_GROUP)
		return group_is_sure(speech) ? CONFIDENCE_HIGH : CONFIDENCE_MEDIUM;
	return rule->surer[0] ? CONFIDENCE_HIGH : CONFIDENCE_MEDIUM;
}

// ---- what to do ----

static const char *fix_of(const struct speech *speech)
{
	const struct rule *rule = speech->finding->rule;
	for (size_t i = 0; rule->generic && !rule->title && i < sizeof fixes / sizeof *fixes; i++)
		if (frame_matches(fixes[i].callee, speech->verdict->library_call))
			return fixes[i].fix;
	return rule->fix;
}

// It lives, and has room: what it keeps may be bounded by more than there is so far.
static bool may_stop(const struct speech *speech)
{
	const struct evidence *evidence = speech->evidence;
	const struct rule *rule = speech->finding->rule;
	return rule->subject == RULE_SITE && rule->generic && evidence->heap_by_growth &&
	       evidence->interval_ns > 0 && evidence->interval_ns < GROWTH_SURE_NS &&
	       !evidence_near_limit(evidence);
}

static const char *next_of(struct speech *speech)
{
	const struct evidence *evidence = speech->evidence;
	if (evidence->mismatch)
		return evidence->mismatch_text;
	double memory;
	if (!evidence->kill && !speech_fact(evidence, "memory", &memory))
		return speak_next_of_file(evidence);
	int pid = evidence->kill || !evidence->now->identity ? 0 : evidence->now->identity->pid;
	if (pid && !evidence->before)
		return verdict_text(
			speech->verdict,
			_("one instant shows who holds the memory, not whether it grows: "
			  "whyoom why %d --for 30s"),
			pid);
	if (speech->finding->rule->next)
		return speech_fill(speech, speech->finding->rule->next);
	if (pid && may_stop(speech))
		return verdict_text(
			speech->verdict,
			_("%s do not tell a leak from a cache that fills up to its cap: "
			  "whyoom why %d --for 10m, or whyoom watch --pid %d"),
			human_duration(evidence->interval_ns).text, pid, pid);
	return "";
}

static const char *fingerprint_of(const struct speech *speech)
{
	const struct snapshot_identity *identity = speech->evidence->now->identity;
	struct verdict *verdict = speech->verdict;
	char digest[SHA256_DIGEST_STRING_LENGTH];
	const char *text = verdict_text(
		verdict, "%s\n%s\n%s\n%s", speech->finding->rule->name, verdict->guilty.function,
		identity && identity->module_path ? identity->module_path : "",
		identity && identity->module_version ? identity->module_version : "");
	SHA256Data((const uint8_t *)text, strlen(text), digest);
	digest[16] = '\0';
	return verdict_text(verdict, "%s", digest);
}

static void set_bytes(struct speech *speech)
{
	const struct evidence *evidence = speech->evidence;
	const struct finding *finding = speech->finding;
	struct verdict *verdict = speech->verdict;
	double memory;
	if (finding->rule->subject == RULE_GROUP) {
		verdict->bytes = wait_group_costs(evidence, finding->group);
		verdict->share = finding->share;
		if (evidence->groups_by_growth)
			verdict->grown_bytes = verdict->bytes;
	} else if (finding->has_site) {
		verdict->bytes = finding->site.bytes;
		verdict->share = share_of((double)verdict->bytes, (double)evidence->heap.total);
		if (evidence->heap_by_growth) {
			verdict->grown_bytes = site_grown_bytes(&finding->site);
			double rise =
				(double)heap_rise(evidence) + (double)evidence->following_bytes;
			verdict->growth_share =
				fmin(share_of((double)verdict->grown_bytes, rise), 1);
		}
	} else {
		bool of_class = finding->rule->classes && finding->rule->classes != CLASSES_ALL;
		verdict->bytes =
			of_class ? class_rise(evidence, finding->rule->classes) : evidence->memory;
		if (of_class && evidence->by_growth && verdict->bytes > 0)
			verdict->grown_bytes = verdict->bytes;
		verdict->share = speech_fact(evidence, "memory", &memory)
					 ? fmin(share_of((double)verdict->bytes, memory), 1)
					 : 0;
	}
}

static void set_status(struct speech *speech)
{
	const struct evidence *evidence = speech->evidence;
	struct verdict *verdict = speech->verdict;
	verdict->status = speech->finding->rule->status;
	if (speech->finding->rule->subject == RULE_SITE && verdict->status == VERDICT_CAUSE &&
	    (!engine_in_trouble(evidence) ||
	     (evidence->heap_before.stacks && !evidence->heap_by_growth &&
	      !evidence_killed(evidence)) ||
	     (evidence->kill && !evidence_killed(evidence) && !evidence->heap_by_growth)))
		verdict->status = VERDICT_HOLDER;
}

void speak_finding(const struct evidence *evidence, const struct finding *finding,
		   struct verdict *verdict)
{
	const struct rule *rule = finding->rule;
	struct speech speech = {
		.evidence = evidence,
		.finding = finding,
		.verdict = verdict,
		.scope = {evidence, finding->has_site ? &finding->site : NULL, finding->group}};
	verdict->determined = true;
	verdict->rule = rule->name;
	verdict->title = rule->title ? i18n_text(rule->title) : "";
	set_status(&speech);
	if (finding->group)
		name_group(&speech);
	else if (finding->has_site)
		name_site(verdict, &finding->site);
	set_words(&speech);
	set_bytes(&speech);
	verdict->confidence = judge(&speech);
	write_sentence(&speech);
	speak_proof(&speech);
	for (int i = 0; i < RULE_REJECTS && rule->rejects[i].text; i++)
		if (scope_holds(&speech.scope, rule->rejects[i].when)) {
			const char *line = speech_fill(&speech, rule->rejects[i].text);
			if (line[0])
				vec_push(&verdict->rejected, line);
		}
	// A large holder in a process that has room is no fault: nothing to fix then.
	if (verdict->status != VERDICT_HOLDER) {
		verdict->fix = fix_of(&speech) ? speech_fill(&speech, fix_of(&speech)) : "";
		verdict->relief = rule->relief ? speech_fill(&speech, rule->relief) : "";
	}
	verdict->refuted_by = rule->refuted_by ? speech_fill(&speech, rule->refuted_by) : "";
	verdict->next_capture = next_of(&speech);
	verdict->fingerprint = fingerprint_of(&speech);
}
