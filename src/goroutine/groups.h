// SPDX-License-Identifier: Apache-2.0
/*
 * Goroutines in groups, whatever they came from: a live process, a core, a text dump, a profile.
 * Goroutines are one group when state, wait reason, stack, creator and labels are the same.
 *
 * Ownership: the set owns all of it; texts given to goroutine_set_add are copied once each.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/i18n.h"
#include "base/arena.h"
#include "base/map.h"
#include "base/strbuf.h"
#include "base/vec.h"

struct goroutine_frame {
	const char *function, *file; // "" when not known
	int64_t line;
};

// What goroutines of a group wait on, and how many of them.
struct goroutine_object {
	const char *text; // "channel 0xc000012345: unbuffered, ..."
	uint64_t address; // 0: it has none
	uint64_t count;
};

#define GOROUTINE_NO_STATE N_("state not known")
enum { GOROUTINE_OBJECTS_KEPT = 64 }; // of a group, others are counted only

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
	int64_t waited_ns;  // at least, the longest of them; 0: not known
	bool system;        // the runtime's own, not the program's
	const char *labels; // "{key: value}", or NULL
	// How long each waits at least, of those of which it is known; sorted once the set is. What
	// a caller gives is copied.
	VEC(int64_t) waits;
	// What they wait on; most numerous first once the set is sorted. What a caller gives is
	// copied.
	VEC(struct goroutine_object) objects;
	uint64_t objects_left_out; // goroutines that wait on others than `objects`
	uint64_t unserved; // of `count`, those that nothing found can wake: see golang/reach.h
};

struct goroutine_state_count {
	const char *state;
	uint64_t count; // of the program's own
};

struct goroutine_set {
	bool knows_stack_bytes; // false where the source does not tell them
	bool knows_states;      // false for a profile
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
// "chan receive", or "running": what it waits for, else its state.
const char *goroutine_group_state(const struct goroutine_group *group);
// Whether a goroutine that is in `state` waits for something: not of "running", "syscall", "", ...
bool goroutine_state_waits(const char *state);
// Of `count` goroutines of which so many wait for a known time (sorted) and the others for less.
int64_t goroutine_median_wait(const int64_t *waits, size_t known, uint64_t count);
// The text form: one paragraph a group, most numerous first, like a dump that was folded.
void goroutine_set_write_text(const struct goroutine_set *set, struct strbuf *out);
// One paragraph of it.
void goroutine_group_write(const struct goroutine_group *group, struct strbuf *out);
// Of that, the first `rows` groups of the program, or of the runtime.
void goroutine_set_write_groups(const struct goroutine_set *set, bool system, size_t rows,
				struct strbuf *out);
