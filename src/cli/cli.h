// SPDX-License-Identifier: Apache-2.0
/*
 * The command line: one row a command, one file a command, no logic of its own. Help and usage
 * errors come from the same rows.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

// What the shell sees; documented in every --help.
enum exit_code {
	EXIT_OK = 0,
	EXIT_INTERNAL = 1,    // whyoom or the machine failed
	EXIT_USAGE = 2,       // the command line makes no sense
	EXIT_TARGET = 3,      // the target or a file: not there, not Go, damaged, forbidden
	EXIT_UNSUPPORTED = 4, // whyoom cannot read this one (the message names why)
	EXIT_NOT_STORED = 5,  // done and printed, but not written to disk
};

enum { CLI_OPTIONS_MAX = 24, CLI_POSITIONAL_MAX = 8, CLI_REPEATS_MAX = 32 };

struct cli_option {
	const char *name;     // "json"; NULL ends the list
	char letter;          // 'o', or 0
	const char *argument; // "FILE", or NULL for a flag
	const char *help;
};

struct cli_arguments {
	const char *positional[CLI_POSITIONAL_MAX];
	int positional_count;
	const char *values[CLI_OPTIONS_MAX]; // by the option's place in its table; NULL: not given
	struct {
		int place;
		const char *value;
	} earlier[CLI_REPEATS_MAX]; // of options that were given more than once; `values` has the
				    // last
	int earlier_count;
	const struct cli_option *options;
};

struct cli_command {
	const char *name, *synopsis, *summary;
	const char *details;  // more lines of help, or ""
	const char *examples; // whole lines
	const struct cli_option *options;
	int (*run)(const struct cli_arguments *arguments);
};

extern const struct cli_command cli_commands[]; // ends with a name of NULL

// The value of an option, "" for a flag that was given, NULL when it was not.
const char *cli_value(const struct cli_arguments *arguments, const char *name);
bool cli_flag(const struct cli_arguments *arguments, const char *name);
// All values of an option that may be given more than once, in their order; `values` has room for
// CLI_REPEATS_MAX + 1. Returns how many.
int cli_values(const struct cli_arguments *arguments, const char *name, const char **values);
// Prints what went wrong, why and what to do (as JSON with --json); returns the exit code for it.
int cli_fail(const struct cli_arguments *arguments, const struct error *error);
// The format is a whole text in English; it is translated here.
int cli_usage(const char *format, ...) __attribute__((format(printf, 1, 2)));
// Parses a process id or fails with what was wrong.
bool cli_parse_pid(const char *text, int *pid, struct error *error) must_check;
// Opens what was saved: a file, or what has the name `part` in an incident's directory.
bool cli_open_saved(const char *path, const char *part, int *fd, struct error *error) must_check;
bool cli_colour(void); // whether standard output takes colours
// Prints and frees; false when standard output did not take it.
struct json_t;
bool cli_print_json(struct json_t *value);
bool cli_print(const char *text);

// Runs `work` in a child process; returns its exit code.
int cli_run_apart(int (*work)(const void *context), const void *context);
// Runs `work` in a child process that gives up every privilege first; returns its exit code.
int cli_run_sandboxed(int (*work)(void *context), void *context,
		      const struct cli_arguments *arguments);

// Opens what a command is about: a process id, to be read as --mode says, else the path of a core
// file. With --exe FILE. The caller closes it.
struct capture;
bool cli_open_capture(const struct cli_arguments *arguments, const char *target,
		      struct capture **capture, struct error *error) must_check;
// The memory cgroup of a running container, by its id, name or the beginning of an id.
bool cli_find_container(const char *wanted, char *cgroup_path, size_t capacity,
			struct error *error) must_check;
// The target runs on. Where something of us is left in it, says so and returns the code for it
// instead of `code`, if that was EXIT_OK.
int cli_let_go(const struct cli_arguments *arguments, struct capture *capture, int code);
// Closes it as well.
int cli_close_capture(const struct cli_arguments *arguments, struct capture *capture, int code);

int cli_why(const struct cli_arguments *arguments);
int cli_account(const struct cli_arguments *arguments);
int cli_heap(const struct cli_arguments *arguments);
int cli_runtime(const struct cli_arguments *arguments);
int cli_profile(const struct cli_arguments *arguments);
int cli_goroutines(const struct cli_arguments *arguments);
int cli_relieve(const struct cli_arguments *arguments);
int cli_profiler(const struct cli_arguments *arguments);
int cli_crash(const struct cli_arguments *arguments);
int cli_watch(const struct cli_arguments *arguments);
int cli_timeline(const struct cli_arguments *arguments);
int cli_mark(const struct cli_arguments *arguments);
int cli_incidents(const struct cli_arguments *arguments);
int cli_report(const struct cli_arguments *arguments);
int cli_diff(const struct cli_arguments *arguments);
int cli_help(const struct cli_arguments *arguments);
int cli_version(const struct cli_arguments *arguments);

extern const struct cli_option account_options[], crash_options[], profile_options[], why_options[],
	heap_options[], runtime_options[], goroutines_options[], relieve_options[],
	profiler_options[], watch_options[], timeline_options[], mark_options[],
	incidents_options[], report_options[], diff_options[], no_options[];
