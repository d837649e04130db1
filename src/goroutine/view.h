// SPDX-License-Identifier: Apache-2.0
/*
 * Groups put together in another way: by stack, creator, state, label or function; and two sources
 * side by side. Only the program's own goroutines count here, not the runtime's.
 *
 * Ownership: rows borrow from the sets; the view frees its own lists.
 */
#pragma once

#include "goroutine/groups.h"

enum goroutine_by {
	GOROUTINE_BY_STACK, // state, frames and creator
	GOROUTINE_BY_CREATOR,
	GOROUTINE_BY_STATE,
	GOROUTINE_BY_LABEL,
	GOROUTINE_BY_FUNCTION, // the first frame of own code
	GOROUTINE_BY_COUNT
};

struct goroutine_row {
	const struct goroutine_group *example; // its largest group
	uint64_t largest;                      // how many `example` has
	uint64_t count, before;                // before: in the other source of a comparison
	uint64_t stack_bytes, unserved;
	uint64_t groups;    // of the set, that are in it
	VEC(int64_t) waits; // sorted
};

struct goroutine_view {
	enum goroutine_by by;
	struct map map;
	VEC(struct goroutine_row) rows; // largest first; of a comparison: what grew most first
	uint64_t total, before_total;
};

// "stack", "creator", ...; false for another word.
bool goroutine_by_parse(const char *text, enum goroutine_by *by);
const char *goroutine_by_name(enum goroutine_by by);
void goroutine_view_make(const struct goroutine_set *set, enum goroutine_by by,
			 struct goroutine_view *view);
// What grew from `before` to `after`. What one of them does not know (states, creators) is left out
// of the comparison.
void goroutine_view_compare(const struct goroutine_set *before, const struct goroutine_set *after,
			    enum goroutine_by by, struct goroutine_view *view);
void goroutine_view_deinit(struct goroutine_view *view);
static inline int64_t goroutine_row_growth(const struct goroutine_row *row)
{
	return (int64_t)row->count - (int64_t)row->before;
}
// What the row is about, in one line: "main.f (main.go:12)", "chan receive", "tenant: a".
void goroutine_row_title(const struct goroutine_view *view, const struct goroutine_row *row,
			 struct strbuf *out);

// Stacks in the form of flame graphs: "main.main;main.f;[chan receive] 12", a line a stack.
void goroutine_set_write_folded(const struct goroutine_set *set, struct strbuf *out);
