// SPDX-License-Identifier: Apache-2.0
// In: the Go programs of a host. Out: a watch in a child for each cgroup that needs one.
#include "watch/host.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/i18n.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/units.h"
#include "watch/budget.h"
#include "watch/host_group.h"
#include "watch/host_rules.h"
#include "watch/progress.h"
#include "watch/target_choice.h"

enum { WATCHERS_MAX = 64, GROUPS_MAX = 16384, BASELINE_COST = 300, JUDGE_SLOW_MAX = 3 };

static const int64_t SCAN_EVERY_NS = 1000000000, CALM_NS = 120000000000, FIRED_CALM_NS = 2000000000,
		     LINE_EVERY_NS = 1000000000, GRID_NS = 25000000, FAR_PACE_NS = 250000000;

struct host {
	const struct host_options *options;
	struct discovery *discovery;
	VEC(struct host_group *) groups;
	int signals, ends; // the latter: an epoll over the pidfds of all members
	sigset_t old_signals;
	struct progress progress;
	struct store_writer *timeline; // NULL: none
	struct host_rules *rules;
	struct budget budget;
	struct worker *baseline; // at most one is being taken
	struct host_group *baseline_group;
	pid_t baseline_pid;
	int64_t baselines_rest_ns; // until then only first ones are taken
	int64_t scan_due_ns, line_due_ns;
	int watchers, signal;
	struct node_memory node;
	bool told_unseen;
};

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
	vec_push(&host->groups, group);
	return group;
}

static void add_process(struct host *host, const struct discovered *process)
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
	struct host_member *member = host_group_add(group, process, pidfd);
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
		add_process(host, process);
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

// ---- a watch for one ----

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
	};
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	sigprocmask(SIG_SETMASK, &host->old_signals, NULL);
	syscall(SYS_close_range, STDERR_FILENO + 1, ~0U, 0);
	int code = options->watch_one(&watch);
	fflush(NULL);
	_exit(code);
}

// `fired` NULL: no trigger but the limit that comes near.
static void begin_watch(struct host *host, struct host_group *group, pid_t pid,
			const struct host_fired *fired)
{
	struct host_fired known;
	const struct host_member *member = host_group_find(group, pid);
	if (host->watchers == WATCHERS_MAX && fired)
		progress_say(&host->progress, "no incident, %d watches are at work: %s",
			     WATCHERS_MAX, fired->reason);
	if (!pid || host->watchers == WATCHERS_MAX)
		return;
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

static bool has_ended(const struct host_member *member)
{
	struct pollfd ended = {.fd = member->pidfd, .events = POLLIN};
	return poll(&ended, 1, 0) > 0;
}

// A baseline went with its incident, if there was one.
static void end_watch(struct host *host, struct host_group *group)
{
	const struct host_member *member = host_group_find(group, group->watched);
	if (member && !has_ended(member)) // then the watch has not told how it ended
		group->watched = 0;
	group->watcher = 0;
	group->last_ns = 0;
	host->watchers--;
	for (int i = group->baselines.count - 1; i >= 0; i--)
		if (access(group->baselines.items[i].directory, F_OK) != 0)
			baselines_remove(&group->baselines, i);
}

static void reap(struct host *host)
{
	VEC_FOREACH (group, &host->groups)
		if ((*group)->watcher && waitpid((*group)->watcher, NULL, WNOHANG) != 0)
			end_watch(host, *group);
}

// ---- baselines ----

static void begin_baseline(struct host *host, struct host_group *group, pid_t pid, int64_t now_ns)
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
	group->baseline_due_ns = now_ns + SCAN_EVERY_NS * 60; // should this one fail
	if (!worker_start(&request, &host->baseline, NULL))
		return;
	host->baseline->usage_bytes = group->sampler.usage_bytes;
	host->baseline_group = group;
	host->baseline_pid = pid;
}

// The one whose baseline is due; 0: none. First ones come at once, the others share a part of the
// time, so that many programs that change do not cost more than a few.
static pid_t next_baseline_of(struct host *host, struct host_group *group, int64_t now_ns)
{
	VEC_FOREACH (member, &group->members)
		if (host_rules_needs_capture(host->rules, member->judge))
			return member->pid;
	if ((group->baselines.count && now_ns < host->baselines_rest_ns) ||
	    !host_group_wants_baseline(group, now_ns))
		return 0;
	return host_group_largest(group);
}

static void learn(struct host *host, const struct host_group *group, const struct worker *worker)
{
	const struct host_member *member = host_group_find(group, host->baseline_pid);
	if (member && member->judge)
		host_rules_learn(host->rules, member->judge,
				 worker->state == WORKER_READY ? &worker->summary : NULL);
}

static void update_baseline(struct host *host, int64_t now_ns)
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

// ---- the loop ----

static void drop_ended_members(struct host *host, struct host_group *group)
{
	for (size_t i = 0; i < group->members.count;) {
		struct host_member *member = &group->members.items[i];
		if (!has_ended(member)) {
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
	if (judged && judge(host, group, now_ns, &pid, &fired))
		begin_watch(host, group, pid, &fired);
	else if (wanted)
		begin_watch(host, group, host_group_largest(group), NULL);
	else if (!host->baseline && (pid = next_baseline_of(host, group, now_ns)))
		begin_baseline(host, group, pid, now_ns);
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
		reap(host);
		update_baseline(host, now_ns);
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
	return (host->signals >= 0 && host->ends >= 0) ||
	       error_set_os(error, errno, "cannot make a descriptor for events");
}

// The watches end as they do by a signal of their own: with a report, if there is something to say.
static void end_watches(struct host *host)
{
	VEC_FOREACH (group, &host->groups)
		if ((*group)->watcher)
			kill((*group)->watcher, SIGTERM);
	VEC_FOREACH (group, &host->groups)
		while ((*group)->watcher && waitpid((*group)->watcher, NULL, 0) < 0 &&
		       errno == EINTR)
			;
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
			    .signals = -1,
			    .ends = -1,
			    .node = NODE_MEMORY_NONE,
			    .progress = {.live_line = options->live_line}};
	host.discovery = discovery_new("/proc", options->pattern);
	allow_files();
	(void)!node_memory_open("/proc", &host.node,
				NULL); // then some are not watched, which is said
	bool ok = open_signals(&host, error);
	if (ok)
		open_timeline(&host);
	host.rules = host_rules_new(options->config, &host.progress, host.timeline);
	if (ok) {
		loop(&host);
		progress_clear(&host.progress);
		end_watches(&host);
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
	if (host.signals >= 0) {
		close(host.signals);
		sigprocmask(SIG_SETMASK, &host.old_signals, NULL);
	}
	return ok;
}
