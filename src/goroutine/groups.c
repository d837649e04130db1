// SPDX-License-Identifier: Apache-2.0
// In: goroutines, one by one. Out: groups of the same ones, counted.
#include "goroutine/groups.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/i18n.h"
#include "base/units.h"

enum { GOROUTINE_OBJECTS_SHOWN = 3 };

void goroutine_set_deinit(struct goroutine_set *set)
{
	map_deinit(&set->strings);
	map_deinit(&set->group_map);
	vec_deinit(&set->string_list);
	VEC_FOREACH (group, &set->groups) {
		vec_deinit(&group->waits);
		vec_deinit(&group->objects);
	}
	vec_deinit(&set->groups);
	vec_deinit(&set->states);
	arena_deinit(&set->arena);
}

static const char *intern(struct goroutine_set *set, const char *text)
{
	if (!text)
		return NULL;
	size_t length = strlen(text);
	bool is_new;
	uint64_t *index =
		map_put(&set->strings, hash_bytes(text, length), set->string_list.count, &is_new);
	if (!is_new && strcmp(set->string_list.items[*index], text) == 0)
		return set->string_list.items[*index];
	const char *copy = arena_string(&set->arena, text, length);
	if (is_new)
		vec_push(&set->string_list, copy ? copy : "");
	return copy ? copy : "";
}

static uint64_t hash_text(uint64_t hash, const char *text)
{
	return hash_mix(hash, text ? hash_bytes(text, strlen(text)) : 0);
}

static uint64_t hash_frame(uint64_t hash, const struct goroutine_frame *frame)
{
	return hash_mix(hash_text(hash_text(hash, frame->function), frame->file),
			(uint64_t)frame->line);
}

static uint64_t hash_group(const struct goroutine_group *group)
{
	uint64_t hash = hash_text(hash_text(group->system, group->state), group->wait_reason);
	hash = hash_frame(hash_frame(hash, &group->created_by), &group->start);
	hash = hash_text(hash_mix(hash, group->elided), group->no_stack);
	hash = hash_text(hash, group->labels);
	for (size_t i = 0; i < group->depth; i++)
		hash = hash_frame(hash, &group->frames[i]);
	return hash;
}

static struct goroutine_frame copy_frame(struct goroutine_set *set,
					 const struct goroutine_frame *frame)
{
	return (struct goroutine_frame){
		.function = intern(set, frame->function ? frame->function : ""),
		.file = intern(set, frame->file ? frame->file : ""),
		.line = frame->line,
	};
}

static struct goroutine_group copy_group(struct goroutine_set *set,
					 const struct goroutine_group *group)
{
	struct goroutine_group copy = *group;
	struct goroutine_frame *frames = arena_array(&set->arena, group->depth, sizeof *frames);
	copy.depth = frames ? group->depth : 0;
	for (size_t i = 0; i < copy.depth; i++)
		frames[i] = copy_frame(set, &group->frames[i]);
	copy.frames = frames;
	copy.state = intern(set, group->state);
	copy.wait_reason = intern(set, group->wait_reason);
	copy.no_stack = intern(set, group->no_stack);
	copy.labels = intern(set, group->labels);
	copy.created_by = copy_frame(set, &group->created_by);
	copy.start = copy_frame(set, &group->start);
	memset(&copy.waits, 0, sizeof copy.waits);
	memset(&copy.objects, 0, sizeof copy.objects);
	copy.objects_left_out = 0;
	return copy;
}

static void add_object(struct goroutine_set *set, struct goroutine_group *group,
		       const struct goroutine_object *object)
{
	VEC_FOREACH (old, &group->objects) {
		if (old->address == object->address && strcmp(old->text, object->text) == 0) {
			old->count += object->count;
			return;
		}
	}
	if (group->objects.count == GOROUTINE_OBJECTS_KEPT) {
		group->objects_left_out += object->count;
		return;
	}
	vec_push(&group->objects, {intern(set, object->text), object->address, object->count});
}

static void add_details(struct goroutine_set *set, struct goroutine_group *group,
			const struct goroutine_group *example)
{
	VEC_FOREACH (wait, &example->waits)
		vec_push(&group->waits, *wait);
	VEC_FOREACH (object, &example->objects)
		add_object(set, group, object);
	group->objects_left_out += example->objects_left_out;
}

