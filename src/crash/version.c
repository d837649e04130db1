// SPDX-License-Identifier: Apache-2.0
// In: a crash. Out: the versions of Go that can have printed it, and by what one knows.
#include "crash/version.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/i18n.h"

enum { NEWEST = 99, REASON_MAX = 512 };

struct guess {
	int low, high; // minor versions
	char low_reason[REASON_MAX], high_reason[REASON_MAX];
	char exact[32];
};

static void at_least(struct guess *guess, int minor, const char *reason)
{
	if (minor <= guess->low)
		return;
	guess->low = minor;
	snprintf(guess->low_reason, sizeof guess->low_reason, "%s", reason);
}

static void at_most(struct guess *guess, int minor, const char *reason)
{
	if (minor >= guess->high)
		return;
	guess->high = minor;
	snprintf(guess->high_reason, sizeof guess->high_reason, "%s", reason);
}

// What only some versions have at the start of their functions' names; "(": that is all of the
// name.
static const struct {
	const char *start;
	int low, high;
} functions[] = {
	{"internal/runtime/maps.", 24, NEWEST},
	{"internal/runtime/", 23, NEWEST},
	{"internal/sync.", 24, NEWEST},
	{"runtime.mallocgcLarge", 24, NEWEST},
	{"runtime.mallocgcSmall", 24, NEWEST},
	{"runtime.mallocgcTiny", 24, NEWEST},
	{"runtime.(*mcache).allocLarge", 16, NEWEST},
	{"runtime.(*mheap).allocSpanLocked", 0, 13},
	{"runtime.(*mheap).alloc_m", 0, 13},
	{"runtime.(*mHeap)", 0, 8},
	{"runtime.MHeap_", 0, 4},
	{"runtime.mHeap_", 5, 8},
	{"runtime.largeAlloc", 4, 15},
	{"internal/poll.", 9, NEWEST},
	{"main.init.func", 22, NEWEST},
	{"main.glob..func", 5, 21},
	{"sync.runtime_SemacquireMutex", 8, 23},
	{"sync.runtime_SemacquireWaitGroup", 25, NEWEST},
	{"sync.runtime_SemacquireRWMutex", 20, NEWEST},
	{"runtime.(*pageAlloc)", 14, NEWEST},
	{"runtime.fatal(", 19, NEWEST},
	{"io.ReadAll", 16, NEWEST},
	{"runtime.unique", 23, NEWEST},
};

static bool is_named(struct span function, struct span *start)
{
	if (!span_ends(*start, SPAN("(")))
		return span_starts(function, *start);
	*start = span_first(*start, start->length - 1);
	return span_equals(function, *start);
}

static void by_functions(struct guess *guess, const struct crash_frame *frame)
{
	char reason[REASON_MAX];
	for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
		struct span start = span_of(functions[i].start);
		if (!is_named(span_of(frame->function), &start))
			continue;
		snprintf(reason, sizeof reason, _("it has %.*s"), (int)start.length, start.at);
		at_least(guess, functions[i].low, reason);
		at_most(guess, functions[i].high, reason);
	}
	if (span_has(span_of(frame->function), SPAN("\302\267")))
		at_most(guess, 4, _("closures are named as before Go 1.5"));
}

// Since 1.17 a value of several words is in braces; since 1.18 "?" marks what may be stale.
static void by_arguments(struct guess *guess, const struct crash_frame *frame)
{
	struct span arguments = span_of(frame->arguments);
	if (span_find_char(arguments, '?') != SPAN_NONE)
		at_least(guess, 18, _("arguments have \"?\""));
	else if (span_find_char(arguments, '{') != SPAN_NONE)
		at_least(guess, 17, _("arguments have braces"));
	if ((strcmp(frame->function, "panic") == 0 ||
	     strcmp(frame->function, "runtime.throw") == 0) &&
	    span_starts(arguments, SPAN("0x")))
		at_most(guess, 16, _("arguments have no braces"));
}

static bool is_version_char(char c)
{
	return is_digit(c) || c == '.';
}

// "…/toolchain@v0.0.1-go1.25.14.linux-amd64/src/…", "/usr/lib/go-1.19/src/…",
// "…/go/1.20.1/x64/src/…"
static void by_path(struct guess *guess, const struct crash_frame *frame)
{
	static const char *const marks[] = {"-go1.",      "/go1.",  "/go-1.",    "/go/1.",
					    "/golang-1.", "/go@1.", "/golang/1."};
	struct span file = span_of(frame->file);
	size_t src = span_find(file, SPAN("/src/"));
	if (guess->exact[0] || src == SPAN_NONE || strncmp(frame->function, "runtime.", 8) != 0)
		return;
	for (size_t i = 0; i < sizeof marks / sizeof *marks; i++) {
		struct span mark = span_of(marks[i]);
		size_t at = span_find(span_first(file, src), mark);
		if (at == SPAN_NONE)
			continue;
		struct span rest = span_from(file, at + mark.length - 2);
		size_t length = 0;
		while (length < rest.length && is_version_char(rest.at[length]))
			length++;
		while (length && rest.at[length - 1] == '.')
			length--;
		if (length > 2 && length < sizeof guess->exact)
			snprintf(guess->exact, sizeof guess->exact, "%.*s", (int)length, rest.at);
	}
}

struct known_line {
	const char *function, *file;
	int64_t line;
	int low, high;
};

