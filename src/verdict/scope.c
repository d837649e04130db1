// SPDX-License-Identifier: Apache-2.0
// In: names and conditions, as rules write them. Out: numbers, and whether they hold.
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "verdict/evidence.h"
#include "verdict/frames.h"
#include "verdict/inside.h"
#include "verdict/sites.h"

enum { G_STRUCT_BYTES = 448 }; // what a goroutine costs beside its stack; runtime.g

static bool ratio(double part, double whole, double *value)
{
	*value = whole > 0 ? part / whole : 0;
	return whole > 0;
}

static bool site_kind(const struct scope *scope, const char *name, double *value)
{
	const struct fact_kind *kinds =
		facts_find_kind(scope->evidence->now, scope->site->frame.function);
	if (!kinds || strncmp(name, "site.", 5) != 0)
		return false;
	for (int i = 1; i < ALLOC_KINDS; i++) {
		size_t length = strlen(alloc_kind_name(i));
		if (strncmp(name + 5, alloc_kind_name(i), length) != 0)
			continue;
		if (strcmp(name + 5 + length, "_object") == 0) {
			*value = kinds->largest[i];
			return kinds->largest[i] > 0;
		}
		if (name[5 + length])
			continue;
		*value = fmin(kinds->bytes[i], (double)scope->site->bytes);
		return true;
	}
	return false;
}

static bool is_in(const struct goroutine_group *group, const char *function)
{
	for (size_t i = 0; i < group->depth; i++)
		if (strcmp(group->frames[i].function, function) == 0)
			return true;
	return false;
}

// How many of them there were before: those that were elsewhere then, or could not be read while
// they ran, count by how many of their kind there were.
static double were_before(const struct wait_group *group)
{
	double of_kind = group->kind_count ? (double)group->kind_before * (double)group->count /
						     (double)group->kind_count
					   : 0;
	return of_kind > (double)group->before ? of_kind : (double)group->before;
}

// Goroutines in the function that the allocations of the site come from first: a worker's, the
// handler of a request.
static double inside_of(const struct scope *scope, bool by_own_code, double *before)
{
	double count = 0;
	*before = 0;
	VEC_FOREACH (group, &scope->evidence->groups) {
		bool own = code_owner_of(scope->evidence->now->identity,
					 group->example->created_by.function) == CODE_OWN;
		if (own != by_own_code || !is_in(group->example, scope->site->entry))
			continue;
		count += (double)group->count;
		*before += were_before(group);
	}
	return count;
}

// What grows at each worker, while they are as many as before: what they need to work with would
// stay as it is. In the moments before a kill only the course can tell that from their first work.
static bool each_grows(const struct scope *scope)
{
	const struct evidence *evidence = scope->evidence;
	if (evidence->kill)
		return onsets_goroutines_keep(&evidence->now->onsets);
	return evidence->heap_by_growth && scope->site->before_bytes > scope->site->bytes / 10;
}

// Workers that become more are another trouble, and so are those that keep more and more.
static double workers_of(const struct scope *scope)
{
	double before, count = inside_of(scope, true, &before);
	bool more = scope->evidence->groups_by_growth && before < 0.9 * count;
	return more || each_grows(scope) ? 0 : count;
}

// Names of numbers of the goroutines that are in a site's code.
static bool inside_number(const struct scope *scope, const char *name, double *value)
{
	double before, bytes = (double)scope->site->bytes;
	if (!scope->evidence->now->identity || !scope->site->entry[0])
		return false;
	if (strcmp(name, "site.workers") == 0)
		*value = workers_of(scope);
	else if (strcmp(name, "site.worker_bytes") == 0)
		return ratio(bytes, workers_of(scope), value);
	else if (strcmp(name, "site.inside") == 0)
		*value = inside_of(scope, false, &before) + inside_of(scope, true, &before);
	else if (strcmp(name, "site.requests") == 0)
		*value = inside_of(scope, false, &before);
	else if (strcmp(name, "site.request_bytes") == 0)
		return ratio(bytes, inside_of(scope, false, &before), value);
	else
		return false;
	return true;
}

static bool is_on_queue(const struct scope *scope, double *value)
{
	double queue;
	const struct goroutine_group *example = scope->group->example;
	if (!example->objects.count || !facts_get(scope->evidence->now, "queue.address", &queue))
		return false;
	*value = queue > 0 && (double)example->objects.items[0].address == queue;
	return true;
}

