// SPDX-License-Identifier: Apache-2.0
// In: the groups of a crash. Out: sentences about many goroutines: of one creator, and stuck.
#include <inttypes.h>
#include <stdio.h>

#include "base/i18n.h"
#include "base/units.h"
#include "crash/causes.h"
#include "crash/findings_priv.h"
#include "goroutine/judge.h"

enum {
	MANY_OF_ONE_CREATOR = 16,
	MANY_STUCK = 10,
	LONG_MINUTES = 10,
	GROUPS_MAX = 3, // named of each kind
};

static bool has_word(const char *text, const char *word)
{
	return strcasestr(text, word) != NULL;
}

static bool same_place(const struct crash_frame *a, const struct crash_frame *b)
{
	return strcmp(a->function, b->function) == 0 && a->line == b->line &&
	       strcmp(a->file, b->file) == 0;
}

static uint64_t count_of_creator(const struct crash *crash, const struct crash_frame *creator)
{
	uint64_t count = 0;
	VEC_FOREACH (group, &crash->groups)
		if (same_place(&group->creator, creator))
			count += group->count;
	return count;
}

// The creator of most goroutines.
static const struct crash_frame *top_creator(const struct crash *crash, uint64_t *most)
{
	const struct crash_frame *top = NULL;
	size_t looked = 0;
	*most = 0;
	VEC_FOREACH (group, &crash->groups) {
		if (!group->creator.function[0] || looked++ > 200) // they are sorted by size
			continue;
		uint64_t count = count_of_creator(crash, &group->creator);
		if (count > *most) {
			*most = count;
			top = &group->creator;
		}
	}
	return top;
}

static const char *worker_name(const struct crash_group *group)
{
	for (size_t i = group->depth; i-- > 0;)
		if (has_word(group->frames[i].function, "worker"))
			return group->frames[i].function;
	return NULL;
}

static void say_missing_workers(struct crash *crash, struct crash_log *log)
{
	const struct crash_group *fault = crash->fault;
	const char *worker = fault && fault->creator.function[0] ? worker_name(fault) : NULL;
	if (!worker || !crash->cause->is_memory)
		return;
	uint64_t seen = count_of_creator(crash, &fault->creator);
	uint64_t missing =
		crash->highest_id > crash->goroutines ? crash->highest_id - crash->goroutines : 0;
	finding_say(
		crash, log, "parallelism",
		_("It is one worker of a pool (%s, %llu of its creator in the log%s). Many workers of one creator, each with its own piece of work in memory, point to parallelism out of proportion with the host: fewer workers need less at once."),
		worker, (unsigned long long)seen,
		missing ? _("; the goroutines' numbers show that others are missing in it") : "");
}

void findings_of_creators(struct crash *crash, struct crash_log *log)
{
	uint64_t most;
	const struct crash_frame *creator = top_creator(crash, &most);
	if (!creator || most < MANY_OF_ONE_CREATOR) {
		say_missing_workers(crash, log);
		return;
	}
	finding_say(crash, log, "parallelism",
		    _("%s of %s goroutines were started at one place: %s%s%s"),
		    human_count((int64_t)most).text, human_count((int64_t)crash->goroutines).text,
		    finding_name_frame(creator).text, finding_name_module(creator).text,
		    crash->cause->is_memory
			    ? _(". So many at once, each with its own piece of work in memory, "
				"point to parallelism without a bound.")
			    : ".");
}

// What waits by design: no leak, however long.
static bool is_idle_by_design(const struct crash_group *group)
{
	struct goroutine_frame *frames = alloc_array(group->depth, sizeof *frames);
	bool idle = false;
	for (size_t i = 0; i < group->depth; i++) {
		const struct crash_frame *frame = &group->frames[i];
		frames[i] = (struct goroutine_frame){frame->function, frame->file, frame->line};
		idle = idle || strcmp(frame->function, "main.main") == 0;
	}
	idle = idle || goroutine_waits_by_design(frames, group->depth, group->state);
	free(frames);
	return idle;
}

static bool is_blocked(const struct crash_group *group)
{
	static const char *const states[] = {"chan send", "chan receive", "semacquire",
					     "sync.",     "select",       "IO wait"};
	for (size_t i = 0; i < sizeof states / sizeof *states; i++)
		if (strncmp(group->state, states[i], strlen(states[i])) == 0)
			return true;
	return false;
}

static bool is_deadlock(const struct crash *crash)
{
	return strcmp(crash->cause->id, "deadlock") == 0;
}

const struct crash_frame *finding_user_frame(const struct crash_group *group)
{
	for (int owner = CRASH_OWNER_OWN; owner <= CRASH_OWNER_THIRD_PARTY; owner++)
		for (size_t i = 0; i < group->depth; i++)
			if (group->frames[i].owner == (enum crash_owner)owner)
				return &group->frames[i];
	return group->depth ? &group->frames[0] : NULL;
}

void findings_of_stuck_groups(struct crash *crash, struct crash_log *log)
{
	size_t said = 0;
	VEC_FOREACH (group, &crash->groups) {
		uint64_t oldest = crash_group_oldest_minutes(group);
		const struct crash_frame *frame = finding_user_frame(group);
		bool for_ever =
			has_word(group->state, "nil chan") || has_word(group->state, "no cases");
		if (group == crash->fault || group->kind != CRASH_STACK_GOROUTINE || !frame ||
		    frame->owner >= CRASH_OWNER_STANDARD || !is_blocked(group) ||
		    said >= GROUPS_MAX || (is_idle_by_design(group) && !is_deadlock(crash)))
			continue;
		bool many = group->count >= MANY_STUCK, old = oldest >= LONG_MINUTES;
		if (!many && !for_ever && !is_deadlock(crash) && !(old && group->count > 1))
			continue;
		char wait[96] = "";
		if (oldest)
			snprintf(wait, sizeof wait,
				 _(", the longest for %llu minutes, half of them for %llu or more"),
				 (unsigned long long)oldest,
				 (unsigned long long)crash_group_median_minutes(group));
		finding_say(crash, log, "stuck", _("%s in [%s] at %s%s%s."),
			    human_count((int64_t)group->count).text, group->state,
			    finding_name_frame(frame).text, wait,
			    for_ever             ? _(": nothing can ever wake it")
			    : is_deadlock(crash) ? _(": that is where it waits for ever")
						 : _(": they look stuck"));
		said++;
	}
}
