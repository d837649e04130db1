// SPDX-License-Identifier: Apache-2.0
// One cgroup with Go programs in it, as long as it is calm; used by host.c.
#pragma once

#include "base/vec.h"
#include "watch/baselines.h"
#include "watch/discovery.h"
#include "watch/sampler.h"
#include "watch/store.h"
#include "watch/worker.h"

struct host_judge;
struct host_rules;

enum { HOST_RISES = 4 };

struct host_member {
	pid_t pid;
	int pidfd;
	int64_t found_ns;
	char name[PROCESS_NAME_MAX];
	struct host_judge *judge; // of its triggers; NULL: none
};

struct host_group {
	char path[PATH_MAX];
	struct cgroup *cgroup;
	bool hurried; // glanced at more often: nothing tells at once that it fills up
	bool alone;   // of one process, for which the machine's memory was the limit
	struct sampler sampler;
	VEC(struct host_member) members;
	pid_t watcher;                     // the child that watches it; 0: it is calm
	pid_t watched;                     // which process that is about, or was until its end
	int64_t due_ns, taken_ns;          // the next sample; the last whole one
	int64_t last_usage_bytes, last_ns; // the last glance
	struct store store;                // of the baselines
	bool has_store;
	struct baselines baselines;
	int baselines_taken;
	int64_t baseline_due_ns;
	int64_t judge_due_ns;      // when its triggers are looked at next
	uint64_t number;           // of this one only
	int rises[HOST_RISES];     // events of its usage; -1: none
	int64_t rises_limit_bytes; // the limit they are steps of; 0: none yet
};

// For process `pid`, the first one in it. ERROR_NOT_FOUND once the cgroup is gone. `node` is
// borrowed.
bool host_group_open(const char *path, struct node_memory *node, pid_t pid,
		     struct host_group **group, struct error *error) must_check;
void host_group_free(struct host_group *group);
bool host_group_has(const struct host_group *group, pid_t pid);
struct host_member *host_group_find(const struct host_group *group, pid_t pid); // NULL: none
struct host_member *host_group_add(struct host_group *group, const struct discovered *process,
				   int pidfd, int64_t now_ns);
// Whether it has lived long enough to be worth a capture: compilers and scripts come and go.
bool host_group_lasts(const struct host_group *group, const struct host_member *member,
		      int64_t now_ns);
bool host_member_has_ended(const struct host_member *member);
// The member with the most anonymous memory; 0 without members.
pid_t host_group_largest(const struct host_group *group);
// Samples it. A whole sample goes to the timeline. *wanted: it needs a watch of its own. `whole`:
// not a glance. False when it is gone.
bool host_group_sample(struct host_group *group, struct host_rules *rules, int64_t now_ns,
		       bool whole, bool *wanted);
// Of its limit, as of the last whole sample: what cannot be reclaimed.
double host_group_share(const struct host_group *group);

// Whether it is time, and enough has changed since the last one.
bool host_group_wants_baseline(struct host_group *group, int64_t now_ns);
// The directory for its next baseline, of process `pid`.
bool host_group_next_baseline(struct host_group *group, const char *out, pid_t pid, char *directory,
			      size_t capacity);
void host_group_keep_baseline(struct host_group *group, const char *directory, int64_t usage_bytes,
			      int64_t now_ns);
