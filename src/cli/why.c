// SPDX-License-Identifier: Apache-2.0
// whyoom why: one snapshot of a live process or a core file, on one screen.
#include "base/cleanup.h"
#include "cli/cli.h"
#include "report/report.h"
#include "snapshot/capture.h"
#include "snapshot/heap_profile.h"
#include "verdict/verdict.h"

struct why {
	const struct cli_arguments *arguments;
	struct capture *capture;
	bool colour;
};

static int show(const struct why *why, const struct snapshot *snapshot)
{
	struct verdict verdict;
	verdict_decide(snapshot, NULL, NULL, &verdict);
	struct report report = {.snapshot = snapshot, .verdict = &verdict};
	bool ok;
	if (cli_flag(why->arguments, "json")) {
		ok = cli_print_json(report_to_json(&report));
	} else {
		struct strbuf text = {0};
		report_write_text(&report, (struct report_style){why->colour}, &text);
		ok = cli_print(text.text);
		strbuf_deinit(&text);
	}
	verdict_deinit(&verdict);
	return ok ? EXIT_OK : EXIT_INTERNAL;
}

static int work(void *context)
{
	const struct why *why = context;
	_cleanup_(snapshot_freep) struct snapshot *snapshot = NULL;
	struct error error = {0};
	if (!capture_take(why->capture, CAPTURE_ALL | CAPTURE_NATIVE, HEAP_INUSE_SPACE, &snapshot,
			  &error))
		return cli_fail(why->arguments, &error);
	if (!snapshot->identity.is_go) {
		error = snapshot->go_absent;
		if (!error.hint[0] && !snapshot->quality.of_core)
			error_hint(&error,
				   "whyoom account %d shows where its memory is all the same",
				   snapshot->identity.pid);
		return cli_fail(why->arguments, &error);
	}
	(void)capture_more_files(why->capture, snapshot);
	return show(why, snapshot);
}

int cli_why(const struct cli_arguments *arguments)
{
	struct why why = {.arguments = arguments, .colour = cli_colour()};
	struct error error = {0};
	if (arguments->positional_count != 1)
		return cli_usage("why: give one process id or core file (see whyoom why --help)");
	if (!cli_open_capture(arguments, arguments->positional[0], &why.capture, &error))
		return cli_fail(arguments, &error);
	capture_more_begin(why.capture, "/proc");
	int code = cli_run_sandboxed(work, &why, arguments);
	return cli_close_capture(arguments, why.capture, code);
}
