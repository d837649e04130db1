// SPDX-License-Identifier: Apache-2.0
// whyoom watch: wait for the kill with the evidence on disk before it.
#include "watch/watch.h"

#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/i18n.h"
#include "base/cleanup.h"
#include "base/units.h"
#include "cli/cli.h"
#include "cli/timeline.h"
#include "relief/record.h"
#include "watch/config.h"
#include "watch/host.h"

enum { SIGNAL_EXIT_BASE = 128 };

static const int64_t HOLD_LIMIT_DEFAULT_NS = 2000000000, HOLD_LIMIT_MAX_NS = 60000000000;

// What to say when there is nothing to report on.
static int tell_end_without_evidence(const struct watch_result *result)
{
	const struct kill_facts *kill = &result->kill;
	const char *near_limit = result->near_limit ? "" : _("; it was never near its limit");
	switch (kill->cause) {
	case KILL_EXIT:
		printf(_("process %d exited with code %d%s: no incident\n"), kill->pid,
		       kill->exit_code, near_limit);
		return EXIT_OK;
	case KILL_SIGNAL:
		printf(_("process %d was ended by signal %d, not by the OOM killer%s: no incident\n"),
		       kill->pid, kill->signal, near_limit);
		return EXIT_OK;
	case KILL_NONE:
	case KILL_UNKNOWN:
		printf(_("process %d has ended; nobody said how%s: no incident\n"), kill->pid,
		       near_limit);
		return EXIT_OK;
	default:
		fprintf(stderr,
			_("whyoom: process %d was killed for want of memory before a capture could be "
			  "taken\n"),
			kill->pid);
		return EXIT_INTERNAL;
	}
}

static int tell_result(const struct watch_result *result)
{
	int code = result->signal ? SIGNAL_EXIT_BASE + result->signal : EXIT_OK;
	if (!result->evidence)
		return result->signal ? code : tell_end_without_evidence(result);
	if (!result->printed)
		fprintf(stderr, "%s", _("whyoom: the report was not printed whole\n"));
	if (!result->stored) {
		fprintf(stderr, _("whyoom: the incident is NOT STORED: %s\n"),
			result->store_error.message);
		return EXIT_NOT_STORED;
	}
	if (!result->printed || printf("\nincident: %s\n", result->incident) < 0 || fflush(stdout))
		fprintf(stderr, _("whyoom: the incident is in %s\n"), result->incident);
	return code;
}

static bool parse_hold_limit(const struct cli_arguments *arguments, int64_t *limit_ns,
			     struct error *error)
{
	const char *limit = cli_value(arguments, "hold-limit");
	*limit_ns = HOLD_LIMIT_DEFAULT_NS;
	if (!limit || (parse_duration(limit, limit_ns) && *limit_ns >= 1000000 &&
		       *limit_ns <= HOLD_LIMIT_MAX_NS))
		return true;
	return error_set(error, ERROR_USAGE,
			 "watch: --hold-limit takes a time from 1ms to 60s, not %.64s", limit);
}

// `path` has room for PATH_MAX and lives as long as the options.
static bool parse(const struct cli_arguments *arguments, struct watch_options *options, char *path,
		  struct error *error)
{
	const char *container = cli_value(arguments, "container");
	const char *pid = cli_value(arguments, "pid");
	if (arguments->positional_count)
		return error_set(error, ERROR_USAGE, "watch: unexpected argument %.64s",
				 arguments->positional[0]);
	options->cgroup_path = cli_value(arguments, "cgroup");
	if ((pid != NULL) + (options->cgroup_path != NULL) + (container != NULL) != 1)
		return error_set(error, ERROR_USAGE,
				 "watch: give one of --pid PID, --cgroup PATH, --container ID, "
				 "--all or --name PATTERN (see whyoom watch --help)");
	if (container) {
		if (!cli_find_container(container, path, PATH_MAX, error))
			return false;
		options->cgroup_path = path;
	}
	if (pid && !cli_parse_pid(pid, &options->pid, error))
		return false;
	return parse_hold_limit(arguments, &options->hold_limit_ns, error) &&
	       cli_timeline_size(arguments, &options->feed.size_bytes, error);
}

