// SPDX-License-Identifier: Apache-2.0
// In: a crash with its conclusions. Out: sentences.
#include "crash/findings.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/i18n.h"
#include "base/units.h"
#include "crash/causes.h"
#include "crash/findings_priv.h"

#define MIB ((uint64_t)1 << 20)
enum {
	SENTENCE_MAX = 1024,
	FINDINGS_MAX = 24,
};

void finding_say(struct crash *crash, struct crash_log *log, const char *id, const char *format,
		 ...)
{
	char text[SENTENCE_MAX];
	va_list arguments;
	if (crash->findings.count >= FINDINGS_MAX)
		return;
	va_start(arguments, format);
	vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	vec_push(&crash->findings, {id, crash_text(log, span_of(text))});
}

static const char *base_name(const char *file)
{
	const char *slash = strrchr(file, '/');
	return slash ? slash + 1 : file;
}

struct human_frame finding_name_frame(const struct crash_frame *frame)
{
	struct human_frame out;
	const char *function =
		frame->function[0] ? frame->function : _("(function not in the log)");
	if (frame->file[0])
		snprintf(out.text, sizeof out.text, "%.256s (%.96s:%" PRId64 ")", function,
			 base_name(frame->file), frame->line);
	else
		snprintf(out.text, sizeof out.text, "%.256s", function);
	return out;
}

struct human_module finding_name_module(const struct crash_frame *frame)
{
	struct human_module out = {""};
	bool versioned = frame->module_version[0] != '\0';
	if (frame->owner == CRASH_OWNER_THIRD_PARTY && frame->module[0])
		snprintf(out.text, sizeof out.text, _(" of module %.200s%s%.64s"), frame->module,
			 versioned ? "@" : "", frame->module_version);
	else if (frame->owner == CRASH_OWNER_OWN && frame->module[0])
		snprintf(out.text, sizeof out.text, _(" of module %.200s"), frame->module);
	return out;
}

// ---- sizes ----

static bool is_giant(const struct crash *crash, uint64_t asked)
{
	uint64_t in_use = crash->in_use.bytes.known ? crash->in_use.bytes.value : 0;
	return asked >= 64 * MIB || (asked >= 4 * MIB && asked > in_use / 4);
}

static void say_giant(struct crash *crash, struct crash_log *log, uint64_t asked)
{
	finding_say(
		crash, log, "giant-request",
		_("One request of %s (%llu bytes, 0x%llx) was refused%s%s: a single allocation, not many small ones."),
		human_bytes((int64_t)asked).text, (unsigned long long)asked,
		(unsigned long long)asked, crash->asked.from[0] ? _("; read from ") : "",
		i18n_text(crash->asked.from));
	if (crash->growing[0])
		finding_say(
			crash, log, "growth",
			_("It is %s that grows: a growing buffer asks for about double of what it has and "
			  "copies, so it held about %s then, and both are needed at once."),
			i18n_text(crash->growing), human_bytes((int64_t)(asked / 2)).text);
	else if (!crash->fault)
		finding_say(
			crash, log, "growth",
			_("If it is a buffer that grows (bytes.Buffer, append, io.ReadAll), it doubles: it "
			  "then held about %s, and both are needed at once."),
			human_bytes((int64_t)(asked / 2)).text);
}

static void say_last_straw(struct crash *crash, struct crash_log *log, uint64_t asked)
{
	char grew[128] = "";
	if (crash->grew.bytes.known)
		snprintf(grew, sizeof grew, _(", for which the heap had to grow by %s"),
			 human_bytes((int64_t)crash->grew.bytes.value).text);
	finding_say(
		crash, log, "last-straw",
		_("The request that failed was small: %s (%llu bytes%s%s)%s. The memory was full already: this request is the last straw and not the cause, and no single request is to blame."),
		human_bytes((int64_t)asked).text, (unsigned long long)asked,
		crash->asked.from[0] ? _(", from ") : "", i18n_text(crash->asked.from), grew);
}

