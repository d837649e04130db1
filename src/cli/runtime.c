// SPDX-License-Identifier: Apache-2.0
// whyoom runtime: the statistics of a live Go runtime, as it would give them itself.
#include "report/runtime.h"

#include "base/cleanup.h"
#include "cli/cli.h"
#include "snapshot/capture.h"
#include "snapshot/heap_profile.h"

struct runtime {
	const struct cli_arguments *arguments;
	struct capture *capture;
	bool colour;
};

static int show(const struct runtime *runtime, const struct snapshot *snapshot)
{
	struct runtime_report_options options = {cli_flag(runtime->arguments, "classes")};
	if (cli_flag(runtime->arguments, "json"))
		return cli_print_json(report_runtime_to_json(snapshot)) ? EXIT_OK : EXIT_INTERNAL;
	struct strbuf text = {0};
	report_write_runtime(snapshot, options, (struct report_style){runtime->colour}, &text);
	bool ok = cli_print(text.text);
	strbuf_deinit(&text);
	return ok ? EXIT_OK : EXIT_INTERNAL;
}

static int work(void *context)
{
	const struct runtime *runtime = context;
	_cleanup_(snapshot_freep) struct snapshot *snapshot = NULL;
	struct error error = {0};
	if (!capture_take(runtime->capture, CAPTURE_RUNTIME, HEAP_INUSE_SPACE, &snapshot, &error))
		return cli_fail(runtime->arguments, &error);
	if (!snapshot_has(&snapshot->runtime_absent))
		return cli_fail(runtime->arguments, &snapshot->runtime_absent);
	return show(runtime, snapshot);
}

int cli_runtime(const struct cli_arguments *arguments)
{
	struct runtime runtime = {.arguments = arguments, .colour = cli_colour()};
	struct error error = {0};
	if (arguments->positional_count != 1)
		return cli_usage(
			"runtime: give one process id or core file (see whyoom runtime --help)");
	if (!cli_open_capture(arguments, arguments->positional[0], &runtime.capture, &error))
		return cli_fail(arguments, &error);
	int code = cli_run_sandboxed(work, &runtime, arguments);
	return cli_close_capture(arguments, runtime.capture, code);
}
