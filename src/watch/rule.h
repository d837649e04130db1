// SPDX-License-Identifier: Apache-2.0
/*
 * A trigger that somebody wrote: a condition, whom it is about, how often it may fire, what is done
 * then. And its state for one target: pure decisions over readings, so that a test can play any
 * story. Both are plain data; a state that is all zero is new.
 *
 * It fires when the condition has held for its time without a break, and again while it still
 * holds once the cooldown is over, but not more often than its quota. A gap between two readings
 * is a break: nobody knows what was meanwhile. What is not known does not hold.
 */
#pragma once

#include <sys/types.h>

#include "watch/condition.h"
#include "watch/past.h"

enum {
	RULES_MAX = 32,
	RULE_NAME_MAX = 48,
	RULE_PATTERN_MAX = 256,
	RULE_RUNS_MAX = 2,
	RULE_ARGUMENTS_MAX = 16,
	RULE_COMMAND_BYTES = 1024,
	RULE_WISH_MAX = 24,
	RULE_USER_MAX = 33,
	RULE_QUOTA_MAX = 60,
	RULE_QUOTA_DEFAULT = 6,
};

#define RULE_COOLDOWN_DEFAULT_NS ((int64_t)600 * 1000000000)
#define RULE_COOLDOWN_MIN_NS     ((int64_t)1000000000)
#define RULE_COOLDOWN_MAX_NS     ((int64_t)30 * 86400 * 1000000000)
#define RULE_TIMEOUT_DEFAULT_NS  ((int64_t)30 * 1000000000)
#define RULE_TIMEOUT_MIN_NS      ((int64_t)1000000000)
#define RULE_TIMEOUT_MAX_NS      ((int64_t)600 * 1000000000)
#define RULE_GAP_NS              ((int64_t)10 * 1000000000)
#define RULE_HOUR_NS             ((int64_t)3600 * 1000000000)

// A command; the incident's path is appended as its last argument.
struct rule_run {
	char words[RULE_COMMAND_BYTES]; // each terminated
	int count;
	char user[RULE_USER_MAX]; // "": nobody
	uid_t uid;                // of `user`, once it was looked up
	gid_t gid;
	int64_t timeout_ns;
};

// As `whyoom relieve` takes them; "" where it is not asked for.
struct rule_relief {
	char memory_limit[RULE_WISH_MAX], gogc[RULE_WISH_MAX]; // of the process
	char cgroup_limit[RULE_WISH_MAX];                      // of its cgroup
};

struct watch_rule {
	char name[RULE_NAME_MAX];
	struct condition condition;
	// Shell patterns; "": any.
	char only_name[RULE_PATTERN_MAX], only_container[RULE_PATTERN_MAX],
		only_cgroup[RULE_PATTERN_MAX];
	int64_t cooldown_ns;
	int quota; // an hour
	// Besides the incident, which each firing makes.
	bool hold, relieve;
	struct rule_relief relief;
	struct rule_run runs[RULE_RUNS_MAX];
	size_t run_count;
};

struct rule_state {
	int64_t last_ns;   // the newest readings
	int64_t true_ns;   // since when the condition holds; 0: it does not
	int64_t fired_ns;  // 0: never
	int64_t held_back; // how often its quota kept it from firing since
	bool over_quota;   // just now
	int64_t fired[RULE_QUOTA_MAX];
	int next_fired, fired_count; // a ring
	struct past pasts[CONDITION_TERMS_MAX];
	int64_t baselines[CONDITION_TERMS_MAX]; // at the newest readings
	bool has_baseline[CONDITION_TERMS_MAX];
};

enum rule_decision {
	RULE_QUIET,
	RULE_FIRES,
	RULE_OVER_QUOTA, // for the first time since it fired: worth a word
};

// Whom a rule is about. NULL or "" is not known, and matches no pattern.
struct rule_subject {
	const char *name, *executable; // either may match
	const char *container_id, *container_name;
	const char *cgroup;
};

bool rule_is_about(const struct watch_rule *rule, const struct rule_subject *subject);
enum rule_decision rule_update(const struct watch_rule *rule, struct rule_state *state,
			       const struct readings *readings);
// "trigger goroutine-leak: goroutines 61,234, above 50,000, for 10 s", of the newest readings.
void rule_reason(const struct watch_rule *rule, const struct rule_state *state,
		 const struct readings *readings, char *text, size_t capacity);
// Which metrics the rules need, a bit each.
uint32_t rules_needs(const struct watch_rule *rules, size_t count);
bool rules_need(uint32_t needs, enum metric_source source);