// Who makes them waits for room in a channel that is as full as it was, so that each replaces one
// that was taken out; what became of that nobody knows before a collection.
static bool is_through_queue(const struct scope *scope, double *value)
{
	const struct evidence *evidence = scope->evidence;
	struct scope queue = {.evidence = evidence};
	double yes = 0, on = 0;
	if (!evidence->before || evidence->mismatch)
		return false;
	if (!evidence->kill &&
	    (scope_holds(&queue, "heap.marked.grown < 0.1 heap.marked") ||
	     scope_holds(&queue, "queue.bytes >= 0.5 heap.marked")) &&
	    scope_holds(&queue, "queue.address.grown == 0") &&
	    scope_holds(&queue, "queue.senders == 1") &&
	    scope_holds(&queue, "queue.length.grown < 0.1 queue.length"))
		VEC_FOREACH (group, &evidence->groups) {
			queue.group = group;
			yes = yes > 0 || (is_in(group->example, scope->site->entry) &&
					  is_on_queue(&queue, &on) && on > 0);
		}
	*value = yes;
	return true;
}

static bool site_number(const struct scope *scope, const char *name, double *value)
{
	const struct site *site = scope->site;
	const struct evidence *evidence = scope->evidence;
	if (strcmp(name, "site") == 0)
		*value = (double)site->bytes;
	else if (strcmp(name, "site.before") == 0)
		*value = (double)site->before_bytes;
	else if (strcmp(name, "site.whole") == 0)
		*value = (double)site->whole_bytes;
	else if (strcmp(name, "site.objects") == 0)
		*value = (double)site->objects;
	else if (strcmp(name, "site.object_size") == 0)
		return ratio((double)site->bytes, (double)site->objects, value);
	else if (strcmp(name, "site.main_object") == 0)
		*value = (double)site->largest_stack_object;
	else if (strcmp(name, "site.published") == 0)
		*value = (double)site->published;
	else if (strcmp(name, "site.allocated") == 0)
		*value = (double)site->allocated;
	else if (strcmp(name, "site.allocations") == 0)
		*value = (double)site->allocations;
	else if (strcmp(name, "site.kept") == 0)
		return ratio((double)site->bytes, (double)site->allocated, value);
	else if (strcmp(name, "site.share") == 0)
		return ratio((double)site->bytes, (double)evidence->heap.total, value);
	else if (strcmp(name, "site.rise") == 0)
		*value = (double)site_rise(evidence, site);
	else if (strcmp(name, "site.rise_share") == 0)
		return ratio((double)site_rise(evidence, site), (double)heap_rise(evidence), value);
	else if (strcmp(name, "site.part") == 0)
		*value = (double)site->part_bytes;
	else if (strcmp(name, "site.during") == 0)
		*value = (double)site->during;
	else if (strcmp(name, "site.through_queue") == 0)
		return is_through_queue(scope, value);
	else if (strcmp(name, "site.stacks") == 0)
		*value = (double)site->stacks;
	else
		return inside_number(scope, name, value) || site_kind(scope, name, value);
	return true;
}

static double others_of(const struct evidence *evidence, const struct wait_group *group)
{
	double sum = 0;
	VEC_FOREACH (other, &evidence->groups)
		if (other != group && strcmp(other->example->created_by.function,
					     group->example->created_by.function) == 0)
			sum += (double)other->count;
	return sum;
}

// Workers that have nothing to do. Of the group's objects the first is the one that most wait on.
static bool is_idle_pool(const struct scope *scope, double *value)
{
	const struct wait_group *group = scope->group;
	const struct goroutine_group *example = group->example;
	bool more = scope->evidence->groups_by_growth &&
		    (double)group->before < 0.9 * (double)group->count;
	if (!example->objects.count)
		return false;
	*value = !more && (double)example->objects.items[0].count >= 0.9 * (double)example->count;
	return true;
}

// Timers that came with each of the goroutines that came.
static bool timers_each(const struct scope *scope, double *value)
{
	double now, before;
	const struct evidence *evidence = scope->evidence;
	if (!evidence->groups_by_growth || !facts_get(evidence->now, "timers", &now) ||
	    !facts_get(evidence->before, "timers", &before))
		return false;
	return ratio(now - before, (double)wait_group_rise(evidence, scope->group), value);
}