static const struct known_line known_lines[] = {
#define ROW(function, file, line, low, high) {function, file, line, low, high},
#include "crash/version_lines_table.h"
#undef ROW
};

static bool is_at(const struct crash_frame *frame, const struct known_line *row)
{
	struct span file = span_of(frame->file), name = span_of(row->file);
	return frame->line == row->line && strcmp(frame->function, row->function) == 0 &&
	       span_ends(file, name) && file.length > name.length &&
	       file.at[file.length - name.length - 1] == '/';
}

static void by_lines(struct guess *guess, const struct crash_frame *frame)
{
	char reason[REASON_MAX];
	for (size_t i = 0; i < sizeof known_lines / sizeof *known_lines; i++) {
		const struct known_line *row = &known_lines[i];
		if (!is_at(frame, row))
			continue;
		snprintf(reason, sizeof reason, _("%.64s is at %.64s:%d"), row->function, row->file,
			 (int)row->line);
		if (row->low / 100 <= guess->high && row->high / 100 >= guess->low) {
			at_least(guess, row->low / 100, reason);
			at_most(guess, row->high / 100, reason);
		}
	}
}

static void by_group(struct guess *guess, const struct crash *crash,
		     const struct crash_group *group)
{
	bool waits_on_mutex = strncmp(group->state, "sync.Mutex", 10) == 0 ||
			      strncmp(group->state, "sync.RWMutex", 12) == 0;
	if (waits_on_mutex)
		at_least(guess, 20, _("a goroutine waits in [sync.Mutex.Lock]"));
	if (strncmp(group->state, "sync.WaitGroup", 14) == 0)
		at_least(guess, 25, _("a goroutine waits in [sync.WaitGroup.Wait]"));
	if (crash->kind == CRASH_RACE || group->kind == CRASH_STACK_PROFILE)
		return;
	if (group->creator_id)
		at_least(guess, 21, _("\"created by ... in goroutine N\""));
	else if (group->creator.function[0] && group->creator.owner != CRASH_OWNER_RUNTIME &&
		 !crash->is_gccgo)
		at_most(guess, 20, _("\"created by\" without \"in goroutine N\""));
	if (group->labels[0])
		at_least(guess, 26, _("labels of goroutines"));
}

static void by_text(struct guess *guess, const struct crash *crash)
{
	VEC_FOREACH (panic, &crash->panics)
		if (panic->repanicked)
			at_least(guess, 25, _("\"[recovered, repanicked]\""));
	if (crash->wide_headers)
		at_least(guess, 22, _("goroutines with gp= and mp="));
	VEC_FOREACH (note, &crash->notes)
		if (span_has(span_of(*note), SPAN("[signal 0x")) &&
		    !span_has(span_of(*note), SPAN("[signal 0xc00000"))) // always so on Windows
			at_most(guess, 8, _("\"[signal 0xb ...]\""));
}

static void write(const struct guess *guess, struct crash *crash, struct crash_log *log)
{
	char reason[2 * REASON_MAX + 8];
	struct crash_version *version = &crash->version;
	if (guess->exact[0]) {
		version->exact = crash_text(log, span_of(guess->exact));
		version->low = version->high = atoi(guess->exact + 2);
		version->reason = _("the paths of its own files name it");
		return;
	}
	version->low = guess->low;
	version->high = guess->high == NEWEST ? 0 : guess->high;
	bool both = guess->low_reason[0] && guess->high_reason[0] &&
		    strcmp(guess->low_reason, guess->high_reason) != 0;
	snprintf(reason, sizeof reason, "%s%s%s", guess->low_reason, both ? _(", ") : "",
		 both || !guess->low_reason[0] ? guess->high_reason : "");
	version->reason = crash_text(log, span_of(reason));
}

// Its library of Go has functions and lines of its own, and stays at Go 1.18 (GCC 12 to 15).
static void by_gccgo(struct guess *guess)
{
	at_most(guess, 18, _("gccgo has built it"));
}

static void by_stacks(struct guess *guess, const struct crash *crash)
{
	VEC_FOREACH (group, &crash->groups) {
		by_group(guess, crash, group);
		for (size_t i = 0; i < group->depth; i++) {
			by_functions(guess, &group->frames[i]);
			by_arguments(guess, &group->frames[i]);
			by_path(guess, &group->frames[i]);
		}
	}
	VEC_FOREACH (group, &crash->groups)
		for (size_t i = 0; i < group->depth; i++)
			by_lines(guess, &group->frames[i]);
}

void version_guess(struct crash *crash, struct crash_log *log)
{
	struct guess guess = {.low = 0, .high = NEWEST};
	crash->version = (struct crash_version){.exact = "", .reason = ""};
	if (crash->kind == CRASH_KERNEL_OOM)
		return;
	by_text(&guess, crash);
	if (crash->is_gccgo)
		by_gccgo(&guess);
	else
		by_stacks(&guess, crash);
	if (guess.low > guess.high) { // contradictions: say nothing rather than something wrong
		guess.low = 0;
		guess.high = NEWEST;
		guess.low_reason[0] = guess.high_reason[0] = '\0';
	}
	write(&guess, crash, log);
	if (log->exe_version && strncmp(log->exe_version, "go", 2) == 0) {
		crash->version.exact = log->exe_version + 2;
		crash->version.reason = _("the program that was given says so");
	}
}
