// SPDX-License-Identifier: Apache-2.0
// In: the Go programs of a host. Out: a watch in a child for each cgroup that needs one.
#include "watch/host_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/i18n.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/units.h"
#include "watch/leftover.h"
#include "watch/target_choice.h"

enum { GROUPS_MAX = 16384, JUDGE_SLOW_MAX = 3 };

static const int64_t SCAN_EVERY_NS = 1000000000, LINE_EVERY_NS = 1000000000, GRID_NS = 25000000,
		     FAR_PACE_NS = 250000000;

// ---- who is there ----

static struct host_group *find_group(struct host *host, const char *path)
{
	VEC_FOREACH (group, &host->groups)
		if (!(*group)->alone && strcmp((*group)->path, path) == 0)
			return *group;
	return NULL;
}

static bool is_known(const struct host *host, pid_t pid)
{
	VEC_FOREACH (group, &host->groups)
		if (host_group_has(*group, pid))
			return true;
	return false;
}

static struct host_group *make_group(struct host *host, const char *path, pid_t pid)
{
	struct host_group *group;
	struct error error = {0};
	if (host->groups.count == GROUPS_MAX)
		return NULL;
	if (!host_group_open(path, host->node.fd >= 0 ? &host->node : NULL, pid, &group, &error)) {
		if (!host->told_unseen)
			progress_say(&host->progress, "process %d is not watched: %s", pid,
				     error.message);
		host->told_unseen = true;
		return NULL;
	}
	group->hurried = host->options->hold && cgroup_get_version(group->cgroup) == CGROUP_V2;
	group->number = ++host->groups_made;
	host_follow_rises(host, group);
	vec_push(&host->groups, group);
	return group;
}

static void add_process(struct host *host, const struct discovered *process, int64_t now_ns)
{
	char path[PATH_MAX];
	if (is_known(host, process->pid) || !choose_cgroup(process->pid, NULL, path, NULL))
		return;
	int pidfd = (int)syscall(SYS_pidfd_open, process->pid, 0);
	struct host_group *group = find_group(host, path);
	if (!group)
		group = make_group(host, path, process->pid);
	if (!group || pidfd < 0) {
		cleanup_close(&pidfd);
		return;
	}
	struct host_member *member = host_group_add(group, process, pidfd, now_ns);
	member->judge = host_rules_add(host->rules, process, group->cgroup);
	struct epoll_event event = {.events = EPOLLIN};
	epoll_ctl(host->ends, EPOLL_CTL_ADD, pidfd, &event);
	progress_say(&host->progress, "found process %d (%s) in %s, %s", process->pid,
		     process->name, path, sampler_limit_text(&group->sampler).text);
}

static void scan(struct host *host, int64_t now_ns)
{
	discovered_list found = {0};
	struct error error = {0};
	host->scan_due_ns = now_ns + SCAN_EVERY_NS;
	if (!discovery_scan(host->discovery, &found, &error))
		progress_say(&host->progress, "%s", error.message);
	VEC_FOREACH (process, &found)
		add_process(host, process, now_ns);
	vec_deinit(&found);
}

static void drop_group(struct host *host, size_t index)
{
	struct host_group *group = host->groups.items[index];
	if (host->baseline_group == group) {
		worker_free(take_ptr(host->baseline));
		host->baseline_group = NULL;
	}
	VEC_FOREACH (member, &group->members)
		host_rules_remove(host->rules, member->judge);
	host_group_free(group);
	host->groups.items[index] = host->groups.items[--host->groups.count];
}

// ---- the loop ----

static void drop_ended_members(struct host *host, struct host_group *group)
{
	for (size_t i = 0; i < group->members.count;) {
		struct host_member *member = &group->members.items[i];
		if (!host_member_has_ended(member)) {
			i++;
			continue;
		}
		if (member->judge && member->pid != group->watched) // else the watch tells more
			host_rules_end(host->rules, member->judge);
		cleanup_close(&member->pidfd);
		host_rules_remove(host->rules, member->judge);
		*member = group->members.items[--group->members.count];
	}
}