static bool group_number(const struct scope *scope, const char *name, double *value)
{
	const struct wait_group *group = scope->group;
	const struct evidence *evidence = scope->evidence;
	double all = 0;
	if (strcmp(name, "group") == 0)
		*value = (double)group->count;
	else if (strcmp(name, "group.before") == 0)
		*value = (double)group->before;
	else if (strcmp(name, "group.share") == 0)
		return facts_get(evidence->now, "goroutines", &all) &&
		       ratio((double)group->count, all, value);
	else if (strcmp(name, "group.rise") == 0)
		*value = (double)wait_group_rise(evidence, group);
	else if (strcmp(name, "group.rise_share") == 0)
		return ratio((double)wait_group_rise(evidence, group), (double)evidence->group_rise,
			     value);
	else if (strcmp(name, "group.stacks") == 0)
		*value = (double)group->stack_bytes;
	else if (strcmp(name, "group.stack_size") == 0)
		return ratio((double)group->stack_bytes, (double)group->count, value);
	else if (strcmp(name, "group.holds") == 0)
		*value = (double)group->holds;
	else if (strcmp(name, "group.costs") == 0)
		*value = (double)wait_group_costs(evidence, group);
	else if (strcmp(name, "group.timers") == 0)
		return timers_each(scope, value);
	else if (strcmp(name, "group.waits") == 0)
		*value = (double)group->waited_ns;
	else if (strcmp(name, "group.on_queue") == 0)
		return is_on_queue(scope, value);
	else if (strcmp(name, "group.idle_pool") == 0)
		return is_idle_pool(scope, value);
	else if (strcmp(name, "group.fan") == 0)
		return inside_fan(evidence, group, value);
	else if (strcmp(name, "group.during") == 0)
		*value = (double)group->during;
	else if (strcmp(name, "group.others") == 0)
		*value = others_of(evidence, group);
	else
		return false;
	return strcmp(name, "group.waits") != 0 || group->waited_ns > 0;
}

// Those that were made along with them go with them: a reader has its writer.
static bool goes_along(const struct wait_group *other, const struct wait_group *group)
{
	const struct goroutine_frame *a = &other->example->created_by,
				     *b = &group->example->created_by;
	if (group->along && frame_matches(group->along, a->function))
		return true;
	return a->function[0] && strcmp(a->function, b->function) == 0 &&
	       other->count > group->count / 2 && other->count < group->count * 2;
}

int64_t wait_group_costs(const struct evidence *evidence, const struct wait_group *group)
{
	bool growth = evidence->groups_by_growth;
	int64_t holds = group->holds, sum = 0;
	if (growth && evidence->heap_before.stacks)
		holds -= group->holds_before;
	VEC_FOREACH (other, &evidence->groups) {
		if (other != group && !goes_along(other, group))
			continue;
		int64_t stacks = (int64_t)other->stack_bytes -
				 (growth ? (int64_t)other->stack_bytes_before : 0);
		sum += (stacks > 0 ? stacks : 0) +
		       (int64_t)wait_group_rise(evidence, other) * G_STRUCT_BYTES;
	}
	return sum + (holds > 0 ? holds : 0);
}

static bool grown_number(const struct scope *scope, const char *name, double *value)
{
	double now, before;
	if (scope->evidence->mismatch || !facts_get(scope->evidence->now, name, &now) ||
	    !facts_get(scope->evidence->before, name, &before))
		return false;
	*value = now - before;
	return true;
}

static bool cpu_now(const struct scope *scope, double *value)
{
	double collector, all;
	return grown_number(scope, "gc.cpu_ns", &collector) &&
	       grown_number(scope, "gc.total_cpu_ns", &all) && ratio(collector, all, value);
}

static bool plain_number(const struct scope *scope, const char *name, double *value)
{
	if (strncmp(name, "between.", strlen("between.")) == 0 && !scope->evidence->watched)
		return false;
	if (strcmp(name, "interval") == 0) {
		*value = (double)scope->evidence->interval_ns;
		return scope->evidence->interval_ns > 0;
	}
	if (strcmp(name, "gc.cpu_now") == 0)
		return cpu_now(scope, value);
	if (strcmp(name, "heap.kept") == 0) {
		*value = 2 * (double)scope->evidence->heap.kept;
		return scope->evidence->heap.stacks != NULL;
	}
	if (strcmp(name, "heap.unknown") == 0) {
		double cycles;
		*value = (double)scope->evidence->heap.unknown;
		return scope->evidence->heap.stacks &&
		       facts_get(scope->evidence->now, "gc.cycles", &cycles);
	}
	if (scope->site && site_number(scope, name, value))
		return true;
	if (scope->group && group_number(scope, name, value))
		return true;
	return facts_get(scope->evidence->now, name, value);
}

// The part of `name` before `suffix`.
static bool cut_suffix(const char *name, const char *suffix, char *stem)
{
	size_t length = strlen(name), tail = strlen(suffix);
	if (length <= tail || length - tail >= FACT_NAME_MAX ||
	    strcmp(name + length - tail, suffix) != 0)
		return false;
	memcpy(stem, name, length - tail);
	stem[length - tail] = '\0';
	return true;
}

static bool before_number(const struct scope *scope, const char *stem, double *value)
{
	char name[FACT_NAME_MAX + 8];
	if (scope->evidence->mismatch)
		return false;
	if ((scope->site && strcmp(stem, "site") == 0 && scope->evidence->heap_before.stacks) ||
	    (scope->group && strcmp(stem, "group") == 0 && scope->evidence->groups_by_growth)) {
		snprintf(name, sizeof name, "%s.before", stem);
		return plain_number(scope, name, value);
	}
	if (strcmp(stem, "heap.kept") == 0) { // of both by the turnover of now
		*value = 2 * (double)scope->evidence->heap_before.kept;
		return scope->evidence->heap_before.stacks && scope->evidence->estimated;
	}
	return facts_get(scope->evidence->before, stem, value);
}