static void count_state(struct goroutine_set *set, const char *state, uint64_t count)
{
	VEC_FOREACH (row, &set->states) {
		if (strcmp(row->state, state) == 0) {
			row->count += count;
			return;
		}
	}
	vec_push(&set->states, {intern(set, state), count});
}

void goroutine_set_add(struct goroutine_set *set, const struct goroutine_group *example)
{
	set->total += example->count;
	set->stack_bytes += example->stack_bytes;
	if (!example->system) {
		set->user += example->count;
		count_state(set, example->wait_reason ? example->wait_reason : example->state,
			    example->count);
	}
	bool is_new;
	uint64_t *index = map_put(&set->group_map, hash_group(example), set->groups.count, &is_new);
	if (is_new) {
		add_details(set, vec_push(&set->groups, copy_group(set, example)), example);
		return;
	}
	struct goroutine_group *group = &set->groups.items[*index];
	add_details(set, group, example);
	group->count += example->count;
	group->unserved += example->unserved;
	group->stack_bytes += example->stack_bytes;
	if (group->waited_ns < example->waited_ns)
		group->waited_ns = example->waited_ns;
}

static int by_count(const void *a, const void *b)
{
	const struct goroutine_group *left = a, *right = b;
	if (left->system != right->system)
		return left->system ? 1 : -1;
	if (left->count != right->count)
		return left->count < right->count ? 1 : -1;
	return (left->example_id > right->example_id) - (left->example_id < right->example_id);
}

static int by_state_count(const void *a, const void *b)
{
	const struct goroutine_state_count *left = a, *right = b;
	if (left->count != right->count)
		return left->count < right->count ? 1 : -1;
	return strcmp(left->state, right->state);
}

static int by_wait(const void *a, const void *b)
{
	const int64_t *left = a, *right = b;
	return (*left > *right) - (*left < *right);
}

static int by_object_count(const void *a, const void *b)
{
	const struct goroutine_object *left = a, *right = b;
	if (left->count != right->count)
		return left->count < right->count ? 1 : -1;
	return (left->address > right->address) - (left->address < right->address);
}

const char *goroutine_group_state(const struct goroutine_group *group)
{
	return group->wait_reason ? group->wait_reason : group->state;
}

bool goroutine_state_waits(const char *state)
{
	static const char *const others[] = {"",          "running", "runnable",        "syscall",
					     "idle",      "dead",    "leaked",          "copystack",
					     "preempted", "unknown", GOROUTINE_NO_STATE};
	for (size_t i = 0; i < sizeof others / sizeof *others; i++)
		if (strcmp(state, others[i]) == 0)
			return false;
	return true;
}

int64_t goroutine_median_wait(const int64_t *waits, size_t known, uint64_t count)
{
	uint64_t middle = count / 2, without = count > known ? count - known : 0;
	return middle >= without && middle - without < known ? waits[middle - without] : 0;
}

void goroutine_set_sort(struct goroutine_set *set)
{
	VEC_FOREACH (group, &set->groups) {
		if (group->waits.count)
			qsort(group->waits.items, group->waits.count, sizeof *group->waits.items,
			      by_wait);
		if (group->objects.count)
			qsort(group->objects.items, group->objects.count,
			      sizeof *group->objects.items, by_object_count);
	}
	if (set->groups.count)
		qsort(set->groups.items, set->groups.count, sizeof *set->groups.items, by_count);
	if (set->states.count)
		qsort(set->states.items, set->states.count, sizeof *set->states.items,
		      by_state_count);
	map_deinit(&set->group_map); // its indexes are stale now
}

static void write_frame(struct strbuf *out, const char *indent, const struct goroutine_frame *frame)
{
	strbuf_add(out, indent);
	strbuf_add_safe(out, frame->function);
	strbuf_add(out, "\n");
	strbuf_add(out, indent);
	strbuf_add(out, "    ");
	strbuf_add_safe(out, frame->file);
	strbuf_addf(out, ":%" PRId64 "\n", frame->line);
}

static void write_elided(struct strbuf *out, uint64_t count)
{
	strbuf_addf(out, _("    ...%s frames left out...\n"), human_count((int64_t)count).text);
}

