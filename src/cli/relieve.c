// SPDX-License-Identifier: Apache-2.0
// whyoom relieve: a memory limit or GOGC for a running Go process; a higher limit for a cgroup.
#include "cli/relieve.h"

#include <jansson.h>
#include <string.h>

#include "base/i18n.h"
#include "base/cleanup.h"
#include "base/units.h"
#include "report/relief.h"
#include "watch/hold_record.h"

enum { GC_PERCENT_MOST = 100000 };

static void close_cgroup(struct cgroup **cgroup)
{
	cgroup_close(*cgroup);
}

static bool parse_limit(const char *text, struct relief_request *request, struct error *error)
{
	request->limit = RELIEF_LIMIT_BYTES;
	if (strcmp(text, "auto") == 0)
		request->limit = RELIEF_LIMIT_AUTO;
	else if (strcmp(text, "off") == 0)
		request->limit_bytes = INT64_MAX;
	else if (!parse_bytes(text, &request->limit_bytes) || request->limit_bytes <= 0)
		return error_set(error, ERROR_USAGE,
				 "--memory-limit takes a size (900MiB), auto or off, not %.64s",
				 text);
	return true;
}

static bool parse_gc_percent(const char *text, struct relief_request *request, struct error *error)
{
	request->has_gc_percent = true;
	request->gc_percent = -1;
	return strcmp(text, "off") == 0 ||
	       parse_integer(text, 1, GC_PERCENT_MOST, &request->gc_percent) ||
	       error_set(error, ERROR_USAGE,
			 "--gogc takes a number from 1 to %d, or off, not %.64s", GC_PERCENT_MOST,
			 text);
}

static int relieve_process(const struct cli_arguments *arguments)
{
	struct cli_relief job = {
		.arguments = arguments,
		.command = "relieve",
		.request.force = cli_flag(arguments, "force"),
		.settings = 1u << GO_SETTING_MEMORY_LIMIT | 1u << GO_SETTING_GC_PERCENT,
	};
	const char *limit = cli_value(arguments, "memory-limit");
	const char *percent = cli_value(arguments, "gogc");
	struct error error = {0};
	if (!cli_parse_pid(arguments->positional[0], &job.pid, &error) ||
	    (limit && !parse_limit(limit, &job.request, &error)) ||
	    (percent && !parse_gc_percent(percent, &job.request, &error)))
		return cli_fail(arguments, &error);
	job.only_show = cli_flag(arguments, "dry-run") || (!limit && !percent);
	if (!cli_flag(arguments, "undo"))
		return cli_relief_change(&job);
	if (limit || percent)
		return cli_usage("relieve: --undo goes with nothing but --state and --json");
	return cli_relief_undo(&job);
}

static bool print(struct strbuf *text)
{
	bool ok = cli_print(text->text);
	strbuf_deinit(text);
	return ok;
}

static int raise_limit(const struct cli_arguments *arguments, struct cgroup *cgroup,
		       const struct relief_size *size)
{
	struct relief_cgroup_plan plan;
	struct cgroup_relief_report report = {
		.cgroup = cgroup, .plan = &plan, .state = cli_value(arguments, "state")};
	char record_path[PATH_MAX + 64];
	bool json = cli_flag(arguments, "json"), ok = true;
	struct strbuf before = {0}, after = {0};
	struct error error = {0};
	if (!relief_cgroup_plan(cgroup, "/proc", size, &plan, &error))
		return cli_fail(arguments, &error);
	report_write_cgroup_relief_plan(&report, &before);
	if (json)
		strbuf_clear(&before);
	else if (!cli_print(before.text))
		ok = false;
	strbuf_deinit(&before);
	if (ok && !cli_flag(arguments, "dry-run")) {
		if (!relief_cgroup_apply(cgroup, &plan, cli_relief_state(arguments), record_path,
					 &error))
			return cli_fail(arguments, &error);
		report.record_path = record_path;
	}
	if (json)
		return cli_print_json(report_cgroup_relief_to_json(&report)) ? EXIT_OK
									     : EXIT_INTERNAL;
	if (report.record_path)
		report_write_cgroup_relief_done(&report, &after);
	else
		strbuf_add(&after, _("nothing was written\n"));
	return ok && print(&after) ? EXIT_OK : EXIT_INTERNAL;
}

