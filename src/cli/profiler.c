// SPDX-License-Identifier: Apache-2.0
// whyoom profiler: the heap profiler of a running Go process, on, off, or finer.
#include <string.h>

#include "base/units.h"
#include "cli/relieve.h"

enum { DEFAULT_RATE = 512 << 10 }; // runtime.MemProfileRate of a program that does not set it

static bool parse_rate(const char *text, int64_t *rate, struct error *error)
{
	*rate = DEFAULT_RATE;
	if (strcmp(text, "on") == 0)
		return true;
	if (strcmp(text, "off") == 0) {
		*rate = 0;
		return true;
	}
	return (parse_bytes(text, rate) && *rate > 0 &&
		go_setting_allows(GO_SETTING_MEM_PROFILE_RATE, *rate)) ||
	       error_set(error, ERROR_USAGE,
			 "profiler takes on, off, or how many bytes are allocated for each sample "
			 "(64KiB), not %.64s",
			 text);
}

int cli_profiler(const struct cli_arguments *arguments)
{
	struct cli_relief job = {
		.arguments = arguments,
		.command = "profiler",
		.settings = 1u << GO_SETTING_MEM_PROFILE_RATE,
		.request.has_profile_rate = true,
		.only_show = cli_flag(arguments, "dry-run"),
	};
	bool undo = cli_flag(arguments, "undo");
	struct error error = {0};
	int count = arguments->positional_count;
	if (count != 2 && !(undo && count == 1))
		return cli_usage(
			"profiler: give on, off or a rate, and one process id; or a process "
			"id and --undo (see whyoom profiler --help)");
	if ((!undo && !parse_rate(arguments->positional[0], &job.request.profile_rate, &error)) ||
	    !cli_parse_pid(arguments->positional[count - 1], &job.pid, &error))
		return cli_fail(arguments, &error);
	return undo ? cli_relief_undo(&job) : cli_relief_change(&job);
}