// The first whose trigger fires.
static bool judge(struct host *host, struct host_group *group, int64_t now_ns, pid_t *pid,
		  struct host_fired *fired)
{
	VEC_FOREACH (member, &group->members) {
		*pid = member->pid;
		if (member->judge &&
		    host_rules_judge(host->rules, member->judge, &group->sampler, now_ns, fired))
			return true;
	}
	return false;
}

// A watch that is above its budget saves at the triggers first, then at the glances.
static void pace_group(const struct host *host, struct host_group *group, bool judged,
		       int64_t now_ns)
{
	int slow = host->budget.slow, judges_slow = slow < JUDGE_SLOW_MAX ? slow : JUDGE_SLOW_MAX;
	if (judged)
		group->judge_due_ns = now_ns + (SCAN_EVERY_NS << judges_slow) - GRID_NS;
	int left_slow = host_rules_any(host->rules) ? slow - judges_slow : slow;
	if (group->due_ns - now_ns >= FAR_PACE_NS) // what is near the limit is not made to wait
		group->due_ns = now_ns + ((group->due_ns - now_ns) << left_slow);
}

// False when there is nothing left to look at.
static bool update_group(struct host *host, struct host_group *group, int64_t now_ns)
{
	bool wanted;
	pid_t pid;
	struct host_fired fired;
	if (group->watcher)
		return true;
	bool judged = host_rules_any(host->rules) && now_ns >= group->judge_due_ns;
	if (!group->members.count ||
	    !host_group_sample(group, host->rules, now_ns,
			       judged && host_rules_need_samples(host->rules), &wanted))
		return false;
	pace_group(host, group, judged, now_ns);
	host_follow_rises(host, group);
	if (judged && judge(host, group, now_ns, &pid, &fired))
		host_begin_watch(host, group, pid, &fired);
	else if (wanted)
		host_begin_watch(host, group, host_group_largest(group), NULL);
	else if (!host->baseline && (pid = host_next_baseline(host, group, now_ns)))
		host_begin_baseline(host, group, pid, now_ns);
	return true;
}

static int64_t update_groups(struct host *host, int64_t now_ns)
{
	int64_t due_ns = host->scan_due_ns;
	struct epoll_event ended;
	bool someone_ended = epoll_wait(host->ends, &ended, 1, 0) > 0;
	for (size_t i = host->groups.count; i-- > 0;) {
		struct host_group *group = host->groups.items[i];
		if (someone_ended)
			drop_ended_members(host, group);
		if ((someone_ended || now_ns >= group->due_ns) &&
		    !update_group(host, group, now_ns)) {
			drop_group(host, i);
			continue;
		}
		if (!group->watcher && group->due_ns < due_ns)
			due_ns = group->due_ns;
		if (group->watcher)
			group->due_ns = now_ns + SCAN_EVERY_NS;
	}
	return due_ns;
}

static void draw(struct host *host, int64_t now_ns)
{
	const struct host_group *nearest = NULL;
	size_t processes = 0;
	if (!host->progress.live_line || now_ns < host->line_due_ns)
		return;
	host->line_due_ns = now_ns + LINE_EVERY_NS;
	VEC_FOREACH (group, &host->groups) {
		processes += (*group)->members.count;
		if ((*group)->members.count &&
		    (!nearest || host_group_share(*group) > host_group_share(nearest)))
			nearest = *group;
	}
	progress_clear(&host->progress);
	fprintf(stderr, "%zu Go programs, %d watched closely", processes, host->watchers);
	if (nearest)
		fprintf(stderr, "; nearest to its limit: process %d, %s of %s",
			nearest->members.items[0].pid,
			human_percent(host_group_share(nearest)).text,
			human_bytes(nearest->sampler.limit_bytes).text);
	fflush(stderr);
}

static void await(struct host *host, int64_t due_ns)
{
	struct pollfd events[] = {
		{.fd = host->signals, .events = POLLIN},
		{.fd = host->baseline ? host->baseline->channel : -1, .events = POLLIN},
		{.fd = host->ends, .events = POLLIN},
		{.fd = host->rises, .events = POLLIN},
	};
	// Several at once: what is due within a grid's width is done together.
	due_ns = (due_ns + GRID_NS - 1) / GRID_NS * GRID_NS;
	int64_t left_ns = due_ns - clock_monotonic_ns();
	struct signalfd_siginfo info;
	poll(events, sizeof events / sizeof *events,
	     left_ns > 0 ? (int)(left_ns / 1000000) + 1 : 0);
	while (read(host->signals, &info, sizeof info) == sizeof info)
		if (info.ssi_signo != SIGCHLD)
			host->signal = (int)info.ssi_signo;
}