static int lower_again(const struct cli_arguments *arguments, struct cgroup *cgroup)
{
	struct relief_cgroup_undo undo;
	struct strbuf text = {0};
	struct error error = {0};
	if (!relief_cgroup_undo(cgroup, cli_relief_state(arguments), &undo, &error))
		return cli_fail(arguments, &error);
	if (cli_flag(arguments, "json"))
		return cli_print_json(report_cgroup_undo_to_json(cgroup, &undo)) ? EXIT_OK
										 : EXIT_INTERNAL;
	report_write_cgroup_undo(cgroup, &undo, &text);
	return print(&text) ? EXIT_OK : EXIT_INTERNAL;
}

static int relieve_cgroup(const struct cli_arguments *arguments, const char *path)
{
	_cleanup_(close_cgroup) struct cgroup *cgroup = NULL;
	const char *limit = cli_value(arguments, "limit");
	bool undo = cli_flag(arguments, "undo");
	struct relief_size size;
	struct error error = {0};
	if (cli_value(arguments, "memory-limit") || cli_value(arguments, "gogc"))
		return cli_usage("relieve: --memory-limit and --gogc are of a process, not of a "
				 "cgroup");
	if ((limit != NULL) == undo)
		return cli_usage("relieve: with --cgroup give either --limit or --undo");
	if (limit && !relief_size_parse(limit, &size))
		return cli_usage("relieve: --limit takes 2GiB, +512MiB or +25%%, not %.64s", limit);
	if (!cgroup_open(path, &cgroup, &error))
		return cli_fail(arguments, &error);
	return undo ? lower_again(arguments, cgroup) : raise_limit(arguments, cgroup, &size);
}

static json_t *holds_to_json(const hold_left_list *found)
{
	static const char *const outcomes[] = {[HOLD_LEFT_RESTORED] = "restored",
					       [HOLD_LEFT_GONE] = "gone",
					       [HOLD_LEFT_NOT_OURS] = "not-ours",
					       [HOLD_LEFT_FAILED] = "failed"};
	json_t *holds = json_array();
	VEC_FOREACH (left, found) {
		json_t *path = json_string(left->path);
		json_array_append_new(holds,
				      json_pack("{s:o, s:s}", "cgroup", path ? path : json_null(),
						"outcome", outcomes[left->outcome]));
	}
	return json_pack("{s:o}", "holds", holds);
}

// What a watch has left held that was killed with its guard.
static int undo_holds(const struct cli_arguments *arguments)
{
	hold_left_list found = {0};
	struct strbuf text = {0};
	struct error error = {0};
	bool ok = true;
	if (!hold_recover(cli_relief_state(arguments), &found, &error))
		return cli_fail(arguments, &error);
	VEC_FOREACH (left, &found) {
		ok &= left->outcome != HOLD_LEFT_FAILED;
		strbuf_add_safe(&text, hold_left_text(left).text);
		strbuf_add(&text, "\n");
	}
	if (!found.count)
		strbuf_add(&text, "no watch has left a kill held\n");
	bool printed = cli_flag(arguments, "json") ? cli_print_json(holds_to_json(&found))
						   : cli_print(text.text);
	strbuf_deinit(&text);
	vec_deinit(&found);
	return ok && printed ? EXIT_OK : EXIT_INTERNAL;
}

int cli_relieve(const struct cli_arguments *arguments)
{
	const char *cgroup = cli_value(arguments, "cgroup");
	if (!cgroup && !arguments->positional_count && cli_flag(arguments, "undo"))
		return undo_holds(arguments);
	if (arguments->positional_count != (cgroup ? 0 : 1))
		return cli_usage(
			"relieve: give one process id, or --cgroup (see whyoom relieve --help)");
	if (cgroup)
		return relieve_cgroup(arguments, cgroup);
	if (cli_value(arguments, "limit"))
		return cli_usage("relieve: --limit is of a cgroup; of a process it is "
				 "--memory-limit");
	return relieve_process(arguments);
}
