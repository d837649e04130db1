// SPDX-License-Identifier: Apache-2.0
// In: a cgroup and the Go programs in it. Out: when it is to be looked at next, and how.
#include "watch/host_group.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "watch/host_rules.h"
#include "watch/target_choice.h"

enum {
	WANTED_PERCENT = 45,
	NODE_WANTED_PERCENT = 80, // a machine's memory is there to be used
	CHANGE_PERCENT = 2,
	HURRY = 4,
	OWN_CHANGE_PERCENT = 20, // where the limit is the machine's memory
};

static const int64_t PACE_MIN_NS = 20000000, PACE_MAX_NS = 1000000000,
		     PACE_SMALL_NS = 100000000; // of those that have little of the machine
static const int64_t LASTS_NS = 1000000000, LASTS_ALONE_NS = 5000000000;
static const int64_t TAKE_EVERY_NS = 10000000000;
static const int64_t SOON_NS = 10000000000; // a limit that comes so soon is worth a watch
static const int64_t GROWTH_MIN_BYTES = 4 << 20;
static const int64_t BASELINE_FIRST_NS = 60000000000, BASELINE_APART_NS = 600000000000;
static const double FASTEST_BYTES_PER_NS = 1.0737; // 1 GiB/s

static bool begin_sampler(struct host_group *group, struct node_memory *node, pid_t pid,
			  struct error *error)
{
	char path[64];
	struct error above = {0};
	_cleanup_close_ int statm = -1;
	snprintf(path, sizeof path, "/proc/%d/statm", pid);
	(void)!file_open(AT_FDCWD, path, &statm, NULL);
	if (!sampler_begin(group->cgroup, node, statm, &group->sampler, &above, error))
		return false;
	group->alone = group->sampler.by_node;
	if (!group->alone) // it is about all that are in there
		group->sampler.node = NULL;
	return true;
}

bool host_group_open(const char *path, struct node_memory *node, pid_t pid, struct host_group **out,
		     struct error *error)
{
	struct host_group *group = alloc_zero(sizeof *group);
	for (int i = 0; i < HOST_RISES; i++)
		group->rises[i] = -1;
	snprintf(group->path, sizeof group->path, "%s", path);
	if (!cgroup_open(path, &group->cgroup, error) || !begin_sampler(group, node, pid, error)) {
		host_group_free(group);
		return false;
	}
	*out = group;
	return true;
}

void host_group_free(struct host_group *group)
{
	if (!group)
		return;
	VEC_FOREACH (member, &group->members)
		cleanup_close(&member->pidfd);
	vec_deinit(&group->members);
	for (int i = 0; i < HOST_RISES; i++)
		cleanup_close(&group->rises[i]);
	if (group->has_store)
		store_end(&group->store, true);
	sampler_end(&group->sampler);
	cgroup_close(group->cgroup);
	free(group);
}

struct host_member *host_group_find(const struct host_group *group, pid_t pid)
{
	VEC_FOREACH (member, &group->members)
		if (member->pid == pid)
			return member;
	return NULL;
}

bool host_group_has(const struct host_group *group, pid_t pid)
{
	return host_group_find(group, pid) != NULL;
}

struct host_member *host_group_add(struct host_group *group, const struct discovered *process,
				   int pidfd, int64_t now_ns)
{
	struct host_member *member = vec_push(
		&group->members, {.pid = process->pid, .pidfd = pidfd, .found_ns = now_ns});
	snprintf(member->name, sizeof member->name, "%s", process->name);
	return member;
}

bool host_member_has_ended(const struct host_member *member)
{
	struct pollfd ended = {.fd = member->pidfd, .events = POLLIN};
	return poll(&ended, 1, 0) > 0;
}

bool host_group_lasts(const struct host_group *group, const struct host_member *member,
		      int64_t now_ns)
{
	return now_ns - member->found_ns >= (group->alone ? LASTS_ALONE_NS : LASTS_NS);
}

pid_t host_group_largest(const struct host_group *group)
{
	pid_t largest = 0;
	int64_t most = -1;
	VEC_FOREACH (member, &group->members) {
		int64_t bytes = anonymous_bytes(member->pid);
		if (bytes <= most)
			continue;
		most = bytes;
		largest = member->pid;
	}
	return largest;
}

double host_group_share(const struct host_group *group)
{
	return group->sampler.limit_bytes > 0 ? (double)sampler_pinned_bytes(&group->sampler) /
							(double)group->sampler.limit_bytes
					      : 0;
}

static int64_t next_pace_ns(int64_t room_bytes, int64_t least_ns)
{
	double pace = (double)room_bytes / FASTEST_BYTES_PER_NS;
	return pace < (double)least_ns ? least_ns
	       : pace > PACE_MAX_NS    ? PACE_MAX_NS
				       : (int64_t)pace;
}

