// SPDX-License-Identifier: Apache-2.0
// The watch of many, for its parts: host.c (who is there, the loop), host_children.c (watches of
// one program and captures in calm times, each in a process of its own).
#pragma once

#include <signal.h>

#include "watch/budget.h"
#include "watch/host.h"
#include "watch/host_group.h"
#include "watch/host_rules.h"
#include "watch/progress.h"

#define HOST_SECOND_NS ((int64_t)1000000000)

struct host {
	const struct host_options *options;
	struct discovery *discovery;
	VEC(struct host_group *) groups;
	int signals, ends; // the latter: an epoll over the pidfds of all members
	int rises;         // an epoll over the events of all groups
	uint64_t groups_made;
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
	bool told_unseen, told_full;
	pid_t pid; // our own
};

// Once its limit is known, and again: its usage's rise is told from then on.
void host_follow_rises(struct host *host, struct host_group *group);
// Whoever has risen is due at once. False: nobody has.
bool host_hear_rises(struct host *host);

// `fired` NULL: no trigger but the limit that comes near.
void host_begin_watch(struct host *host, struct host_group *group, pid_t pid,
		      const struct host_fired *fired);
// Those that have ended.
void host_reap(struct host *host);
// All that are at work: with a report, if there is something to say.
void host_end_watches(struct host *host);

// The program whose baseline is due; 0: none.
pid_t host_next_baseline(struct host *host, struct host_group *group, int64_t now_ns);
void host_begin_baseline(struct host *host, struct host_group *group, pid_t pid, int64_t now_ns);
void host_update_baseline(struct host *host, int64_t now_ns);