static void say_sizes(struct crash *crash, struct crash_log *log)
{
	const struct crash_size *asked = &crash->asked, *grew = &crash->grew;
	if (!crash->cause->is_memory)
		return;
	if (asked->bytes.known && !asked->uncertain) {
		if (is_giant(crash, asked->bytes.value))
			say_giant(crash, log, asked->bytes.value);
		else
			say_last_straw(crash, log, asked->bytes.value);
	} else if (grew->bytes.known && !grew->uncertain) {
		// The heap grows by one arena, 64 MiB, or by as many as the request needs.
		bool giant = is_giant(crash, grew->bytes.value) && grew->bytes.value != 64 * MIB;
		finding_say(
			crash, log, "grew",
			_("The heap was to grow by %s (%llu bytes, from %s)%s."),
			human_bytes((int64_t)grew->bytes.value).text,
			(unsigned long long)grew->bytes.value, i18n_text(grew->from),
			giant ? _(": one large request")
			      : _(": that is the runtime's usual step or a little more, so the size of "
				  "the request itself is not known"));
	}
	if (grew->bytes.known && asked->bytes.known && !grew->uncertain &&
	    is_giant(crash, asked->bytes.value))
		finding_say(crash, log, "grew", _("The heap was to grow by %s for it (from %s)."),
			    human_bytes((int64_t)grew->bytes.value).text, i18n_text(grew->from));
	if (crash->in_use.bytes.known)
		finding_say(crash, log, "in-use", _("The heap had %s from the system by then."),
			    human_bytes((int64_t)crash->in_use.bytes.value).text);
	if (asked->bytes.known && asked->uncertain)
		finding_say(
			crash, log, "uncertain",
			_("%s has 0x%llx (%s) as its size, but since Go 1.17 arguments are in registers and this one may be stale: not certain."),
			i18n_text(asked->from), (unsigned long long)asked->bytes.value,
			human_bytes((int64_t)asked->bytes.value).text);
}

// ---- the goroutine at fault ----

static const struct crash_frame *first_foreign(const struct crash *crash)
{
	for (size_t i = 0; i < crash->fault->depth; i++)
		if (crash->fault->frames[i].owner == CRASH_OWNER_THIRD_PARTY)
			return &crash->fault->frames[i];
	return NULL;
}

static void say_absent(struct crash *crash, struct crash_log *log)
{
	if (crash->kind == CRASH_FATAL && crash->runtime && !crash->fault)
		finding_say(
			crash, log, "not-in-log", "%s",
			crash->goroutines
				? _("Who asked is not in this log: it has the runtime's own stack and no "
				    "goroutine that ran.")
				: _("Who asked is not in this log: it has only the runtime's own stack, "
				    "and no goroutine."));
}

static void say_who(struct crash *crash, struct crash_log *log)
{
	const struct crash_group *fault = crash->fault;
	if (!fault) {
		say_absent(crash, log);
		return;
	}
	const struct crash_frame *foreign = first_foreign(crash);
	if (crash->own && !crash->first_id)
		finding_say(crash, log, "own-code", _("It was in own code at %s%s."),
			    finding_name_frame(crash->own).text,
			    finding_name_module(crash->own).text);
	else if (crash->own)
		finding_say(crash, log, "own-code", _("Goroutine %llu was in own code at %s%s."),
			    (unsigned long long)crash->first_id,
			    finding_name_frame(crash->own).text,
			    finding_name_module(crash->own).text);
	if (foreign && crash->first_id && (!crash->own || foreign < crash->own))
		finding_say(crash, log, "third-party",
			    crash->own ? _("Goroutine %llu had called third-party code at %s%s.")
				       : _("Goroutine %llu was in third-party code at %s%s."),
			    (unsigned long long)crash->first_id, finding_name_frame(foreign).text,
			    finding_name_module(foreign).text);
	if (!crash->own)
		finding_say(crash, log, "no-own-code",
			    _("No frame of the program's own code is in that goroutine."));
	if (fault->creator.function[0])
		finding_say(crash, log, "creator", _("It was started by %s%s (%s)."),
			    finding_name_frame(&fault->creator).text,
			    finding_name_module(&fault->creator).text,
			    i18n_text(crash_owner_name(fault->creator.owner)));
	if (crash->started_by)
		finding_say(crash, log, "started-by",
			    _("Own code called that: %s, in goroutine %llu."),
			    finding_name_frame(crash->started_by).text,
			    (unsigned long long)crash->started_by_id);
}

// ---- what is missing ----

static void say_recursion(struct crash *crash, struct crash_log *log)
{
	const struct crash_group *fault = crash->fault;
	if (strcmp(crash->cause->id, "stack-overflow") != 0 || !fault)
		return;
	for (size_t i = 0; i < fault->depth; i++) {
		size_t times = 0;
		for (size_t j = 0; j < fault->depth; j++)
			times += strcmp(fault->frames[i].function, fault->frames[j].function) == 0;
		if (times < 4)
			continue;
		finding_say(crash, log, "recursion",
			    _("%s repeats: %zu of the %zu frames in the log%s."),
			    finding_name_frame(&fault->frames[i]).text, times, fault->depth,
			    finding_name_module(&fault->frames[i]).text);
		return;
	}
}

