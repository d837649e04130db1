// SPDX-License-Identifier: Apache-2.0
/*
 * What a log says about crashes of Go programs: each crash with its message, its goroutines in
 * groups of the same stack, the sizes in it, and what follows from them.
 *
 * Goroutines are one group where state, functions, files, lines and creator are the same; arguments
 * are those of the first, because what registers left behind differs between equal goroutines.
 *
 * Ownership: the log owns everything; texts are in its arena, terminated, never NULL ("" is: not
 * known), untrusted. A log that goes on for ever takes bounded memory (CRASH_*_MAX).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/map.h"
#include "base/strbuf.h"
#include "base/vec.h"
#include "goroutine/groups.h"
#include "system/kernel_oom.h"
#include "system/known.h"

enum {
	CRASH_CRASHES_MAX = 256,
	CRASH_FRAMES_MAX = 512, // of one goroutine
	CRASH_NOTES_MAX = 32,
	CRASH_PANICS_MAX = 32,
	CRASH_IDS_MAX = 8,
	CRASH_MESSAGE_MAX = 4096,
	CRASH_WAITS_MAX = 1 << 20, // wait times kept, of all groups
};
#define CRASH_ARENA_BYTES ((size_t)16 << 20)

enum crash_owner {
	CRASH_OWNER_UNKNOWN,
	CRASH_OWNER_OWN,
	CRASH_OWNER_THIRD_PARTY,
	CRASH_OWNER_STANDARD,
	CRASH_OWNER_RUNTIME,
};

struct crash_frame {
	const char *function, *arguments, *file;
	int64_t line;
	uint64_t offset; // "+0x..", from the function's entry; 0: not shown
	uint64_t pc;     // 0: not shown
	enum crash_owner owner;
	const char *module, *module_version; // "" where the paths do not tell
};

enum crash_stack_kind {
	CRASH_STACK_GOROUTINE,
	CRASH_STACK_RUNTIME, // of the scheduler (g0): "runtime stack:", "goroutine 0"
	CRASH_STACK_ACCESS,  // of a race report; `state` is its title
	CRASH_STACK_PROFILE, // of a pprof file, which knows no states
};

struct crash_group {
	enum crash_stack_kind kind;
	const char *state; // "chan receive", "running", ...
	const char *labels;
	struct crash_frame *frames; // innermost first
	size_t depth;
	bool elided;   // frames are missing in it
	bool no_stack; // "stack unavailable"
	bool locked;
	struct crash_frame creator; // function "": none
	uint64_t count;
	uint64_t ids[CRASH_IDS_MAX]; // the first ones
	size_t id_count;
	uint64_t creator_id; // of the first; 0: not shown
	VEC(uint32_t) waits; // minutes of those that wait for a minute or longer; sorted at the end
};

enum crash_kind {
	CRASH_FATAL,
	CRASH_PANIC,
	CRASH_SIGNAL, // SIGQUIT and the like
	CRASH_DUMP,   // goroutines without a message
	CRASH_PROFILE,
	CRASH_RACE,
	CRASH_KERNEL_OOM,
};

struct crash_panic {
	const char *text;
	bool recovered, repanicked, goexit;
};

// Where a size is from, and how sure it is.
struct crash_size {
	struct known_u64 bytes;
	const char *from;
	bool uncertain; // an argument in registers, which may be stale
};

struct crash_version {
	int low, high;     // minor versions of Go 1; 0: not known on that side
	const char *exact; // "1.26.8", or ""
	const char *reason;
};

// What follows from a crash, as a sentence.
struct crash_finding {
	const char *id; // "size", "asked-by", ...: for machines
	const char *text;
};

struct crash_cause; // causes.h

struct crash {
	enum crash_kind kind;
	const struct crash_cause *cause;
	const char *message;     // its first line, without "panic: " or "fatal error: "
	const char *text;        // all of it
	const char *wrapping;    // what was unwrapped; "" for plain text
	uint64_t first_line;     // of the input, from 1
	VEC(const char *) notes; // "runtime: ..." lines and signal lines before or behind it
	VEC(struct crash_panic) panics;
	VEC(struct crash_group) groups; // most numerous first; the stack at fault stays `fault`
	struct map group_map;
	uint64_t goroutines, left_out; // the latter: in no group, for want of room
	uint64_t first_id;             // of the first goroutine, if first_set; 0: without a number
	bool first_set, last_open;     // last_open: the last line is half a frame
	uint64_t profile_total;        // as the profile states it
	bool cut_front, cut_end;
	bool recovered; // the program caught it and went on
	bool is_gccgo, wide_headers;
	struct kernel_oom oom; // CRASH_KERNEL_OOM
	// What follows from it, made by crash_analyse.
	const struct crash_group *fault;   // NULL: the log has not got it
	const struct crash_group *runtime; // the scheduler's stack; NULL: none
	const struct crash_frame *own; // the first frame of the user's in the goroutine at fault
	const struct crash_frame *started_by; // own code that called its creator; NULL: not seen
	uint64_t started_by_id;               // in which goroutine
	struct crash_size asked, grew, in_use;
	bool grows; // the stack at fault grows a buffer
	const char *growing;
	struct crash_version version;
	const char *main_module;
	uint64_t highest_id;
	const char *headline;               // the answer in one line
	VEC(struct crash_finding) findings; // the weightiest first
};

struct crash_log {
	struct arena arena;
	struct map strings;
	VEC(const char *) string_list;
	VEC(struct crash) crashes;
	uint64_t bytes, lines, crashes_left_out;
	const char *exe_version; // of the program that was given; NULL: none
	uint64_t waits_kept;
	bool input_cut;       // its compression was damaged or cut
	bool labels_apart;    // as the options say
	struct strbuf wanted; // the text of the goroutine that was asked for
};

struct crash_options {
	uint64_t wanted_id; // its text goes to log->wanted; 0: none
	bool labels_apart;  // goroutines with other labels are other groups
	// Called with each restored line of a crash; NULL: nobody wants them.
	void (*raw)(void *context, const char *line, size_t length);
	void *raw_context;
	const char *exe_path; // the program, NULL: not given
	int exe_fd;
};

// Reads `fd` to its end: text, gzip or zstd. ERROR_NOT_FOUND where there is no crash in it.
bool crash_log_read(int fd, const char *path, const struct crash_options *options,
		    struct crash_log *log, struct error *error) must_check;
void crash_log_deinit(struct crash_log *log);

// "not known", "the program's own", ...
const char *crash_owner_name(enum crash_owner owner);
uint64_t crash_group_oldest_minutes(const struct crash_group *group);
uint64_t crash_group_median_minutes(const struct crash_group *group);
// The goroutines in the model that live processes and cores have, too.
void crash_to_goroutines(const struct crash *crash, struct goroutine_set *set);
