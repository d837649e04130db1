// SPDX-License-Identifier: Apache-2.0
/*
 * One clean line of a crash log: what it is, and its parts. Everything is borrowed from the line.
 *
 * Source of the forms: runtime/traceback.go, runtime/panic.go, runtime/pprof/pprof.go, the race
 * detector's tsan_report.cpp; libgo/runtime/go-traceback.c for gccgo.
 */
#pragma once

#include "crash/span.h"

enum crash_line_kind {
	LINE_OTHER,
	LINE_EMPTY,
	LINE_HEADER,         // "goroutine 1 [running]:"
	LINE_FUNCTION,       // "main.f(0x1, 0x2)"
	LINE_NAME,           // "main.f", as gccgo prints it; only where a file follows
	LINE_FILE,           // "\t/a/b.go:12 +0x1f"
	LINE_CREATED,        // "created by main.f in goroutine 1"
	LINE_ELIDED,         // "...additional frames elided..."
	LINE_NO_STACK,       // "goroutine running on other thread; stack unavailable"
	LINE_RUNTIME_STACK,  // "runtime stack:"
	LINE_FATAL,          // "fatal error: ..."
	LINE_PANIC,          // "panic: ...", with or without a tab
	LINE_SERVING,        // "http: panic serving 127.0.0.1:1: ..."
	LINE_SIGNAL,         // "SIGQUIT: quit"
	LINE_SIGNAL_NOTE,    // "[signal SIGSEGV: ... addr=0x0 pc=0x1]"
	LINE_NOTE,           // "runtime: ...", "unexpected fault address ..."
	LINE_RACE,           // "WARNING: DATA RACE"
	LINE_RACE_ACCESS,    // "Read at 0x.. by goroutine 7:", "Goroutine 7 (running) created at:"
	LINE_RULE,           // "=================="
	LINE_PROFILE,        // "goroutine profile: total 12"
	LINE_PROFILE_STACK,  // "3 @ 0x1 0x2"
	LINE_PROFILE_FRAME,  // "#	0x1	main.f+0x2	/a/b.go:12"
	LINE_PROFILE_LABELS, // "# labels: {...}"
	LINE_EXIT,           // "exit status 2"
};

struct crash_line {
	enum crash_line_kind kind;
	struct span text;      // of a message: behind its mark; of a profile's stack: addresses
	struct span name;      // of a function
	struct span arguments; // between its parentheses
	struct span path;
	struct span state;  // between the brackets
	struct span labels; // between the braces
	uint64_t number;    // of the file's line; of the goroutine; how many
	uint64_t offset, pc;
	uint64_t parent_id; // "created by X in goroutine 1"
	bool indented;      // a message that goes on with the one above
	bool wide;          // a header with gp=0x..
};

struct crash_line crash_line_parse(struct span line);
// A stack of goroutines begins here, or a message that comes before one: where a line of that shape
// starts in `line`, and what is before it a log's prefix; SPAN_NONE where there is none.
size_t crash_line_find_anchor(struct span line);
// "a/b.go:12", optionally with " +0x1f" and registers; the whole span.
bool crash_line_parse_file(struct span line, struct crash_line *out);
