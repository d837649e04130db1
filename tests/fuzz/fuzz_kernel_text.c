// SPDX-License-Identifier: Apache-2.0
// The small texts of /proc and of cgroups. The first byte chooses the parser.
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "fuzz.h"
#include "system/cgroup.h"
#include "system/container.h"
#include "system/mounts.h"
#include "system/process.h"

static bool parse_mounts(const char *text, struct error *error)
{
	struct mounts mounts;
	if (!mounts_parse(text, strlen(text), &mounts, error))
		return false;
	mounts_deinit(&mounts);
	return true;
}

static bool parse(char which, const char *text, struct error *error)
{
	struct cgroup_stat stat = {0};
	struct cgroup_sample sample = {0};
	struct cgroup_limit limit;
	struct process_status status;
	struct process_stat process;
	switch (which) {
	case '1':
		(void)!cgroup_events_parse(CGROUP_V1, text, &sample, NULL);
		return cgroup_stat_parse(CGROUP_V1, text, &stat, error);
	case '2':
		(void)!cgroup_events_parse(CGROUP_V2, text, &sample, NULL);
		return cgroup_stat_parse(CGROUP_V2, text, &stat, error);
	case 'l':
		return cgroup_limit_parse(text, &limit, error);
	case 's':
		return process_status_parse(text, &status, error);
	case 'p':
		return process_stat_parse(text, &process, error);
	case 'b':
		return cgroup_slabinfo_parse(text, &stat, error);
	case 'm':
		return parse_mounts(text, error);
	default:
		return true;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct error error = {0};
	struct container container;
	if (size == 0)
		return 0;
	_cleanup_free_ char *text = malloc(size);
	memcpy(text, data + 1, size - 1);
	text[size - 1] = '\0';
	if (!parse((char)data[0], text, &error) && (!error.code || !error.message[0]))
		abort();
	if (data[0] == 'c')
		(void)container_parse(text, &container);
	return 0;
}
