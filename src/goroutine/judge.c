// SPDX-License-Identifier: Apache-2.0
// In: a group. Out: whether it looks leaked, and why.
#include "goroutine/judge.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/i18n.h"
#include "base/units.h"
#include "goroutine/own.h"

enum {
	MANY = 10,
	MANY_SLEEP = 32,
	SUSPECT_SCORE = 40,
	LONG_MINUTES = 10,
	LOCK_WAITERS = 4,
};
static const int64_t MINUTE_NS = 60 * (int64_t)1000000000;

enum known_kind { IDLE, PARTNER, LEAK, BRIEF };

struct known {
	const char *function, *state;
	enum known_kind kind;
	uint64_t at_most;
	const char *text;
};

static const struct known table[] = {
#define KNOWN(function, state, kind, at_most, text) {function, state, kind, at_most, text},
#include "goroutine/known_waits_table.h"
#undef KNOWN
};

const char *goroutine_verdict_name(enum goroutine_verdict verdict)
{
	static const char *const names[] = {"quiet", "idle", "suspect"};
	return names[verdict];
}

static bool starts(const char *text, const char *with)
{
	return strncmp(text, with, strlen(with)) == 0;
}

// "a.f" matches a.f, a.f.func1, a.f-fm and, where it ends with a type, its methods. Dots in the
// last element of an import path are "%2e" in a function's name.
static bool is_function(const char *name, const char *wanted)
{
	for (; *wanted; wanted++) {
		bool escaped = *wanted == '.' && strncmp(name, "%2e", 3) == 0;
		if (!escaped && *name != *wanted)
			return false;
		name += escaped ? 3 : 1;
	}
	return !*name || *name == '.' || *name == '-';
}

// Frames of the runtime are hidden in most sources; those of what it does for sync never are.
static bool is_runtime_semaphore(const struct goroutine_frame *frames, size_t depth)
{
	for (size_t i = 0; i < depth; i++)
		if (strstr(frames[i].function, ".runtime_Semacquire"))
			return false;
	return depth > 0;
}

// Looks from the inside out, up to the first frame of own code.
static bool matches(const struct known *row, const struct goroutine_frame *frames, size_t depth,
		    const char *state)
{
	if (!starts(state, row->state) && state[0])
		return false;
	if (!row->function[0])
		return state[0] && is_runtime_semaphore(frames, depth);
	for (size_t i = 0; i < depth; i++) {
		if (is_function(frames[i].function, row->function))
			return true;
		if (goroutine_frame_owner(&frames[i]) == GOROUTINE_OWNER_OWN)
			return false;
	}
	return false;
}

static const struct known *find_known(const struct goroutine_frame *frames, size_t depth,
				      const char *state)
{
	for (size_t i = 0; i < sizeof table / sizeof *table; i++)
		if (matches(&table[i], frames, depth, state))
			return &table[i];
	return NULL;
}

bool goroutine_waits_by_design(const struct goroutine_frame *frames, size_t depth,
			       const char *state)
{
	const struct known *known = find_known(frames, depth, state);
	return known && known->kind != LEAK;
}

__attribute__((format(printf, 3, 4))) static void add(struct goroutine_judgement *judgement,
						      int score, const char *format, ...)
{
	size_t used = strlen(judgement->reasons);
	va_list arguments;
	if (used)
		used += (size_t)snprintf(judgement->reasons + used,
					 sizeof judgement->reasons - used, "%s", _("; "));
	va_start(arguments, format);
	if (used < sizeof judgement->reasons)
		vsnprintf(judgement->reasons + used, sizeof judgement->reasons - used, format,
			  arguments);
	va_end(arguments);
	judgement->score += score;
}

// ---- what it waits for ----

static bool is_main(const struct goroutine_group *group)
{
	return group->depth && strcmp(group->frames[group->depth - 1].function, "main.main") == 0 &&
	       !group->created_by.function[0];
}

static bool can_never_be_ready(const char *state)
{
	return strstr(state, "nil chan") || strstr(state, "no cases");
}

static bool is_blocked(const char *state)
{
	static const char *const states[] = {"chan send", "chan receive", "semacquire",
					     "sync.",     "select",       "IO wait"};
	for (size_t i = 0; i < sizeof states / sizeof *states; i++)
		if (starts(state, states[i]))
			return true;
	return false;
}

static bool is_in_c(const struct goroutine_group *group)
{
	for (size_t i = 0; i < group->depth; i++)
		if (strstr(group->frames[i].function, "._Cfunc_") ||
		    strcmp(group->frames[i].function, "runtime.cgocall") == 0)
			return true;
	return false;
}

static bool shares_one_object(const struct goroutine_group *group)
{
	return group->objects.count == 1 && group->objects.items[0].address &&
	       group->objects.items[0].count == group->count && !group->objects_left_out;
}

