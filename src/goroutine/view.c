// SPDX-License-Identifier: Apache-2.0
// In: groups of one or two sources. Out: rows of what belongs together.
#include "goroutine/view.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/i18n.h"
#include "goroutine/own.h"

static const char *const names[GOROUTINE_BY_COUNT] = {"stack", "creator", "state", "label",
						      "function"};

bool goroutine_by_parse(const char *text, enum goroutine_by *by)
{
	for (size_t i = 0; i < GOROUTINE_BY_COUNT; i++) {
		if (strcmp(names[i], text) == 0) {
			*by = (enum goroutine_by)i;
			return true;
		}
	}
	return false;
}

const char *goroutine_by_name(enum goroutine_by by)
{
	return names[by];
}

// What both sides of a comparison know.
struct known {
	bool states, creators;
};

static uint64_t mix_text(uint64_t hash, const char *text)
{
	return hash_mix(hash, hash_bytes(text ? text : "", text ? strlen(text) : 0));
}

static uint64_t mix_frame(uint64_t hash, const struct goroutine_frame *frame)
{
	return hash_mix(mix_text(mix_text(hash, frame->function), frame->file),
			(uint64_t)frame->line);
}

static uint64_t stack_key(const struct goroutine_group *group, struct known known)
{
	uint64_t hash = hash_u64(group->depth);
	if (known.states)
		hash = mix_text(hash, goroutine_group_state(group));
	if (known.creators)
		hash = mix_frame(hash, &group->created_by);
	for (size_t i = 0; i < group->depth; i++)
		hash = mix_frame(hash, &group->frames[i]);
	return group->depth ? hash : mix_frame(hash, &group->start);
}

static uint64_t key_of(const struct goroutine_group *group, enum goroutine_by by,
		       struct known known)
{
	switch (by) {
	case GOROUTINE_BY_CREATOR:
		return mix_frame(1, &group->created_by);
	case GOROUTINE_BY_STATE:
		return mix_text(2, goroutine_group_state(group));
	case GOROUTINE_BY_LABEL:
		return mix_text(3, group->labels);
	case GOROUTINE_BY_FUNCTION:
		return mix_text(4, goroutine_group_place(group)->function);
	default:
		return stack_key(group, known);
	}
}

static struct goroutine_row *row_of(struct goroutine_view *view,
				    const struct goroutine_group *group, struct known known)
{
	bool is_new;
	uint64_t *index =
		map_put(&view->map, key_of(group, view->by, known), view->rows.count, &is_new);
	struct goroutine_row *row =
		is_new ? vec_push(&view->rows, {.example = group}) : &view->rows.items[*index];
	if (group->count > row->largest) {
		row->example = group;
		row->largest = group->count;
	}
	return row;
}

static void add_group(struct goroutine_view *view, const struct goroutine_group *group,
		      struct known known)
{
	struct goroutine_row *row = row_of(view, group, known);
	row->count += group->count;
	row->stack_bytes += group->stack_bytes;
	row->unserved += group->unserved;
	row->groups++;
	VEC_FOREACH (wait, &group->waits)
		vec_push(&row->waits, *wait);
	view->total += group->count;
}

static int by_wait(const void *a, const void *b)
{
	const int64_t *left = a, *right = b;
	return (*left > *right) - (*left < *right);
}

static int by_size(const void *a, const void *b)
{
	const struct goroutine_row *left = a, *right = b;
	int64_t grew_left = goroutine_row_growth(left), grew_right = goroutine_row_growth(right);
	if (grew_left != grew_right)
		return grew_left < grew_right ? 1 : -1;
	if (left->count != right->count)
		return left->count < right->count ? 1 : -1;
	return (left->example->example_id > right->example->example_id) -
	       (left->example->example_id < right->example->example_id);
}

