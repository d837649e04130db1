// SPDX-License-Identifier: Apache-2.0
// The kernel's log, a record a line: kmsg_parse, and what the OOM collector makes of the records.
// A line that is no record counts as the text of one of the kernel's own.
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "fuzz.h"
#include "system/kernel_oom.h"

static void check_oom(const struct kernel_oom *oom)
{
	if (strnlen(oom->victim, sizeof oom->victim) == sizeof oom->victim ||
	    strnlen(oom->oom_memcg, sizeof oom->oom_memcg) == sizeof oom->oom_memcg ||
	    strnlen(oom->task_memcg, sizeof oom->task_memcg) == sizeof oom->task_memcg ||
	    oom->raw.length > KERNEL_OOM_RAW_MAX)
		abort();
}

static void take_line(struct kernel_oom_collector *collector, const char *line)
{
	static struct kmsg_record record;
	struct kernel_oom oom = {0};
	if (!kmsg_parse(line, &record, NULL)) {
		memset(&record, 0, sizeof record);
		strncpy(record.text, line, sizeof record.text - 1);
	}
	if (kernel_oom_collect(collector, &record, 1, &oom)) {
		check_oom(&oom);
		kernel_oom_deinit(&oom);
	}
	struct kernel_oom alone = {0};
	if (kernel_oom_parse(line, &alone))
		check_oom(&alone);
	kernel_oom_deinit(&alone);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct kernel_oom_collector collector = {0};
	_cleanup_free_ char *text = malloc(size + 1);
	memcpy(text, data, size);
	text[size] = '\0';
	for (char *line = text, *end; line; line = end ? end + 1 : NULL) {
		end = strchr(line, '\n');
		if (end)
			*end = '\0';
		take_line(&collector, line);
	}
	kernel_oom_collector_deinit(&collector);
	return 0;
}
