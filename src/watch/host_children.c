// SPDX-License-Identifier: Apache-2.0
// In: programs that need a closer look. Out: processes that take it.
#include "watch/host_priv.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"

enum { WATCHERS_MAX = 64, BASELINE_COST = 300 };

static const int64_t CALM_NS = 120000000000, FIRED_CALM_NS = 2000000000, AGAIN_NS = 50000000;

// ---- a watch for one ----

// A trigger that holds has fired for somebody in there: from then on it is held.
static bool holds_since_trigger(const struct host *host, const struct host_group *group)
{
	VEC_FOREACH (member, &group->members)
		if (member->judge && host_rules_hold(host->rules, member->judge))
			return true;
	return false;
}

static _Noreturn void watch_in_child(const struct host *host, const struct host_group *group,
				     pid_t pid, const struct host_fired *fired)
{
	const struct host_options *options = host->options;
	struct watch_options watch = {
		.pid = pid,
		.cgroup_path = group->path,
		.out = options->out,
		.json = options->json,
		.colour = options->colour,
		.feed = options->feed,
		.config = options->config,
		.fired = fired,
		.calm_ns = fired && fired->rules ? FIRED_CALM_NS : CALM_NS,
		.baselines = &group->baselines,
		.hold = options->hold || holds_since_trigger(host, group),
		.hold_limit_ns = options->hold_limit_ns,
		.state = options->state,
	};
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != host->pid) // it died before that
		_exit(1);
	sigprocmask(SIG_SETMASK, &host->old_signals, NULL);
	syscall(SYS_close_range, STDERR_FILENO + 1, ~0U, 0);
	int code = options->watch_one(&watch);
	fflush(NULL);
	_exit(code);
}

// Where kills are to be held, one that cannot be is worth a word.
static void say_full(struct host *host, pid_t pid)
{
	if (pid && host->options->hold && !host->told_full)
		progress_say(&host->progress,
			     "process %d comes near its limit, and %d watches are at work already: "
			     "its kill is not held",
			     pid, WATCHERS_MAX);
	host->told_full |= pid != 0;
}

// `fired` NULL: no trigger but the limit that comes near.
void host_begin_watch(struct host *host, struct host_group *group, pid_t pid,
		      const struct host_fired *fired)
{
	struct host_fired known;
	const struct host_member *member = host_group_find(group, pid);
	if (host->watchers == WATCHERS_MAX && fired)
		progress_say(&host->progress, "no incident, %d watches are at work: %s",
			     WATCHERS_MAX, fired->reason);
	if (!pid || host->watchers == WATCHERS_MAX) {
		say_full(host, pid);
		return;
	}
	if (!fired && member && member->judge) {
		host_rules_describe(member->judge, &known);
		fired = &known;
	}
	fflush(NULL);
	pid_t child = fork();
	if (child == 0)
		watch_in_child(host, group, pid, fired);
	if (child < 0) {
		progress_say(&host->progress, "cannot start a watch of process %d: %s", pid,
			     strerror(errno));
		return;
	}
	group->watcher = child;
	group->watched = pid;
	host->watchers++;
}

// A baseline went with its incident, if there was one.
static void end_watch(struct host *host, struct host_group *group)
{
	const struct host_member *member = host_group_find(group, group->watched);
	if (member && !host_member_has_ended(member)) // then the watch has not told how it ended
		group->watched = 0;
	group->watcher = 0;
	group->last_ns = 0;
	// The others in there may be at the limit by now.
	group->due_ns = clock_monotonic_ns() + AGAIN_NS;
	host->watchers--;
	host->told_full = false;
	for (int i = group->baselines.count - 1; i >= 0; i--)
		if (access(group->baselines.items[i].directory, F_OK) != 0)
			baselines_remove(&group->baselines, i);
}

void host_reap(struct host *host)
{
	VEC_FOREACH (group, &host->groups)
		if ((*group)->watcher && waitpid((*group)->watcher, NULL, WNOHANG) != 0)
			end_watch(host, *group);
}

// ---- baselines ----

void host_begin_baseline(struct host *host, struct host_group *group, pid_t pid, int64_t now_ns)
{
	char directory[4096];
	if (!pid ||
	    !host_group_next_baseline(group, host->options->out, pid, directory, sizeof directory))
		return;
	struct worker_request request = {.pid = pid,
					 .cgroup_path = group->path,
					 .directory = directory,
					 .unhurried = true,
					 .small = group->baselines.count > 0};
	group->baseline_due_ns = now_ns + 60 * HOST_SECOND_NS; // should this one fail
	if (!worker_start(&request, &host->baseline, NULL))
		return;
	host->baseline->usage_bytes = group->sampler.usage_bytes;
	host->baseline_group = group;
	host->baseline_pid = pid;
}

// The one whose baseline is due; 0: none. First ones come at once, the others share a part of the
// time, so that many programs that change do not cost more than a few.
pid_t host_next_baseline(struct host *host, struct host_group *group, int64_t now_ns)
{
	VEC_FOREACH (member, &group->members)
		if (host_rules_needs_capture(host->rules, member->judge) &&
		    host_group_lasts(group, member, now_ns))
			return member->pid;
	if ((group->baselines.count && now_ns < host->baselines_rest_ns) ||
	    !host_group_wants_baseline(group, now_ns))
		return 0;
	pid_t largest = host_group_largest(group);
	const struct host_member *member = host_group_find(group, largest);
	return member && host_group_lasts(group, member, now_ns) ? largest : 0;
}

static void learn(struct host *host, const struct host_group *group, const struct worker *worker)
{
	const struct host_member *member = host_group_find(group, host->baseline_pid);
	if (member && member->judge)
		host_rules_learn(host->rules, member->judge,
				 worker->state == WORKER_READY ? &worker->summary : NULL);
}

void host_update_baseline(struct host *host, int64_t now_ns)
{
	struct worker *worker = host->baseline;
	struct host_group *group = host->baseline_group;
	if (!worker)
		return;
	worker_update(worker, 0);
	if (worker->state == WORKER_BUSY)
		return;
	learn(host, group, worker);
	host->baselines_rest_ns = now_ns + (now_ns - worker->started_ns) * BASELINE_COST;
	if (worker->state == WORKER_READY && worker->stored && worker->whole &&
	    host->baseline_pid == host_group_largest(group))
		host_group_keep_baseline(group, worker->directory, worker->usage_bytes, now_ns);
	else
		store_drop(&group->store, worker->directory);
	worker_free(take_ptr(host->baseline));
	host->baseline_group = NULL;
}

// ---- the end ----

// The watches end as they do by a signal of their own: with a report, if there is something to say.
void host_end_watches(struct host *host)
{
	VEC_FOREACH (group, &host->groups)
		if ((*group)->watcher)
			kill((*group)->watcher, SIGTERM);
	VEC_FOREACH (group, &host->groups)
		while ((*group)->watcher && waitpid((*group)->watcher, NULL, 0) < 0 &&
		       errno == EINTR)
			;
}
