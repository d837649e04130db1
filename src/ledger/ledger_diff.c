// SPDX-License-Identifier: Apache-2.0
// In: two ledgers. Out: their rows side by side, and the leaves by growth.
#include "ledger/ledger_diff.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/map.h"
#include "base/strbuf.h"

enum { DEPTH_MAX = 16 };

static const char process_key[] = "anon.process.";

void ledger_diff_deinit(struct ledger_diff *diff)
{
	vec_deinit(&diff->rows);
	vec_deinit(&diff->by_growth);
	arena_deinit(&diff->arena);
}

static bool is_process(const struct ledger_row *row)
{
	return strncmp(row->key, process_key, sizeof process_key - 1) == 0;
}

// The process's row in `other` that stands for the same process: by pid, else by a name that only
// one has.
static const struct ledger_row *find_process(const struct ledger *other,
					     const struct ledger_row *row)
{
	const char *name = strchr(row->label, '(');
	const struct ledger_row *found = NULL;
	VEC_FOREACH (candidate, &other->rows) {
		const char *its = strchr(candidate->label, '(');
		if (!is_process(candidate))
			continue;
		if (strcmp(candidate->key, row->key) == 0)
			return candidate;
		if (!name || !its || strcmp(name, its) != 0)
			continue;
		if (found)
			return NULL;
		found = candidate;
	}
	return found;
}

// The paths of all rows of `ledger`; a process is named as in `other`.
static const char **make_paths(struct ledger_diff *diff, const struct ledger *ledger,
			       const struct ledger *other)
{
	const char **paths = alloc_array(ledger->rows.count + 1, sizeof *paths);
	const char *keys[DEPTH_MAX] = {0};
	for (size_t i = 0; i < ledger->rows.count; i++) {
		const struct ledger_row *row = &ledger->rows.items[i];
		int depth = row->depth < 0           ? 0
			    : row->depth < DEPTH_MAX ? row->depth
						     : DEPTH_MAX - 1;
		const struct ledger_row *same =
			other && is_process(row) ? find_process(other, row) : NULL;
		keys[depth] = same ? same->key : row->key;
		for (int above = 0; above < depth; above++)
			keys[above] = keys[above] ? keys[above] : "";
		struct strbuf path = {0};
		for (int at = 0; at <= depth; at++) {
			strbuf_add(&path, at ? "/" : "");
			strbuf_add(&path, keys[at]);
		}
		const char *kept = arena_string(&diff->arena, path.text, path.length);
		paths[i] = kept ? kept : "";
		strbuf_deinit(&path);
	}
	return paths;
}

static bool has_children(const struct ledger *ledger, size_t index)
{
	return index + 1 < ledger->rows.count &&
	       ledger->rows.items[index + 1].depth > ledger->rows.items[index].depth;
}

// Below it are states of the same objects, between which each collection moves them.
static bool is_whole(const char *path)
{
	static const char whole[] = "go.heap.objects";
	size_t length = strlen(path), tail = sizeof whole - 1;
	return length >= tail && strcmp(path + length - tail, whole) == 0;
}

static bool is_below_whole(const char *path)
{
	return strstr(path, "go.heap.objects/") != NULL;
}

static void add_row(struct ledger_diff *diff, const struct ledger_row *row, const char *path,
		    bool is_leaf)
{
	const char *label = arena_string(&diff->arena, row->label, strlen(row->label));
	vec_push(&diff->rows, {
				      .label = label ? label : "",
				      .path = path,
				      .depth = row->depth,
				      .flags = row->flags,
				      .is_leaf = is_leaf,
			      });
}

static struct ledger_change *find_change(struct ledger_diff *diff, struct map *by_path,
					 const char *path)
{
	const uint64_t *index = map_find(by_path, hash_bytes(path, strlen(path)));
	return index ? &diff->rows.items[*index] : NULL;
}

// Adds the bytes of `ledger` to the rows that are there, and the rows that are not.
static void add_ledger(struct ledger_diff *diff, struct map *by_path, const struct ledger *ledger,
		       const char **paths, bool is_after)
{
	for (size_t i = 0; i < ledger->rows.count; i++) {
		const struct ledger_row *row = &ledger->rows.items[i];
		struct ledger_change *change = find_change(diff, by_path, paths[i]);
		if (!change) {
			map_put(by_path, hash_bytes(paths[i], strlen(paths[i])), diff->rows.count,
				NULL);
			add_row(diff, row, paths[i], true);
			change = &diff->rows.items[diff->rows.count - 1];
		}
		change->is_leaf &= !is_below_whole(paths[i]) &&
				   (is_whole(paths[i]) || !has_children(ledger, i));
		change->flags |= row->flags;
		*(is_after ? &change->after : &change->before) += row->bytes;
	}
}

static int by_growth(const void *a, const void *b, void *context)
{
	const struct ledger_change *rows = context;
	int64_t left = ledger_change_delta(&rows[*(const size_t *)a]);
	int64_t right = ledger_change_delta(&rows[*(const size_t *)b]);
	return (left < right) - (left > right);
}

bool ledger_diff_build(const struct ledger *before, const struct ledger *after,
		       struct ledger_diff *out, struct error *error)
{
	if (strcmp(before->total_key, after->total_key) != 0)
		return error_set(error, ERROR_USAGE,
				 "a ledger of %.64s cannot be compared with one of %.64s",
				 before->total_label, after->total_label);
	struct ledger_diff diff = {.total_before = before->total_bytes,
				   .total_after = after->total_bytes};
	struct map by_path = {0};
	diff.total_key = arena_string(&diff.arena, after->total_key, strlen(after->total_key));
	diff.total_label =
		arena_string(&diff.arena, after->total_label, strlen(after->total_label));
	_cleanup_free_ const char **paths_before = make_paths(&diff, before, after);
	_cleanup_free_ const char **paths_after = make_paths(&diff, after, NULL);
	add_ledger(&diff, &by_path, after, paths_after, true);
	add_ledger(&diff, &by_path, before, paths_before, false);
	for (size_t i = 0; i < diff.rows.count; i++)
		if (diff.rows.items[i].is_leaf && ledger_change_delta(&diff.rows.items[i]))
			vec_push(&diff.by_growth, i);
	if (diff.by_growth.count)
		qsort_r(diff.by_growth.items, diff.by_growth.count, sizeof(size_t), by_growth,
			diff.rows.items);
	map_deinit(&by_path);
	*out = diff;
	return true;
}