static void write_waits(struct strbuf *out, const struct goroutine_group *group)
{
	int64_t median =
		goroutine_median_wait(group->waits.items, group->waits.count, group->count);
	if (!group->waited_ns)
		return;
	strbuf_addf(out,
		    group->count > 1 ? _(", the longest for at least %s") : _(", for at least %s"),
		    human_duration(group->waited_ns).text);
	if (group->count > 2 && median)
		strbuf_addf(out, _(", half of them for %s or more"), human_duration(median).text);
}

static void write_head(struct strbuf *out, const struct goroutine_group *group)
{
	const char *state = goroutine_group_state(group);
	strbuf_addf(out, group->count == 1 ? _("%s goroutine [") : _("%s goroutines ["),
		    human_count((int64_t)group->count).text);
	strbuf_add_safe(out, state[0] ? state : i18n_text(GOROUTINE_NO_STATE));
	strbuf_addf(out, "]%s", group->system ? _(" (of the Go runtime)") : "");
	write_waits(out, group);
	if (group->stack_bytes)
		strbuf_addf(out, _(", stacks %s"), human_bytes((int64_t)group->stack_bytes).text);
	if (group->example_id)
		strbuf_addf(out, _(", for example %llu"), (unsigned long long)group->example_id);
	strbuf_add(out, "\n");
	if (!group->labels)
		return;
	strbuf_add(out, _("  labels "));
	strbuf_add_safe(out, group->labels);
	strbuf_add(out, "\n");
}

static void write_objects(struct strbuf *out, const struct goroutine_group *group)
{
	uint64_t others = group->objects_left_out;
	for (size_t i = GOROUTINE_OBJECTS_SHOWN; i < group->objects.count; i++)
		others += group->objects.items[i].count;
	for (size_t i = 0; i < group->objects.count && i < GOROUTINE_OBJECTS_SHOWN; i++) {
		strbuf_addf(out, _("  %s on "),
			    human_count((int64_t)group->objects.items[i].count).text);
		strbuf_add_safe(out, group->objects.items[i].text);
		strbuf_add(out, "\n");
	}
	if (others)
		strbuf_addf(out, _("  %s on others\n"), human_count((int64_t)others).text);
}

static void write_unserved(struct strbuf *out, const struct goroutine_group *group)
{
	if (group->unserved == group->count)
		strbuf_add(out, group->count == 1 ? _("  nothing that was found can wake it\n")
						  : _("  nothing that was found can wake them\n"));
	else if (group->unserved)
		strbuf_addf(out, _("  nothing that was found can wake %s of them\n"),
			    human_count((int64_t)group->unserved).text);
}

void goroutine_group_write(const struct goroutine_group *group, struct strbuf *out)
{
	write_head(out, group);
	write_objects(out, group);
	write_unserved(out, group);
	for (size_t i = 0; i < group->depth; i++) {
		if (group->elided && i == group->elided_at)
			write_elided(out, group->elided);
		write_frame(out, "    ", &group->frames[i]);
	}
	if (!group->depth) {
		strbuf_addf(out, _("    (%s; it started in)\n"),
			    group->no_stack ? i18n_text(group->no_stack)
					    : _("no stack: it ran while it was read"));
		write_frame(out, "    ", &group->start);
	}
	if (group->created_by.function[0]) {
		strbuf_add(out, _("  created by\n"));
		write_frame(out, "    ", &group->created_by);
	}
	strbuf_add(out, "\n");
}

void goroutine_set_write_groups(const struct goroutine_set *set, bool system, size_t rows,
				struct strbuf *out)
{
	VEC_FOREACH (group, &set->groups)
		if (group->system == system && rows && rows--)
			goroutine_group_write(group, out);
}

void goroutine_set_write_text(const struct goroutine_set *set, struct strbuf *out)
{
	strbuf_addf(out, "%s goroutines of the program and %s of the Go runtime, in %zu groups\n\n",
		    human_count((int64_t)set->user).text,
		    human_count((int64_t)(set->total - set->user)).text, set->groups.count);
	VEC_FOREACH (group, &set->groups)
		goroutine_group_write(group, out);
}