static void say_limits(struct crash *crash, struct crash_log *log)
{
	if (crash->recovered)
		finding_say(
			crash, log, "recovered",
			_("The program has recovered from it and went on: this is no end of the process."));
	if (crash->cut_front)
		finding_say(crash, log, "cut",
			    _("The beginning is cut off: what happened first is not in it."));
	if (crash->cut_end)
		finding_say(crash, log, "cut", _("The end is cut off: goroutines may be missing."));
	if (crash->left_out)
		finding_say(
			crash, log, "left-out",
			_("%llu goroutines are in no group: there were more different stacks than whyoom keeps."),
			(unsigned long long)crash->left_out);
	bool ended = crash->kind == CRASH_FATAL || crash->kind == CRASH_PANIC;
	if (ended && !crash->goroutines && !crash->recovered)
		finding_say(crash, log, "no-goroutines",
			    _("No goroutine is in the log: it was cut, or GOTRACEBACK is none."));
	else if (ended && crash->cause->is_memory && !crash->recovered)
		finding_say(
			crash, log, "not-known",
			_("Which code holds the memory cannot be seen in a crash log: it shows who asked "
			  "last, not who keeps what."));
	if (crash->cause->next[0])
		finding_say(crash, log, "next", _("Next: %s."), i18n_text(crash->cause->next));
	else if (ended && crash->goroutines == 1 && !crash->recovered)
		finding_say(crash, log, "next",
			    _("Next: run with GOTRACEBACK=all to see the other goroutines, "
			      "too."));
}

static void say_race(struct crash *crash, struct crash_log *log)
{
	VEC_FOREACH (group, &crash->groups) {
		const struct crash_frame *frame = finding_user_frame(group);
		if (group->kind == CRASH_STACK_ACCESS && frame)
			finding_say(crash, log, "access", _("%s: %s%s."), group->state,
				    finding_name_frame(frame).text,
				    finding_name_module(frame).text);
	}
}

static void say_kernel(struct crash *crash, struct crash_log *log)
{
	const struct kernel_oom *oom = &crash->oom;
	if (crash->kind != CRASH_KERNEL_OOM)
		return;
	finding_say(crash, log, "victim", _("The kernel killed process %d (%s)%s."),
		    (int)oom->victim_pid, oom->victim,
		    oom->group_kill ? _(" with its whole cgroup") : "");
	if (oom->anon_rss_bytes.known)
		finding_say(crash, log, "victim-size", _("It had %s of anonymous memory resident."),
			    human_bytes((int64_t)oom->anon_rss_bytes.value).text);
	if (oom->constraint == OOM_CONSTRAINT_MEMCG)
		finding_say(crash, log, "limit",
			    _("The limit of cgroup %s was reached%s%s: not the machine's "
			      "memory."),
			    oom->oom_memcg[0] ? oom->oom_memcg : _("(not named)"),
			    oom->limit_bytes.known ? ", " : "",
			    oom->limit_bytes.known
				    ? human_bytes((int64_t)oom->limit_bytes.value).text
				    : "");
	else if (oom->constraint == OOM_CONSTRAINT_NONE)
		finding_say(crash, log, "limit", _("The machine as a whole had no memory left."));
	if (oom->invoker[0] && strcmp(oom->invoker, oom->victim) != 0)
		finding_say(crash, log, "invoker", _("%s had asked for memory when it happened."),
			    oom->invoker);
}

// The answer in one line: what happened, and where or how much.
static const char *headline(const struct crash *crash, struct crash_log *log)
{
	char text[SENTENCE_MAX];
	const char *title = i18n_text(crash->cause->title);
	uint64_t asked =
		crash->asked.bytes.known && !crash->asked.uncertain ? crash->asked.bytes.value : 0;
	if (strcmp(crash->cause->id, "out-of-memory") == 0 && asked)
		snprintf(text, sizeof text, "%s%s",
			 is_giant(crash, asked)
				 ? _("out of memory: one giant request was refused, ")
				 : _("out of memory: the memory was full, the last straw was "),
			 human_bytes((int64_t)asked).text);
	else if (strcmp(crash->cause->id, "panic") == 0 && crash->own)
		snprintf(text, sizeof text, _("panic: %.160s, in %s"), crash->message,
			 finding_name_frame(crash->own).text);
	else if (crash->own && crash->kind != CRASH_SIGNAL && strlen(crash->cause->title) < 64)
		snprintf(text, sizeof text, _("%s, in %s"), title,
			 finding_name_frame(crash->own).text);
	else
		return title;
	return crash_text(log, span_of(text));
}

void findings_make(struct crash *crash, struct crash_log *log)
{
	crash->headline = headline(crash, log);
	say_kernel(crash, log);
	say_sizes(crash, log);
	say_recursion(crash, log);
	say_race(crash, log);
	say_who(crash, log);
	if (crash->kind != CRASH_RACE)
		findings_of_creators(crash, log);
	findings_of_stuck_groups(crash, log);
	if (crash->cause->meaning[0])
		finding_say(crash, log, "meaning", _("It means: %s."),
			    i18n_text(crash->cause->meaning));
	say_limits(crash, log);
}
