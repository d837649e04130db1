// SPDX-License-Identifier: Apache-2.0
// In: the goroutines of now and of the baseline. Out: kinds of them, and what each grew by.
#include <string.h>

#include "verdict/evidence_priv.h"

static const struct goroutine_frame *find_own(const struct snapshot_identity *identity,
					      const struct goroutine_group *group)
{
	for (size_t i = 0; identity && i < group->depth; i++)
		if (code_owner_of(identity, group->frames[i].function) == CODE_OWN)
			return &group->frames[i];
	return NULL;
}

// The frame that says what kind it is: the nearest own one, else the innermost outside of runtime.
static const char *anchor_of(const struct goroutine_group *group, const struct goroutine_frame *own)
{
	if (own)
		return own->function;
	for (size_t i = 0; i < group->depth; i++)
		if (strncmp(group->frames[i].function, "runtime.", 8) != 0 &&
		    strncmp(group->frames[i].function, "internal/", 9) != 0)
			return group->frames[i].function;
	return "";
}

static uint64_t hash_text(uint64_t hash, const char *text)
{
	return hash_mix(hash, text ? hash_bytes(text, strlen(text)) : 0);
}

static struct wait_group *group_of(struct evidence *evidence, const struct goroutine_group *group,
				   const struct goroutine_frame *own, bool baseline)
{
	bool is_new;
	uint64_t hash = hash_text(0, group->wait_reason);
	hash = hash_text(hash, group->start.function);
	hash = hash_text(hash, group->created_by.function);
	hash = hash_text(hash, anchor_of(group, own));
	uint64_t *index = map_put(&evidence->group_map, hash, evidence->groups.count, &is_new);
	if (is_new)
		vec_push(&evidence->groups, {.example = group, .own = own});
	struct wait_group *found = &evidence->groups.items[*index];
	if (!baseline && group->count > found->example->count) {
		found->example = group;
		found->own = own;
	}
	return found;
}

static void gather_groups(struct evidence *evidence, const struct facts *facts, bool baseline)
{
	if (!facts || !facts->goroutines)
		return;
	VEC_FOREACH (group, &facts->goroutines->groups) {
		if (group->system)
			continue;
		const struct goroutine_frame *own = find_own(evidence->now->identity, group);
		struct wait_group *found = group_of(evidence, group, own, baseline);
		if (baseline) {
			found->before += group->count;
			found->stack_bytes_before += group->stack_bytes;
			continue;
		}
		found->count += group->count;
		found->stack_bytes += group->stack_bytes;
		if (group->waited_ns > found->waited_ns)
			found->waited_ns = group->waited_ns;
	}
}

static uint64_t above(uint64_t now, uint64_t before)
{
	return now > before ? now - before : 0;
}

// Goroutines that only went from one place to another are no growth: workers that have nothing to
// do.
uint64_t wait_group_rise(const struct evidence *evidence, const struct wait_group *group)
{
	if (!evidence->groups_by_growth)
		return group->count;
	uint64_t rise = above(group->count, group->before);
	uint64_t kind_rise = above(group->kind_count, group->kind_before);
	return kind_rise < rise ? kind_rise : rise;
}

static void sum_kinds(struct evidence *evidence)
{
	struct map kinds = {0};
	VEC(struct wait_group) sums = {0};
	for (int pass = 0; pass < 2; pass++)
		VEC_FOREACH (group, &evidence->groups) {
			bool is_new;
			uint64_t hash = hash_text(0, group->example->start.function);
			hash = hash_text(hash, group->example->created_by.function);
			uint64_t *index = map_put(&kinds, hash, sums.count, &is_new);
			if (is_new)
				vec_push(&sums, {0});
			struct wait_group *sum = &sums.items[*index];
			if (pass == 0) {
				sum->count += group->count;
				sum->before += group->before;
			} else {
				group->kind_count = sum->count;
				group->kind_before = sum->before;
			}
		}
	vec_deinit(&sums);
	map_deinit(&kinds);
}

void evidence_gather_groups(struct evidence *evidence)
{
	gather_groups(evidence, evidence->now, false);
	if (!evidence->mismatch)
		gather_groups(evidence, evidence->before, true);
	evidence->groups_by_growth =
		evidence->before && evidence->before->goroutines && !evidence->mismatch;
	sum_kinds(evidence);
	VEC_FOREACH (group, &evidence->groups)
		evidence->group_rise += wait_group_rise(evidence, group);
}
