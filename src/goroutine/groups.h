// SPDX-License-Identifier: Apache-2.0
/*
 * Goroutines in groups, whatever they came from: a live process, a core, a text dump. Goroutines
 * are one group when state, wait reason, stack and creator are the same.
 *
 * Ownership: the set owns all of it; texts given to goroutine_set_add are copied once each.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/map.h"
#include "base/strbuf.h"
#include "base/vec.h"

struct goroutine_frame {
	const char *function, *file; // "" when not known
	int64_t line;
};

struct goroutine_group {
	const char *state;                    // "waiting", "running", ...: the runtime's words
	const char *wait_reason;              // "chan receive", ...; NULL when it does not wait
	const struct goroutine_frame *frames; // innermost first
	size_t depth;                         // 0: no stack
	const char *no_stack;                 // why there is none, or NULL
	uint64_t elided; // so many of a deep stack are missing behind the first elided_at
	size_t elided_at;
	struct goroutine_frame created_by; // function "": not known, or the main goroutine
	struct goroutine_frame start;
	uint64_t count, stack_bytes; // of all in the group together
	uint64_t example_id;
	int64_t waited_ns; // at least, the longest of them; 0: not known
	bool system;       // the runtime's own, not the program's
};

struct goroutine_state_count {
	const char *state;
	uint64_t count; // of the program's own
};

struct goroutine_set {
	struct arena arena;
	struct map strings, group_map;
	VEC(const char *) string_list;
	VEC(struct goroutine_group) groups;       // after goroutine_set_sort: largest first
	VEC(struct goroutine_state_count) states; // a waiting one counts under its wait reason
	uint64_t total, user, stack_bytes;        // user: without the runtime's own
};

void goroutine_set_deinit(struct goroutine_set *set);
// Adds `example->count` goroutines like `example`.
void goroutine_set_add(struct goroutine_set *set, const struct goroutine_group *example);
void goroutine_set_sort(struct goroutine_set *set);
// The text form: one paragraph a group, most numerous first, like a dump that was folded.
void goroutine_set_write_text(const struct goroutine_set *set, struct strbuf *out);
// Of that, the first `rows` groups of the program, or of the runtime.
void goroutine_set_write_groups(const struct goroutine_set *set, bool system, size_t rows,
				struct strbuf *out);
