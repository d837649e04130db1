// SPDX-License-Identifier: Apache-2.0
// whyoom heap: the heap profile of a live process or a core; with --diff, what grew between two
// saved ones.
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/units.h"
#include "cli/cli.h"
#include "cli/heap_diff.h"
#include "cli/output.h"
#include "profile/pprof_write.h"
#include "report/report.h"
#include "snapshot/capture.h"
#include "snapshot/heap_profile.h"

struct heap {
	const struct cli_arguments *arguments;
	struct capture *capture;
	struct cli_output output;
	int rows;
	bool colour;
};

static int write_profile(const struct heap *heap, const struct snapshot *snapshot)
{
	_cleanup_free_ uint8_t *data = NULL;
	size_t size;
	struct error error = {0};
	if (!pprof_write(snapshot->heap, &data, &size, &error))
		return cli_fail(heap->arguments, &error);
	if (!file_write(heap->output.fd, heap->output.path, data, size, &error)) {
		cli_fail(heap->arguments, &error);
		return EXIT_NOT_STORED;
	}
	return EXIT_OK;
}

static int print_profile(const struct heap *heap, const struct snapshot *snapshot)
{
	if (cli_flag(heap->arguments, "json")) {
		json_t *object = report_heap_to_json(snapshot, cli_flag(heap->arguments, "all"));
		json_object_set_new(object, "identity",
				    report_identity_to_json(&snapshot->identity));
		json_object_set_new(object, "evidence", report_quality_to_json(&snapshot->quality));
		return cli_print_json(object) ? EXIT_OK : EXIT_INTERNAL;
	}
	struct strbuf text = {0};
	report_write_holders(snapshot, (struct report_style){heap->colour}, heap->rows, 3, &text);
	bool ok = cli_print(text.text);
	strbuf_deinit(&text);
	return ok ? EXIT_OK : EXIT_INTERNAL;
}

static int work(void *context)
{
	const struct heap *heap = context;
	_cleanup_(snapshot_freep) struct snapshot *snapshot = NULL;
	unsigned int parts = CAPTURE_HEAP;
	struct error error = {0};
	if (cli_flag(heap->arguments, "all"))
		parts |= CAPTURE_RAW_STACKS;
	if (!capture_take(heap->capture, parts, HEAP_INUSE_SPACE, &snapshot, &error))
		return cli_fail(heap->arguments, &error);
	if (!snapshot_has(&snapshot->heap_absent))
		return cli_fail(heap->arguments, &snapshot->heap_absent);
	int code = heap->output.fd >= 0 ? write_profile(heap, snapshot) : EXIT_OK;
	if (heap->output.fd >= 0 && !cli_flag(heap->arguments, "json"))
		return code;
	return code ? code : print_profile(heap, snapshot);
}

int cli_heap(const struct cli_arguments *arguments)
{
	struct heap heap = {.arguments = arguments, .rows = 20, .colour = cli_colour()};
	const char *rows = cli_value(arguments, "rows");
	struct error error = {0};
	int64_t count = heap.rows;
	if (rows && !parse_integer(rows, 1, 10000, &count))
		return cli_usage("heap: --rows takes a number from 1 to 10000, not %s", rows);
	heap.rows = (int)count;
	if (cli_flag(arguments, "diff"))
		return heap_diff(arguments, heap.rows);
	if (arguments->positional_count != 1)
		return cli_usage("heap: give one process id or core file (see whyoom heap --help)");
	if (!cli_open_capture(arguments, arguments->positional[0], &heap.capture, &error))
		return cli_fail(arguments, &error);
	int code = cli_run_with_output(work, &heap, arguments, &heap.output);
	return cli_close_capture(arguments, heap.capture, code);
}
