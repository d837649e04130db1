// SPDX-License-Identifier: Apache-2.0
/*
 * In: cgroups that are calm. Out: those whose usage has just risen by a step of their limit.
 *
 * cgroup v1 tells that at once (a threshold of memory.usage_in_bytes) and costs nothing meanwhile.
 * What goes from nothing to its limit within a tenth of a second would else be dead before the next
 * look. cgroup v2 has no such event.
 */
#include "watch/host_priv.h"

#include <sys/epoll.h>
#include <unistd.h>

#include "base/cleanup.h"

enum { EVENTS_AT_ONCE = 64 };

static const int step_percent[HOST_RISES] = {8, 20, 35, 45};

static void begin_one(struct host *host, struct host_group *group, int step)
{
	const struct sampler *sampler = &group->sampler;
	struct cgroup *cgroup = sampler->above ? sampler->above : sampler->cgroup;
	uint64_t bytes = (uint64_t)(sampler->limit_bytes / 100 * step_percent[step]);
	struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data.u64 = group->number};
	if (cgroup_watch_usage(cgroup, bytes, &group->rises[step], NULL))
		epoll_ctl(host->rises, EPOLL_CTL_ADD, group->rises[step], &event);
}

void host_follow_rises(struct host *host, struct host_group *group)
{
	const struct sampler *sampler = &group->sampler;
	if (group->rises_limit_bytes == sampler->limit_bytes)
		return;
	group->rises_limit_bytes = sampler->limit_bytes;
	for (int i = 0; i < HOST_RISES; i++) {
		cleanup_close(&group->rises[i]);
		group->rises[i] = -1;
		if (!sampler->by_node && cgroup_get_version(group->cgroup) == CGROUP_V1)
			begin_one(host, group, i);
	}
}

bool host_hear_rises(struct host *host)
{
	struct epoll_event events[EVENTS_AT_ONCE];
	int count = epoll_wait(host->rises, events, EVENTS_AT_ONCE, 0);
	for (int i = 0; i < count; i++)
		VEC_FOREACH (group, &host->groups)
			if ((*group)->number == events[i].data.u64)
				(*group)->due_ns = 0;
	return count > 0;
}
