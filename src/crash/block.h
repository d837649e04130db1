// SPDX-License-Identifier: Apache-2.0
/*
 * One goroutine as it is read: its lines are kept as text and hashed, and become a group or one
 * more of a group when it ends.
 */
#pragma once

#include "crash/crash.h"
#include "crash/line.h"

struct block_line {
	enum crash_line_kind kind;
	uint32_t name, name_length, arguments, arguments_length, path, path_length; // in `text`
	int64_t number;
	uint64_t offset, pc, parent_id;
};

struct block {
	bool is_open;
	struct strbuf text;
	VEC(struct block_line) lines;
	struct crash_line header; // without its spans, which are here:
	struct strbuf state, labels, addresses;
	uint64_t hash;
	bool elided, no_stack;
};

void block_deinit(struct block *block);
// What is open must be finished first.
void block_begin(struct block *block, const struct crash_line *header);
// A line of a goroutine whose header was cut off begins one.
void block_add(struct block *block, const struct crash_line *line);
// Puts the goroutine into its group.
void block_finish(struct block *block, struct crash_log *log, struct crash *crash);
bool block_is_open(const struct block *block);
// Whether its last line is a function whose file has not come yet.
bool block_wants_file(const struct block *block);
uint64_t block_id(const struct block *block);