static void hear_timeline(struct host *host)
{
	struct store_news news;
	if (!host->timeline || !store_update(host->timeline, &news))
		return;
	progress_say(&host->progress, "timeline: %s",
		     news.error.code == ERROR_NONE ? _("written again") : news.error.message);
}

static void loop(struct host *host)
{
	static const struct watch_budget usual = {CONFIG_CPU_DEFAULT_PERMYRIAD,
						  CONFIG_MEMORY_DEFAULT_BYTES};
	const struct watch_config *config = host->options->config;
	const struct watch_budget *budget = config ? &config->budget : &usual;
	while (!host->signal) {
		int64_t now_ns = clock_monotonic_ns();
		host_reap(host);
		if (host_hear_rises(host)) // what cannot wait is first
			update_groups(host, now_ns);
		host_update_baseline(host, now_ns);
		hear_timeline(host);
		host_rules_probe(host->rules, host->budget.slow, now_ns);
		budget_measure(&host->budget, budget, now_ns, &host->progress);
		if (now_ns >= host->scan_due_ns)
			scan(host, now_ns);
		int64_t due_ns = update_groups(host, now_ns);
		draw(host, now_ns);
		await(host, due_ns);
	}
}

static bool open_signals(struct host *host, struct error *error)
{
	static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGCHLD};
	sigset_t set;
	sigemptyset(&set);
	for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
		sigaddset(&set, signals[i]);
	if (sigprocmask(SIG_BLOCK, &set, &host->old_signals) != 0)
		return error_set_os(error, errno, "cannot block signals");
	host->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	host->ends = epoll_create1(EPOLL_CLOEXEC);
	host->rises = epoll_create1(EPOLL_CLOEXEC);
	return (host->signals >= 0 && host->ends >= 0 && host->rises >= 0) ||
	       error_set_os(error, errno, "cannot make a descriptor for events");
}

// Each cgroup takes a dozen descriptors.
static void allow_files(void)
{
	struct rlimit files;
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		(void)!setrlimit(RLIMIT_NOFILE, &files);
	}
}

static void open_timeline(struct host *host)
{
	const struct feed_options *feed = &host->options->feed;
	struct store_options store = {.path = feed->db, .size_bytes = feed->size_bytes};
	struct error error = {0};
	if (feed->db && !store_open(&store, &host->timeline, &error))
		progress_say(&host->progress, "no timeline: %s", error.message);
}

bool host_run(const struct host_options *options, int *signal, struct error *error)
{
	struct host host = {.options = options,
			    .pid = getpid(),
			    .signals = -1,
			    .ends = -1,
			    .rises = -1,
			    .node = NODE_MEMORY_NONE,
			    .progress = {.live_line = options->live_line}};
	host.discovery = discovery_new("/proc", options->pattern);
	allow_files();
	(void)!node_memory_open("/proc", &host.node,
				NULL); // then some are not watched, which is said
	bool ok = open_signals(&host, error);
	if (ok)
		open_timeline(&host);
	leftover_take(options->out, options->state, host.timeline, &host.progress);
	host.rules = host_rules_new(options->config, &host.progress, host.timeline);
	if (ok) {
		loop(&host);
		progress_clear(&host.progress);
		host_end_watches(&host);
		*signal = host.signal;
	}
	while (host.groups.count)
		drop_group(&host, host.groups.count - 1);
	vec_deinit(&host.groups);
	host_rules_free(host.rules);
	worker_free(host.baseline);
	if (host.timeline)
		store_close(host.timeline);
	discovery_free(host.discovery);
	node_memory_close(&host.node);
	cleanup_close(&host.ends);
	cleanup_close(&host.rises);
	if (host.signals >= 0) {
		close(host.signals);
		sigprocmask(SIG_SETMASK, &host.old_signals, NULL);
	}
	return ok;
}
