// SPDX-License-Identifier: Apache-2.0
/*
 * The places in code that stacks hold: what the way to the caller needs, and the logical frames
 * there. Each is looked up once and lent for as long as the calls live; the names in it are the
 * functab's.
 *
 * Source: runtime/traceback.go (symPC, showfuncinfo, elideWrapperCalling), symtabinl.go.
 */
#pragma once

#include "golang/functab.h"

enum go_call_kind {
	GO_CALL_NORMAL,
	GO_CALL_INJECTED,     // by a signal's handler: sigpanic, asyncPreempt, debugCallV2
	GO_CALL_CGO_CALLBACK, // writes its stack pointer, but with care
};

struct go_call {
	taddr_t pc;      // as the stack has it: a return address, or where a signal came
	taddr_t call_pc; // the instruction that it stands for
	struct go_function function;
	enum go_call_kind kind;
	bool valid;                           // false: no Go code holds `pc`
	const struct go_frame *const *frames; // logical ones, innermost first
	size_t frame_count;                   // at least 1 where it is valid
};

struct go_calls;

struct go_calls *go_calls_new(struct functab *functab); // borrows it
void go_calls_free(struct go_calls *calls);
// `trap`: a signal came at `pc`, so that it is no return address. Never NULL.
const struct go_call *go_calls_find(struct go_calls *calls, taddr_t pc, bool trap);

// Whether the runtime's own dumps show the frame. `first`: none was shown before it. `callee` is
// the frame that it called, NULL for the innermost.
bool go_frame_is_shown(const struct go_frame *frame, bool first, const struct go_frame *callee);
// Whether the frame is a wrapper that even profiles leave out.
bool go_frame_is_elided(const struct go_frame *frame, const struct go_frame *callee);