bool scope_number(const struct scope *scope, const char *name, double *value)
{
	char stem[FACT_NAME_MAX];
	double now, other;
	if (cut_suffix(name, ".before", stem))
		return before_number(scope, stem, value);
	if (plain_number(scope, name, value))
		return true;
	if (cut_suffix(name, ".grown", stem)) {
		if (!plain_number(scope, stem, &now) || !before_number(scope, stem, &other))
			return false;
		*value = now - other;
		return true;
	}
	return cut_suffix(name, ".share", stem) && plain_number(scope, stem, &now) &&
	       plain_number(scope, "memory", &other) && ratio(now, other, value);
}

enum fact_unit scope_unit(const char *name)
{
	char stem[FACT_NAME_MAX];
	if (fact_meaning(name))
		return fact_unit_of(name);
	if (cut_suffix(name, ".before", stem) || cut_suffix(name, ".grown", stem))
		return fact_unit_of(stem);
	return cut_suffix(name, ".share", stem) ? FACT_SHARE : FACT_COUNT;
}

bool number_name_is_valid(const char *name)
{
	char stem[FACT_NAME_MAX];
	if (cut_suffix(name, ".before", stem) || cut_suffix(name, ".grown", stem) ||
	    (cut_suffix(name, ".share", stem) && !fact_meaning(name)))
		return fact_meaning(stem) != NULL;
	return fact_meaning(name) != NULL;
}

// ---- conditions ----

enum operator{ LESS, LESS_EQUAL, GREATER, GREATER_EQUAL, EQUAL, NOT_EQUAL };

struct condition {
	bool if_unknown;
	char left[FACT_NAME_MAX], right[FACT_NAME_MAX]; // right "": the factor alone
	enum operator operator;
	double factor;
};

static double unit_factor(const char *unit)
{
	static const struct {
		const char *unit;
		double factor;
	} units[] = {
		{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"%", 0.01},
		{"s", 1e9},       {"min", 60e9},    {"h", 3600e9},    {"", 1},
	};
	for (size_t i = 0; i < sizeof units / sizeof *units; i++)
		if (strcmp(units[i].unit, unit) == 0)
			return units[i].factor;
	return 0;
}

static bool parse_operator(const char *text, enum operator* out)
{
	static const char *const texts[] = {
		[LESS] = "<",           [LESS_EQUAL] = "<=", [GREATER] = ">",
		[GREATER_EQUAL] = ">=", [EQUAL] = "==",      [NOT_EQUAL] = "!="};
	for (int i = LESS; i <= NOT_EQUAL; i++) {
		if (strcmp(texts[i], text) != 0)
			continue;
		*out = (enum operator)i;
		return true;
	}
	return false;
}

static bool parse_condition(const char *text, struct condition *out)
{
	char operator[4], word[FACT_NAME_MAX], *end;
	*out = (struct condition){.if_unknown = text[0] == '?', .factor = 1};
	int parts = sscanf(text + out->if_unknown, "%255s %3s %255s %255s", out->left, operator,
			   word, out->right);
	if (parts < 3 || !parse_operator(operator, & out->operator))
		return false;
	if (parts == 3)
		out->right[0] = '\0';
	double number = strtod(word, &end);
	if (end == word) { // a name
		snprintf(out->right, sizeof out->right, "%s", word);
		return parts == 3;
	}
	out->factor = number * unit_factor(end);
	return unit_factor(end) > 0;
}

bool condition_is_valid(const char *condition)
{
	struct condition parsed;
	return parse_condition(condition, &parsed) && number_name_is_valid(parsed.left) &&
	       (!parsed.right[0] || number_name_is_valid(parsed.right));
}

static bool compare(double left, enum operator operator, double right)
{
	switch (operator) {
	case LESS:
		return left < right;
	case LESS_EQUAL:
		return left <= right;
	case GREATER:
		return left > right;
	case GREATER_EQUAL:
		return left >= right;
	case EQUAL:
		return left >= right && left <= right;
	case NOT_EQUAL:
		return left < right || left > right;
	}
	return false;
}

bool scope_holds(const struct scope *scope, const char *condition)
{
	struct condition parsed;
	double left, right = 1;
	if (!parse_condition(condition, &parsed))
		return false;
	if (!scope_number(scope, parsed.left, &left) ||
	    (parsed.right[0] && !scope_number(scope, parsed.right, &right)))
		return parsed.if_unknown;
	return compare(left, parsed.operator, parsed.factor * right);
}
