// SPDX-License-Identifier: Apache-2.0
// whyoom account: where every byte of a process or a cgroup is; --diff: which line grew.
#include "report/account.h"

#include <limits.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "cli/cli.h"
#include "report/ledger_json.h"

enum { FILE_LIMIT = 64 << 20 };

struct job {
	const struct cli_arguments *arguments;
	struct account_source *source;
	int fds[2]; // of --diff
	bool colour;
};

// As JSON where there is a value. Frees both.
static int print(json_t *value, struct strbuf *text)
{
	bool ok = value ? cli_print_json(value) : cli_print(text->text);
	strbuf_deinit(text);
	return ok ? EXIT_OK : EXIT_INTERNAL;
}

static int take(void *context)
{
	const struct job *job = context;
	_cleanup_(account_freep) struct account *account = NULL;
	struct strbuf text = {0};
	struct error error = {0};
	if (!account_take(job->source, &account, &error))
		return cli_fail(job->arguments, &error);
	if (cli_flag(job->arguments, "json"))
		return print(report_account_to_json(account), &text);
	report_write_account(account, (struct report_style){job->colour}, &text);
	return print(NULL, &text);
}

static int account_process(struct job *job, const char *target)
{
	struct capture *capture;
	struct error error = {0};
	if (!cli_open_capture(job->arguments, target, &capture, &error))
		return cli_fail(job->arguments, &error);
	int code = account_open_process(capture, "/proc", &job->source, &error)
			   ? cli_run_sandboxed(take, job, job->arguments)
			   : cli_fail(job->arguments, &error);
	account_close(job->source);
	return cli_close_capture(job->arguments, capture, code);
}

static int account_cgroup(struct job *job, const char *path)
{
	struct error error = {0};
	if (!account_open_cgroup(path, "/proc", &job->source, &error))
		return cli_fail(job->arguments, &error);
	int code = cli_run_sandboxed(take, job, job->arguments);
	account_close(job->source);
	return code;
}

// What was saved has one or both.
struct saved {
	bool has_cgroup, has_process;
	struct ledger cgroup, process;
};

static void saved_deinit(struct saved *saved)
{
	ledger_deinit(&saved->cgroup);
	ledger_deinit(&saved->process);
}

// `ledger` if it is there; false only where it is damaged.
static bool load_ledger(const json_t *object, const char *total, struct ledger *ledger, bool *has,
			struct error *error)
{
	const char *key = json_string_value(json_object_get(object, "total"));
	if (*has || !key || strcmp(key, total) != 0)
		return true;
	return *has = ledger_from_json(object, ledger, error);
}

// whyoom account --json, whyoom PID --json, and an incident's ledger.json.
static bool load_ledgers(const json_t *root, struct saved *saved, struct error *error)
{
	const json_t *places[] = {
		root,
		json_object_get(root, "process"),
		json_object_get(root, "ledger"),
		json_object_get(root, "process_ledger"),
		json_object_get(json_object_get(root, "cgroup"), "ledger"),
		json_object_get(json_array_get(json_object_get(root, "processes"), 0), "ledger"),
	};
	for (size_t i = 0; i < sizeof places / sizeof *places; i++)
		if (!load_ledger(places[i], "usage", &saved->cgroup, &saved->has_cgroup, error) ||
		    !load_ledger(places[i], "rss", &saved->process, &saved->has_process, error))
			return false;
	return saved->has_cgroup || saved->has_process ||
	       (error_set(error, ERROR_BAD_DATA, "no ledger in it"),
		error_hint(error, "give what `whyoom account --json` printed, or an incident"));
}

static bool load_saved(int fd, const char *path, struct saved *saved, struct error *error)
{
	_cleanup_free_ char *text = NULL;
	size_t size;
	json_error_t at;
	if (!file_read(fd, path, FILE_LIMIT, &text, &size, error))
		return error_wrap(error, "%.256s", path);
	json_t *root = json_loadb(text, size, JSON_REJECT_DUPLICATES, &at);
	bool ok = root ? load_ledgers(root, saved, error)
		       : error_set(error, ERROR_BAD_DATA, "no JSON: line %d", at.line);
	json_decref(root);
	return ok || error_wrap(error, "%.256s", path);
}

// One kind of ledger, if both have it.
static bool compare(const struct job *job, const struct ledger *before, const struct ledger *after,
		    const char *name, json_t *all, struct strbuf *text, struct error *error)
{
	struct ledger_diff diff;
	if (!ledger_diff_build(before, after, &diff, error))
		return false;
	if (all)
		json_object_set_new(all, name, report_ledger_diff_to_json(&diff));
	else
		report_write_ledger_diff(&diff, (struct report_style){job->colour}, text);
	ledger_diff_deinit(&diff);
	return true;
}

static int show_difference(const struct job *job, const struct saved *saved)
{
	struct error error = {0};
	struct strbuf text = {0};
	json_t *all = cli_flag(job->arguments, "json") ? json_object() : NULL;
	bool process = saved[0].has_process && saved[1].has_process;
	bool cgroup = saved[0].has_cgroup && saved[1].has_cgroup;
	bool ok = (process || cgroup ||
		   error_set(&error, ERROR_USAGE,
			     "one has only the ledger of a process, the other only a cgroup's")) &&
		  (!process || compare(job, &saved[0].process, &saved[1].process, "process", all,
				       &text, &error)) &&
		  (!cgroup ||
		   compare(job, &saved[0].cgroup, &saved[1].cgroup, "cgroup", all, &text, &error));
	if (ok)
		return print(all, &text);
	strbuf_deinit(&text);
	json_decref(all);
	return cli_fail(job->arguments, &error);
}

static int difference(void *context)
{
	const struct job *job = context;
	struct saved saved[2] = {0};
	struct error error = {0};
	bool ok = true;
	for (int i = 0; ok && i < 2; i++)
		ok = load_saved(job->fds[i], job->arguments->positional[i], &saved[i], &error);
	int code = ok ? show_difference(job, saved) : cli_fail(job->arguments, &error);
	saved_deinit(&saved[0]);
	saved_deinit(&saved[1]);
	return code;
}

static int account_diff(struct job *job)
{
	struct error error = {0};
	for (int i = 0; i < 2; i++)
		if (!cli_open_saved(job->arguments->positional[i], "ledger.json", &job->fds[i],
				    &error))
			return cli_fail(job->arguments, &error);
	int code = cli_run_sandboxed(difference, job, job->arguments);
	cleanup_close(&job->fds[0]);
	cleanup_close(&job->fds[1]);
	return code;
}

int cli_account(const struct cli_arguments *arguments)
{
	struct job job = {.arguments = arguments, .fds = {-1, -1}, .colour = cli_colour()};
	const char *cgroup = cli_value(arguments, "cgroup");
	const char *container = cli_value(arguments, "container");
	char path[PATH_MAX];
	struct error error = {0};
	int count = arguments->positional_count;
	if (cli_flag(arguments, "diff"))
		return count == 2 && !cgroup && !container
			       ? account_diff(&job)
			       : cli_usage("account --diff: give two saved accounts or incidents");
	if (count + (cgroup != NULL) + (container != NULL) != 1)
		return cli_usage("account: give one process id, --cgroup PATH or --container ID "
				 "(see whyoom account --help)");
	if (container && !cli_find_container(container, path, sizeof path, &error))
		return cli_fail(arguments, &error);
	if (container)
		return account_cgroup(&job, path);
	return cgroup ? account_cgroup(&job, cgroup)
		      : account_process(&job, arguments->positional[0]);
}
