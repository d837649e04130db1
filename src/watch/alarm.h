// SPDX-License-Identifier: Apache-2.0
/*
 * The triggers of one target at work: readings in, an incident for each firing, its actions.
 * Its captures are beside those that wait for the kill (captures.h), so that neither waits for the
 * other. At most one at a time; triggers that fire meanwhile share the next.
 */
#pragma once

#include "watch/baselines.h"
#include "watch/config.h"
#include "watch/feed.h"
#include "watch/progress.h"
#include "watch/store.h"
#include "watch/vitals.h"
#include "watch/worker.h"

enum { ALARM_REASON_MAX = 512, ALARM_RUNNERS_MAX = 4 };

struct life;

struct alarm {
	const struct watch_config *config; // borrowed, as all pointers here
	struct rule_state *states;         // one for each rule
	const struct progress *progress;
	struct feed *feed;
	const struct life *life;
	const char *db; // of the timeline; NULL: none
	const struct process_files *process;
	const char *cgroup_path, *out, *current; // `current`: not to be removed
	const char *state;                       // of relief; NULL: the usual place
	char name[PROCESS_NAME_MAX], executable[256], container_id[128], container_name[256];
	uint32_t about;   // the rules that are about this target, a bit each
	uint32_t waiting; // fired, not captured yet
	uint32_t serving; // being captured
	uint32_t missed;  // fired, but the target ended before it was captured
	char reason[ALARM_REASON_MAX], serving_reason[ALARM_REASON_MAX];
	struct worker *worker;
	bool finishing;
	struct store store;
	struct baseline baseline; // compared with; "" when there was none
	bool wants_hold;          // a trigger that holds has fired
	pid_t runners[ALARM_RUNNERS_MAX];
	int incidents; // so far
};

// `states` may be shared with who continues after us.
void alarm_begin(struct alarm *alarm, const struct watch_config *config, struct rule_state *states,
		 const struct process_files *process, const struct cgroup *cgroup);
// Its container's name is known now.
void alarm_name_container(struct alarm *alarm, const char *name);
// Judges the readings, and goes on with what is being done.
void alarm_update(struct alarm *alarm, const struct vitals *vitals, const struct sampler *sampler,
		  const struct baselines *baselines);
// Judges alone: what has fired is in `waiting` and `reason`.
void alarm_judge(struct alarm *alarm, const struct readings *readings);
// A capture or an action is under way.
bool alarm_is_busy(const struct alarm *alarm);
int alarm_event_fd(const struct alarm *alarm); // readable when there is news; -1: none expected
// The target has been killed, and that incident is on disk: triggers on oom_kills act on it.
void alarm_after_kill(struct alarm *alarm, struct vitals *vitals, const char *incident);
// Waits a moment for the incident at hand.
void alarm_end(struct alarm *alarm, const struct sampler *sampler);
