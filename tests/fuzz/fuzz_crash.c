// SPDX-License-Identifier: Apache-2.0
// Any bytes as a log: unwrapped, recognised, grouped, explained, shown.
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "crash/crash.h"
#include "fuzz.h"
#include "report/crash.h"

static void count(void *context, const char *line, size_t length)
{
	size_t *total = context;
	for (size_t i = 0; i < length; i++)
		*total += line[i] == '\n';
}

// Groups hold what was counted, but for what there was no room for.
static void check(const struct crash *crash)
{
	uint64_t sum = crash->left_out;
	if (!crash->cause || !crash->headline)
		abort();
	VEC_FOREACH (group, &crash->groups)
		if (group->kind == CRASH_STACK_GOROUTINE)
			sum += group->count;
	if (crash->kind != CRASH_PROFILE && sum < crash->goroutines)
		abort();
}

static void show(const struct crash_log *log)
{
	struct strbuf text = {0};
	report_write_crashes(log, (struct report_style){0}, 10, &text);
	strbuf_deinit(&text);
	json_decref(report_crashes_to_json(log, "log"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t line_ends = 0;
	struct crash_options options = {.wanted_id = 1, .raw = count, .raw_context = &line_ends};
	struct crash_log log;
	struct error error = {0};
	_cleanup_close_ int fd = memfd_create("log", MFD_CLOEXEC);
	if (fd < 0 || (size && pwrite(fd, data, size, 0) != (ssize_t)size))
		return 0;
	if (!crash_log_read(fd, "log", &options, &log, &error)) {
		if (!error.code || !error.message[0])
			abort();
		return 0;
	}
	VEC_FOREACH (crash, &log.crashes)
		check(crash);
	show(&log);
	if (line_ends) // a line has no line end in it
		abort();
	crash_log_deinit(&log);
	return 0;
}
