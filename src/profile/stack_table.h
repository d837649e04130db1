// SPDX-License-Identifier: Apache-2.0
/*
 * Stacks by content: frames and stacks of any number of profiles, each stored once. What is the
 * same in two runs or two builds is one entry, whatever its addresses were.
 *
 * A frame that has no function name is called as go tool pprof calls it, "[module]" or "<unknown>",
 * and told apart by its address in the module's file.
 *
 * Ownership: frames, stacks and their texts belong to the table; no profile is borrowed.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "profile/intern.h"

struct profile;

struct profile_frame {
	const char *function;
	const char *file; // "" when not known
	int64_t line;     // 0 when not known
	uint64_t address; // in the module's file; 0 where the function is known
};

struct profile_stack {
	const struct profile_frame *const
		*frames; // leaf first, inlined calls as frames of their own
	uint32_t count;
};

struct stack_table {
	struct arena arena;
	struct string_table strings;
	VEC(const struct profile_frame *) frames;
	VEC(struct profile_stack) stacks;
	struct map frame_map, stack_map;
};

// The frames of each location of one profile: those of location i are the indexes
// frames.items[starts[i]] up to frames.items[starts[i + 1] - 1] into the table's frames.
struct location_frames {
	VEC(uint32_t) frames;
	uint32_t *starts;
};

void stack_table_init(struct stack_table *table);
void stack_table_deinit(struct stack_table *table);
void location_frames_deinit(struct location_frames *locations);

// A text owned by the table: equal ones have equal pointers. NULL when the table is full.
const char *stack_table_add_text(struct stack_table *table, const char *text);
// The frames of every location. `locations` is all zero before.
bool stack_table_add_frames(struct stack_table *table, const struct profile *profile,
			    struct location_frames *locations, struct error *error) must_check;
// stack_of_sample[i] becomes the index into table->stacks of sample i's stack.
bool stack_table_add_stacks(struct stack_table *table, const struct profile *profile,
			    uint32_t *stack_of_sample, struct error *error) must_check;

// By function, file, line and address from the leaf on; for an order that does not change.
int profile_stack_compare(const struct profile_stack *left, const struct profile_stack *right);