static int watch_one(const struct watch_options *options)
{
	struct watch_result result;
	struct error error = {0};
	if (!watch_run(options, &result, &error)) {
		fprintf(stderr, "whyoom: %s\n", error.message);
		return EXIT_INTERNAL;
	}
	return result.calm ? EXIT_OK : tell_result(&result);
}

// What --config, --when and --keep say together; the caller frees it.
static bool load_config(const struct cli_arguments *arguments, struct watch_config **out,
			struct error *error)
{
	const char *path = cli_value(arguments, "config"), *keep = cli_value(arguments, "keep");
	const char *conditions[CLI_REPEATS_MAX + 1];
	int count = cli_values(arguments, "when", conditions);
	struct watch_config *config = *out = alloc_zero(sizeof *config);
	config_init(config);
	if (path && !config_load(path, config, error))
		return false;
	for (int i = 0; i < count; i++)
		if (!config_add_condition(conditions[i], config, error))
			return false;
	return !keep || config_parse_keep(keep, &config->keep, error);
}

static const char *state_path(const struct cli_arguments *arguments)
{
	const char *state = cli_value(arguments, "state");
	return state ? state : RELIEF_STATE_DEFAULT;
}

static int watch_many(const struct cli_arguments *arguments)
{
	const char *out = cli_value(arguments, "out");
	struct host_options options = {
		.pattern = cli_value(arguments, "name"),
		.out = out ? out : ".",
		.state = state_path(arguments),
		.hold = cli_flag(arguments, "hold"),
		.json = cli_flag(arguments, "json"),
		.colour = cli_colour(),
		.live_line = isatty(STDERR_FILENO),
		.watch_one = watch_one,
	};
	struct error error = {0};
	_cleanup_free_ char *db = cli_timeline_path(arguments);
	_cleanup_free_ struct watch_config *config = NULL;
	int signal = 0;
	options.feed.db = db;
	if (cli_value(arguments, "pid") || cli_value(arguments, "cgroup") ||
	    cli_value(arguments, "container") || arguments->positional_count)
		return cli_usage(
			"watch: --all and --name PATTERN say whom to watch; --pid, --cgroup and "
			"--container do not go with them");
	if (!load_config(arguments, &config, &error))
		return cli_fail(arguments, &error);
	options.config = config;
	if (!cli_timeline_size(arguments, &options.feed.size_bytes, &error) ||
	    !parse_hold_limit(arguments, &options.hold_limit_ns, &error) ||
	    !host_run(&options, &signal, &error))
		return cli_fail(arguments, &error);
	return SIGNAL_EXIT_BASE + signal;
}

static int check_config(const struct cli_arguments *arguments, const char *path)
{
	_cleanup_free_ struct watch_config *config = alloc_zero(sizeof *config);
	struct strbuf text = {0};
	struct error error = {0};
	if (!config_load(path, config, &error))
		return cli_fail(arguments, &error);
	config_explain(config, &text);
	bool ok = cli_print(text.text);
	strbuf_deinit(&text);
	return ok ? EXIT_OK : EXIT_INTERNAL;
}

int cli_watch(const struct cli_arguments *arguments)
{
	if (cli_value(arguments, "check"))
		return check_config(arguments, cli_value(arguments, "check"));
	if (cli_flag(arguments, "all") || cli_value(arguments, "name"))
		return watch_many(arguments);
	const char *out = cli_value(arguments, "out");
	struct watch_options options = {
		.out = out ? out : ".",
		.hold = cli_flag(arguments, "hold"),
		.state = state_path(arguments),
		.json = cli_flag(arguments, "json"),
		.colour = cli_colour(),
		.live_line = isatty(STDERR_FILENO),
	};
	char path[PATH_MAX];
	struct watch_result result;
	struct error error = {0};
	_cleanup_free_ char *db = cli_timeline_path(arguments);
	_cleanup_free_ struct watch_config *config = NULL;
	options.feed.db = db;
	if (!load_config(arguments, &config, &error))
		return cli_fail(arguments, &error);
	options.config = config;
	if (!parse(arguments, &options, path, &error) || !watch_run(&options, &result, &error))
		return cli_fail(arguments, &error);
	return tell_result(&result);
}
