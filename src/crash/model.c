// SPDX-License-Identifier: Apache-2.0
// In: goroutines of a log, one by one. Out: groups; texts once each; everything freed again.
#include <stdlib.h>

#include "base/alloc.h"
#include "crash/model_priv.h"
#include "goroutine/pprof.h"

void crash_deinit(struct crash *crash)
{
	VEC_FOREACH (group, &crash->groups)
		vec_deinit(&group->waits);
	vec_deinit(&crash->groups);
	vec_deinit(&crash->notes);
	vec_deinit(&crash->panics);
	vec_deinit(&crash->findings);
	map_deinit(&crash->group_map);
	kernel_oom_deinit(&crash->oom);
}

struct crash_log crash_log_new(const struct crash_options *options)
{
	return (struct crash_log){.arena = {.limit_bytes = 2 * CRASH_ARENA_BYTES},
				  .labels_apart = options->labels_apart};
}

void crash_log_deinit(struct crash_log *log)
{
	VEC_FOREACH (crash, &log->crashes)
		crash_deinit(crash);
	vec_deinit(&log->crashes);
	vec_deinit(&log->string_list);
	map_deinit(&log->strings);
	strbuf_deinit(&log->wanted);
	arena_deinit(&log->arena);
}

uint64_t crash_hash(struct span text, uint64_t hash)
{
	const uint64_t factor = 0x9e3779b97f4a7c15u;
	while (text.length >= 8) {
		uint64_t word;
		memcpy(&word, text.at, 8);
		hash = (hash ^ word) * factor;
		hash ^= hash >> 29;
		text = span_from(text, 8);
	}
	uint64_t last = text.length;
	for (size_t i = 0; i < text.length; i++)
		last = last << 8 | (unsigned char)text.at[i];
	hash = (hash ^ last) * factor;
	return hash ^ hash >> 32;
}

const char *crash_text(struct crash_log *log, struct span text)
{
	if (!text.length)
		return "";
	bool is_new;
	uint64_t *index =
		map_put(&log->strings, crash_hash(text, 1), log->string_list.count, &is_new);
	if (!is_new) {
		const char *old = log->string_list.items[*index];
		if (strlen(old) == text.length && memcmp(old, text.at, text.length) == 0)
			return old;
	}
	char *copy = arena_string(&log->arena, text.at, text.length);
	for (char *c = copy; c && *c == '\0' && c < copy + text.length; c++)
		*c = '?';
	if (is_new)
		vec_push(&log->string_list, copy ? copy : "");
	return copy ? copy : "";
}

static int by_minutes(const void *a, const void *b)
{
	uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;
	return (left > right) - (left < right);
}

static int by_count(const void *a, const void *b)
{
	const struct crash_group *left = a, *right = b;
	if (left->kind != right->kind)
		return left->kind < right->kind ? -1 : 1;
	if (left->count != right->count)
		return left->count < right->count ? 1 : -1;
	return (left->ids[0] > right->ids[0]) - (left->ids[0] < right->ids[0]);
}

void crash_sort_groups(struct crash *crash)
{
	map_deinit(&crash->group_map);
	VEC_FOREACH (group, &crash->groups)
		if (group->waits.count)
			qsort(group->waits.items, group->waits.count, sizeof *group->waits.items,
			      by_minutes);
	if (crash->kind != CRASH_RACE && crash->groups.count)
		qsort(crash->groups.items, crash->groups.count, sizeof *crash->groups.items,
		      by_count);
}

uint64_t crash_group_oldest_minutes(const struct crash_group *group)
{
	return group->waits.count ? group->waits.items[group->waits.count - 1] : 0;
}

// Of all in the group: those without a time wait for less than a minute.
uint64_t crash_group_median_minutes(const struct crash_group *group)
{
	uint64_t middle = group->count / 2, without = group->count - group->waits.count;
	if (group->count < group->waits.count || middle < without ||
	    middle - without >= group->waits.count)
		return 0;
	return group->waits.items[middle - without];
}

static struct goroutine_frame convert(const struct crash_frame *frame)
{
	return (struct goroutine_frame){frame->function, frame->file, frame->line};
}

// `"a":"b", "c":"d"` of a profile and `a: b, "c": d` of a dump: "a: b, c: d".
static void add_labels(struct strbuf *out, const char *labels)
{
	for (const char *c = labels; *c; c++) {
		char one[3] = {*c, '\0', '\0'};
		if (*c == '"')
			continue;
		if (*c == ':' && c > labels && c[-1] == '"' && c[1] == '"')
			one[1] = ' ';
		strbuf_add(out, one);
	}
}

// As the model has it: frames that dumps hide are hidden, and what a profile does not say of
// waiting its stack does.
static void convert_group(const struct crash_group *group, struct goroutine_frame *frames,
			  struct goroutine_set *set, struct strbuf *labels)
{
	const int64_t minute_ns = 60 * (int64_t)1000000000;
	const char *state = group->state;
	for (size_t i = 0; i < group->depth; i++)
		frames[i] = convert(&group->frames[i]);
	size_t depth = group->depth;
	if (depth > 1 && strcmp(frames[depth - 1].function, "runtime.goexit") == 0)
		depth--;
	if (group->kind == CRASH_STACK_PROFILE && !state[0]) {
		const char *reason = goroutine_wait_of_frames(frames, depth);
		state = reason ? reason : "";
	}
	struct goroutine_frame start = depth ? frames[depth - 1] : convert(&group->creator);
	bool waits = goroutine_state_waits(state);
	strbuf_clear(labels);
	add_labels(labels, group->labels);
	struct goroutine_group example = {
		.state = waits ? "waiting" : state,
		.wait_reason = waits ? state : NULL,
		.labels = labels->length ? labels->text : NULL,
		.frames = frames,
		.no_stack = depth ? NULL : "the log has no stack of it",
		.created_by = convert(&group->creator),
		.start = start,
		.count = group->count,
		.example_id = group->ids[0],
		.waited_ns = (int64_t)crash_group_oldest_minutes(group) * minute_ns,
		.system = depth && goroutine_is_system(start.function, group->creator.function),
	};
	example.depth = goroutine_hide_frames(frames, depth);
	VEC_FOREACH (wait, &group->waits)
		vec_push(&example.waits, (int64_t)*wait * minute_ns);
	goroutine_set_add(set, &example);
	vec_deinit(&example.waits);
}

void crash_to_goroutines(const struct crash *crash, struct goroutine_set *set)
{
	struct goroutine_frame *frames = alloc_array(CRASH_FRAMES_MAX, sizeof *frames);
	struct strbuf labels = {0};
	VEC_FOREACH (group, &crash->groups)
		if (group->kind == CRASH_STACK_GOROUTINE || group->kind == CRASH_STACK_PROFILE)
			convert_group(group, frames, set, &labels);
	free(frames);
	strbuf_deinit(&labels);
	goroutine_set_sort(set);
}