// Workers take their work from one channel. Without the channel, their name may tell.
static bool is_pool(const struct goroutine_group *group, const char *state)
{
	static const char *const names[] = {"worker", "Worker", "pool", "Pool"};
	if (!starts(state, "chan receive") && !starts(state, "select") && state[0])
		return false;
	if (shares_one_object(group))
		return starts(state, "chan receive") && group->count > 1;
	const struct goroutine_frame *place = goroutine_group_place(group);
	for (size_t i = 0; !group->objects.count && i < sizeof names / sizeof *names; i++)
		if (strstr(place->function, names[i]))
			return true;
	return false;
}

// ---- reasons ----

static int log2_of(uint64_t count)
{
	return 63 - __builtin_clzll(count | 1);
}

static void judge_count(const struct goroutine_group *group, const char *state,
			struct goroutine_judgement *judgement)
{
	uint64_t count = group->count;
	bool in_c = is_in_c(group);
	if (in_c && starts(state, "syscall") && count >= MANY)
		add(judgement, 30 + 5 * log2_of(count),
		    _("%s of them are in C, each with a thread"), human_count((int64_t)count).text);
	else if (is_blocked(state) && count >= MANY)
		add(judgement, 30 + 5 * log2_of(count),
		    group->created_by.function[0] ? _("%s wait at one place, made by one creator")
						  : _("%s wait at one place"),
		    human_count((int64_t)count).text);
	else if (starts(state, "sleep") && count >= MANY_SLEEP)
		add(judgement, 20 + 5 * log2_of(count), _("%s sleep at one place"),
		    human_count((int64_t)count).text);
}

static void judge_age(const struct goroutine_group *group, const char *state,
		      struct goroutine_judgement *judgement)
{
	int64_t median =
		goroutine_median_wait(group->waits.items, group->waits.count, group->count);
	if (group->waited_ns < LONG_MINUTES * MINUTE_NS || !is_blocked(state))
		return;
	add(judgement, group->count > 1 ? 25 : 10, _("the oldest has waited for %s or more"),
	    human_duration(group->waited_ns).text);
	if (median >= LONG_MINUTES * MINUTE_NS && group->count > 1)
		add(judgement, 15, _("half of them for %s or more"), human_duration(median).text);
}

static void judge_unserved(const struct goroutine_group *group,
			   struct goroutine_judgement *judgement)
{
	if (group->unserved == group->count)
		add(judgement, 60, "%s", _("nothing that was found can wake them"));
	else
		add(judgement, 60, _("nothing that was found can wake %s"),
		    human_count((int64_t)group->unserved).text);
}

static void judge_waker(const struct goroutine_group *group, const char *state,
			struct goroutine_judgement *judgement)
{
	if (can_never_be_ready(state))
		add(judgement, 60, _("nothing can ever be ready there"));
	else if (group->unserved)
		judge_unserved(group, judgement);
	if (shares_one_object(group) && starts(state, "sync.") && group->count >= LOCK_WAITERS)
		add(judgement, 20, _("all wait for the same one"));
}

static void judge_growth(const struct goroutine_group *group, int64_t before,
			 struct goroutine_judgement *judgement)
{
	int64_t growth = (int64_t)group->count - before;
	if (before >= 0 && growth > 0 && judgement->reasons[0])
		add(judgement, 10 + 5 * log2_of((uint64_t)growth), _("%s more than before"),
		    human_count(growth).text);
}

// "what it is|what more of them mean"
static void say_known(const struct known *known, bool too_many,
		      struct goroutine_judgement *judgement)
{
	const char *text = i18n_text(known->text), *bar = strchr(text, '|');
	size_t length = bar ? (size_t)(bar - text) : strlen(text);
	if (too_many && bar)
		add(judgement, 50, "%s", bar + 1);
	else
		add(judgement, 0, "%.*s", (int)length, text);
}

static bool judge_known(const struct goroutine_group *group, const char *state,
			struct goroutine_judgement *judgement)
{
	const struct known *known = find_known(group->frames, group->depth, state);
	if (!known)
		return false;
	bool too_many = (known->at_most && group->count > known->at_most) ||
			(known->kind == BRIEF && group->waited_ns >= MINUTE_NS);
	if (!state[0] && known->state[0])
		too_many = false; // the state decides, and the source lacks it
	say_known(known, too_many, judgement);
	if (!too_many)
		judgement->verdict = GOROUTINE_IDLE;
	return !too_many;
}

void goroutine_judge(const struct goroutine_group *group, int64_t before,
		     struct goroutine_judgement *judgement)
{
	const char *state = goroutine_group_state(group);
	*judgement = (struct goroutine_judgement){.verdict = GOROUTINE_QUIET};
	if (group->system || is_main(group) || judge_known(group, state, judgement))
		return;
	if (is_pool(group, state) && !group->unserved) {
		judgement->verdict = GOROUTINE_IDLE;
		add(judgement, 0,
		    shares_one_object(group) ? _("a pool: all wait for work on one channel")
					     : _("a pool, by its name"));
		return;
	}
	judge_count(group, state, judgement);
	judge_age(group, state, judgement);
	judge_waker(group, state, judgement);
	judge_growth(group, before, judgement);
	if (judgement->score >= SUSPECT_SCORE)
		judgement->verdict = GOROUTINE_SUSPECT;
	else
		judgement->reasons[0] = '\0';
}
