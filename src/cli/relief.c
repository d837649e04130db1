// SPDX-License-Identifier: Apache-2.0
// In: a process and what to change of it. Out: it is looked at, printed, changed, printed.
#include "cli/relieve.h"

#include <stdio.h>

#include "base/i18n.h"
#include "base/cleanup.h"
#include "report/relief.h"

static void close_relief(struct relief **relief)
{
	relief_close(*relief);
}

const char *cli_relief_state(const struct cli_arguments *arguments)
{
	const char *state = cli_value(arguments, "state");
	return state ? state : RELIEF_STATE_DEFAULT;
}

static bool print(const struct relief_report *report,
		  void (*write)(const struct relief_report *, struct strbuf *))
{
	struct strbuf text = {0};
	write(report, &text);
	bool ok = cli_print(text.text);
	strbuf_deinit(&text);
	return ok;
}

// Without a wish: what `auto` would do, where there is something to go by.
static struct relief_request find_request(const struct cli_relief *job, const struct relief *relief)
{
	const struct relief_facts *facts = relief_get_facts(relief);
	struct relief_request request = job->request;
	bool wishes = request.limit != RELIEF_LIMIT_KEEP || request.has_gc_percent ||
		      request.has_profile_rate;
	if (!wishes && snapshot_has(&facts->settings[GO_SETTING_MEMORY_LIMIT].absent) &&
	    relief_get_room(relief)->limited && facts->resident_known)
		request.limit = RELIEF_LIMIT_AUTO;
	return request;
}

static int show(const struct relief_report *report, bool json)
{
	bool ok = json ? cli_print_json(report_relief_to_json(report))
		       : cli_print(_("nothing was written\n"));
	return ok ? EXIT_OK : EXIT_INTERNAL;
}

static int write_plan(struct cli_relief *job, struct relief *relief, struct relief_report *report,
		      const struct relief_request *request)
{
	bool json = cli_flag(job->arguments, "json");
	char record_path[PATH_MAX + 64];
	struct error error = {0};
	if (!relief_plan_allowed(report->plan, request, &error) ||
	    !relief_apply(relief, report->plan, cli_relief_state(job->arguments), record_path,
			  &error))
		return cli_fail(job->arguments, &error);
	report->record_path = record_path;
	bool ok = json ? cli_print_json(report_relief_to_json(report))
		       : print(report, report_write_relief_done);
	return ok ? EXIT_OK : EXIT_INTERNAL;
}

int cli_relief_change(struct cli_relief *job)
{
	_cleanup_(close_relief) struct relief *relief = NULL;
	struct relief_plan plan;
	struct error error = {0};
	bool json = cli_flag(job->arguments, "json"), with_memory = !job->request.has_profile_rate;
	if (!relief_open("/proc", job->pid, &relief, &error) ||
	    !relief_look(relief, with_memory, &error))
		return cli_fail(job->arguments, &error);
	struct relief_request request = find_request(job, relief);
	if (!relief_plan_make(relief_get_facts(relief), relief_get_room(relief), &request, &plan,
			      &error))
		return cli_fail(job->arguments, &error);
	struct relief_report report = {.pid = job->pid,
				       .facts = relief_get_facts(relief),
				       .room = relief_get_room(relief),
				       .plan = &plan,
				       .command = job->command,
				       .state = cli_value(job->arguments, "state")};
	if (!json && !print(&report, report_write_relief_plan))
		return EXIT_INTERNAL;
	if (job->only_show || !plan.change_count)
		return show(&report, json);
	return write_plan(job, relief, &report, &request);
}

// The process may be gone: then there is nothing to undo, and the note goes.
static int fail_undo(struct cli_relief *job, const struct error *error)
{
	if (error->code == ERROR_NOT_FOUND &&
	    relief_forget(job->pid, cli_relief_state(job->arguments)))
		fprintf(stderr, _("whyoom: what was noted of process %d is removed\n"), job->pid);
	return cli_fail(job->arguments, error);
}

int cli_relief_undo(struct cli_relief *job)
{
	_cleanup_(close_relief) struct relief *relief = NULL;
	struct relief_undos undos;
	struct error error = {0};
	if (!relief_open("/proc", job->pid, &relief, &error))
		return fail_undo(job, &error);
	if (!relief_look(relief, false, &error) ||
	    !relief_undo(relief, job->settings, cli_relief_state(job->arguments), &undos, &error))
		return cli_fail(job->arguments, &error);
	struct strbuf text = {0};
	report_write_relief_undos(job->pid, &undos, &text);
	bool ok = cli_flag(job->arguments, "json")
			  ? cli_print_json(report_relief_undos_to_json(job->pid, &undos))
			  : cli_print(text.text);
	strbuf_deinit(&text);
	return ok ? EXIT_OK : EXIT_INTERNAL;
}