// Whether the limit comes within seconds if it goes on like this.
static bool grows_fast(const struct host_group *group, int64_t usage_bytes, int64_t now_ns)
{
	const struct sampler *sampler = &group->sampler;
	int64_t grown = usage_bytes - group->last_usage_bytes, elapsed = now_ns - group->last_ns;
	int64_t room_bytes =
		sampler->by_node ? sampler->left_bytes : sampler->limit_bytes - usage_bytes;
	if (!group->last_ns || grown < GROWTH_MIN_BYTES || elapsed <= 0)
		return false;
	return (double)room_bytes * (double)elapsed / (double)grown < (double)SOON_NS;
}

// A glance costs one read. Only where it shows something is the page cache told from the rest.
static void tell_timeline(struct host_group *group, struct host_rules *rules, int64_t now_ns)
{
	VEC_FOREACH (member, &group->members)
		if (member->judge)
			host_rules_tell(rules, member->judge, &group->sampler, now_ns);
}

// From where on it is watched closely, and whether it is there by what a glance shows.
static int64_t mark_bytes(const struct sampler *sampler)
{
	return sampler->limit_bytes / 100 *
	       (sampler->by_node ? NODE_WANTED_PERCENT : WANTED_PERCENT);
}

static bool may_be_wanted(const struct sampler *sampler, int64_t usage_bytes)
{
	if (sampler->by_node)
		usage_bytes = sampler_pressing_bytes(sampler);
	return usage_bytes >= mark_bytes(sampler);
}

static int64_t find_pace_ns(const struct host_group *group, int64_t usage_bytes)
{
	const struct sampler *sampler = &group->sampler;
	if (!sampler->by_node)
		return next_pace_ns((mark_bytes(sampler) - usage_bytes) /
					    (group->hurried ? HURRY : 1),
				    PACE_MIN_NS);
	if (!sampler_is_concerned(sampler))
		return next_pace_ns(sampler->left_bytes / 2, PACE_SMALL_NS);
	return next_pace_ns(mark_bytes(sampler) - sampler_pinned_bytes(sampler), PACE_MIN_NS);
}

bool host_group_sample(struct host_group *group, struct host_rules *rules, int64_t now_ns,
		       bool whole, bool *wanted)
{
	struct sampler *sampler = &group->sampler;
	int64_t usage;
	*wanted = false;
	group->due_ns = now_ns + PACE_MAX_NS;
	if (!sampler_glance(sampler, &usage))
		return false;
	bool fast = grows_fast(group, usage, now_ns);
	bool worth =
		fast || may_be_wanted(sampler, usage) || now_ns - group->taken_ns >= TAKE_EVERY_NS;
	group->last_usage_bytes = usage;
	group->last_ns = now_ns;
	if (whole || worth) {
		if (!sampler_take(sampler, NULL))
			return false;
		if (worth) {
			group->taken_ns = now_ns;
			tell_timeline(group, rules, now_ns);
		}
		usage = sampler_own_bytes(sampler);
		*wanted = sampler_pressing_bytes(sampler) >= mark_bytes(sampler) ||
			  (fast && usage * 2 > group->last_usage_bytes);
	}
	group->due_ns = now_ns + find_pace_ns(group, usage);
	return true;
}

bool host_group_next_baseline(struct host_group *group, const char *out, pid_t pid, char *directory,
			      size_t capacity)
{
	struct process_files process = PROCESS_FILES_NONE;
	if (!group->has_store) {
		if (!process_files_open("/proc", pid, &process, NULL))
			return false;
		store_begin(&group->store, out, "baseline", &process);
		process_files_close(&process);
		group->has_store = true;
	}
	store_next(&group->store, directory, capacity);
	return true;
}

bool host_group_wants_baseline(struct host_group *group, int64_t now_ns)
{
	const struct baselines *baselines = &group->baselines;
	int64_t enough = group->sampler.limit_bytes / 100 * CHANGE_PERCENT;
	if (now_ns < group->baseline_due_ns)
		return false;
	if (!baselines->count)
		return true;
	int64_t change =
		llabs(group->last_usage_bytes - baselines->items[baselines->count - 1].usage_bytes);
	if (group->sampler.by_node)
		enough = group->last_usage_bytes / 100 * OWN_CHANGE_PERCENT + GROWTH_MIN_BYTES;
	if (change >= enough)
		return true;
	group->baseline_due_ns = now_ns + BASELINE_FIRST_NS;
	return false;
}

// The next one comes later: after a minute, then ten, if enough has changed then. So there are some
// of each age (baselines.h).
void host_group_keep_baseline(struct host_group *group, const char *directory, int64_t usage_bytes,
			      int64_t now_ns)
{
	char dropped[BASELINE_PATH_MAX];
	struct baseline taken = {.usage_bytes = usage_bytes, .taken_ns = now_ns};
	group->baseline_due_ns =
		now_ns + (group->baselines_taken++ ? BASELINE_APART_NS : BASELINE_FIRST_NS);
	snprintf(taken.directory, sizeof taken.directory, "%s", directory);
	baselines_add(&group->baselines, &taken, dropped);
	store_drop(&group->store, dropped);
}