static void finish(struct goroutine_view *view)
{
	VEC_FOREACH (row, &view->rows)
		if (row->waits.count)
			qsort(row->waits.items, row->waits.count, sizeof *row->waits.items,
			      by_wait);
	if (view->rows.count)
		qsort(view->rows.items, view->rows.count, sizeof *view->rows.items, by_size);
	map_deinit(&view->map);
}

void goroutine_view_make(const struct goroutine_set *set, enum goroutine_by by,
			 struct goroutine_view *view)
{
	*view = (struct goroutine_view){.by = by};
	VEC_FOREACH (group, &set->groups)
		if (!group->system)
			add_group(view, group, (struct known){true, true});
	finish(view);
}

static bool knows_creators(const struct goroutine_set *set)
{
	VEC_FOREACH (group, &set->groups)
		if (!group->system && group->created_by.function[0])
			return true;
	return false;
}

void goroutine_view_compare(const struct goroutine_set *before, const struct goroutine_set *after,
			    enum goroutine_by by, struct goroutine_view *view)
{
	struct known known = {before->knows_states && after->knows_states,
			      knows_creators(before) && knows_creators(after)};
	*view = (struct goroutine_view){.by = by};
	VEC_FOREACH (group, &after->groups)
		if (!group->system)
			add_group(view, group, known);
	VEC_FOREACH (group, &before->groups) {
		if (group->system)
			continue;
		view->before_total += group->count;
		row_of(view, group, known)->before += group->count;
	}
	finish(view);
}

void goroutine_view_deinit(struct goroutine_view *view)
{
	VEC_FOREACH (row, &view->rows)
		vec_deinit(&row->waits);
	vec_deinit(&view->rows);
	map_deinit(&view->map);
}

static void add_place(struct strbuf *out, const struct goroutine_frame *frame)
{
	strbuf_add_safe(out, frame->function);
	if (!frame->file[0])
		return;
	strbuf_add(out, " (");
	strbuf_add_safe(out, frame->file);
	strbuf_addf(out, ":%" PRId64 ")", frame->line);
}

void goroutine_row_title(const struct goroutine_view *view, const struct goroutine_row *row,
			 struct strbuf *out)
{
	const struct goroutine_group *group = row->example;
	const char *state = goroutine_group_state(group);
	switch (view->by) {
	case GOROUTINE_BY_CREATOR:
		if (group->created_by.function[0])
			add_place(out, &group->created_by);
		else
			strbuf_add(out, _("(creator not known)"));
		break;
	case GOROUTINE_BY_STATE:
		strbuf_add_safe(out, state[0] ? state : i18n_text(GOROUTINE_NO_STATE));
		break;
	case GOROUTINE_BY_LABEL:
		strbuf_add_safe(out, group->labels ? group->labels : _("(no labels)"));
		break;
	case GOROUTINE_BY_FUNCTION:
		strbuf_add_safe(out, goroutine_group_place(group)->function);
		break;
	default:
		strbuf_addf(out, "[");
		strbuf_add_safe(out, state[0] ? state : i18n_text(GOROUTINE_NO_STATE));
		strbuf_add(out, "] ");
		add_place(out, goroutine_group_place(group));
	}
}

// Semicolons and line ends would break the form.
static void add_folded(struct strbuf *out, const char *name)
{
	size_t begin = out->length;
	strbuf_add_safe(out, name[0] ? name : "(unknown)");
	for (size_t i = begin; i < out->length; i++)
		if (out->text[i] == ';')
			out->text[i] = ':';
	strbuf_add(out, ";");
}

void goroutine_set_write_folded(const struct goroutine_set *set, struct strbuf *out)
{
	VEC_FOREACH (group, &set->groups) {
		if (group->system)
			continue;
		for (size_t i = group->depth; i-- > 0;)
			add_folded(out, group->frames[i].function);
		if (!group->depth)
			add_folded(out, group->start.function);
		strbuf_add(out, "[");
		strbuf_add_safe(out, goroutine_group_state(group));
		strbuf_addf(out, "] %" PRIu64 "\n", group->count);
	}
}
