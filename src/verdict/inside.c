// SPDX-License-Identifier: Apache-2.0
// In: goroutines as they are, a rule's patterns. Out: how many are in them, and whose they are.
#include "verdict/inside.h"

#include <string.h>

const char *group_frame_function(const void *stack, size_t index)
{
	return ((const struct goroutine_group *)stack)->frames[index].function;
}

// "main.f|main.f.func1": a function literal is called by what it is in, or by a library for it.
static void add_with_outer(struct strbuf *pattern, const char *function)
{
	const char *literal = strstr(function, ".func");
	if (literal)
		strbuf_addf(pattern, "%.*s|", (int)(literal - function), function);
	strbuf_add(pattern, function);
}

static uint64_t count_in(const struct facts *facts, const char *const *patterns)
{
	uint64_t count = 0;
	if (!facts || !facts->goroutines)
		return 0;
	VEC_FOREACH (group, &facts->goroutines->groups)
		if (frames_match(patterns, group, group->depth, group_frame_function))
			count += group->count;
	return count;
}

uint64_t inside_count(const struct evidence *evidence, const struct rule *rule,
		      const char *function)
{
	struct strbuf caller = {0};
	add_with_outer(&caller, function);
	const char *const patterns[FRAME_PATTERNS_MAX] = {rule->during,
							  function[0] ? caller.text : NULL};
	uint64_t count = rule->during ? count_in(evidence->now, patterns) : 0;
	if (rule->during && !count && !evidence->mismatch)
		count = count_in(evidence->before, patterns);
	strbuf_deinit(&caller);
	return count;
}

// "errgroup.(*Group)." of "errgroup.(*Group).Go"
static size_t receiver_length(const char *function)
{
	const char *end = strrchr(function, ')');
	return end ? (size_t)(end - function) + 1 : 0;
}

static bool waits_for(const struct goroutine_group *waiter, const char *creator)
{
	bool waits = false;
	size_t receiver = receiver_length(creator);
	for (size_t i = 0; i < waiter->depth; i++) {
		const char *function = waiter->frames[i].function;
		waits |= strcmp(function, "sync.(*WaitGroup).Wait") == 0;
		if (waits && (strcmp(function, creator) == 0 ||
			      (receiver && strncmp(function, creator, receiver) == 0 &&
			       strstr(function + receiver, "Wait"))))
			return true;
	}
	return false;
}

// It does not wait for anything: it makes more of them.
static bool makes(const struct evidence *evidence, const struct goroutine_group *maker,
		  const char *creator)
{
	if (maker->wait_reason || !evidence->now->identity ||
	    code_owner_of(evidence->now->identity, creator) != CODE_OWN)
		return false;
	for (size_t i = 0; i < maker->depth; i++)
		if (strcmp(maker->frames[i].function, creator) == 0)
			return true;
	return false;
}

bool inside_fan(const struct evidence *evidence, const struct wait_group *group, double *value)
{
	uint64_t waiters = 0;
	const char *creator = group->example->created_by.function;
	if (!creator[0])
		return false;
	VEC_FOREACH (other, &evidence->groups)
		if (waits_for(other->example, creator) || makes(evidence, other->example, creator))
			waiters += other->count;
	if (!waiters)
		return false;
	*value = (double)group->kind_count / (double)waiters;
	return true;
}

// The own frame of a group whose goroutines were called by what the rule blames; NULL: none.
static const struct goroutine_frame *called_by(const struct evidence *evidence,
					       const struct rule *rule,
					       const struct goroutine_group *group)
{
	const struct goroutine_frame *own = NULL;
	for (size_t i = 0; i < group->depth; i++) {
		const char *function = group->frames[i].function;
		if (own && frame_matches(rule->blame[0], function))
			return own;
		if (!own && code_owner_of(evidence->now->identity, function) == CODE_OWN)
			own = &group->frames[i];
	}
	return NULL;
}

void inside_name_called(const struct evidence *evidence, const struct rule *rule, struct site *site)
{
	uint64_t most = 0;
	if (site->frame.function[0] || !rule->blame[0] || !evidence->now->goroutines ||
	    !evidence->now->identity)
		return;
	VEC_FOREACH (group, &evidence->now->goroutines->groups) {
		const struct goroutine_frame *own = called_by(evidence, rule, group);
		if (!own || group->count <= most)
			continue;
		most = group->count;
		site->frame = (struct verdict_frame){own->function, own->file, own->line};
	}
}

static bool is_starter(const struct rule *rule, const char *creator, const char *function)
{
	bool starter = creator[0] && strcmp(function, creator) == 0;
	for (int i = 0; i < FRAME_PATTERNS_MAX && rule->blame[i]; i++)
		starter |= frame_matches(rule->blame[i], function);
	return starter;
}

static bool find_starter(const struct facts *facts, const struct rule *rule, const char *creator,
			 struct site *out)
{
	const struct snapshot_identity *identity = facts->identity;
	if (!identity || !facts->goroutines)
		return false;
	VEC_FOREACH (group, &facts->goroutines->groups) {
		bool inside = false;
		for (size_t i = 0; i < group->depth; i++) {
			const struct goroutine_frame *frame = &group->frames[i];
			if (inside && code_owner_of(identity, frame->function) == CODE_OWN) {
				*out = (struct site){
					.frame = {frame->function, frame->file, frame->line},
					.callee = group->frames[i - 1].function,
					.entry = ""};
				return true;
			}
			inside |= is_starter(rule, creator, frame->function);
		}
	}
	return false;
}

// One that runs just now has no stack to be seen; it may have waited at the baseline.
bool inside_find_starter(const struct evidence *evidence, const struct rule *rule,
			 const struct wait_group *group, struct site *out)
{
	const char *creator = group->example->created_by.function;
	bool has_before = evidence->before && !evidence->mismatch;
	return find_starter(evidence->now, rule, creator, out) ||
	       (has_before && find_starter(evidence->before, rule, creator, out));
}
